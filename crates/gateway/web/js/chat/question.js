// What a person has said: a bubble that can be copied and said anew.
import { html, useLayoutEffect, useRef, useSignal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { forget, sayAgain } from "../state/outbox.js";
import { copyText } from "../ui/copy.js";
import { clock, moment } from "../ui/format.js";
import { Icon } from "../ui/icons.js";
import { problem } from "../ui/problem.js";
import { toast } from "../ui/toast.js";
import { shownAt } from "./images.js";

export const Images = ({ images = [] }) => {
  const shown = images.map(shownAt).filter(Boolean);
  if (!shown.length) return null;
  return html`<div class="images">${shown.map((src, at) => html`<img key=${at} src=${src} alt=${t("image.nth", { n: at + 1 })} />`)}</div>`;
};

/** `onEdit(text)` says something else instead; null while that cannot be done. */
export function Question({ entry, onEdit }) {
  const editing = useSignal(false);
  if (editing.value) {
    return html`<${Editor} text=${entry.text} onLeave=${() => (editing.value = false)}
      onSay=${(text) => ((editing.value = false), onEdit(text))} />`;
  }
  return html`
    <article class="question" aria-label=${t("you")}>
      <${Images} images=${entry.images} />
      ${entry.text && html`<div class="bubble" dir="auto">${entry.text}</div>`}
      <div class="actions">
        ${entry.from && html`<span class="faint">${t("from", { channel: entry.from })}</span>`}
        <time class="faint" datetime=${new Date(entry.at).toISOString()} title=${moment(entry.at)}>${clock(entry.at)}</time>
        <button type="button" class="plain small" aria-label=${t("copy.message")} title=${t("copy.message")}
          onClick=${async () => (await copyText(entry.text)) && toast(t("copied"))}><${Icon} name="copy" size="15" /></button>
        <button type="button" class="plain small" aria-label=${t("edit")} title=${t("edit")} disabled=${!onEdit}
          onClick=${() => (editing.value = true)}><${Icon} name="edit" size="15" /></button>
      </div>
    </article>
  `;
}

function Editor({ text, onSay, onLeave }) {
  const area = useRef(null);
  // Before anybody can see it: what is typed at once must go in, and the cursor must not move under it.
  useLayoutEffect(() => {
    area.current.focus();
    area.current.setSelectionRange(text.length, text.length);
  }, []);
  const say = () => area.current.value.trim() && onSay(area.current.value.trim());
  const onKey = (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      onLeave();
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      say();
    }
  };
  return html`
    <form class="editor" onSubmit=${(event) => (event.preventDefault(), say())}>
      <textarea ref=${area} rows="3" aria-label=${t("edit.label")} onKeyDown=${onKey} defaultValue=${text}></textarea>
      <p class="faint">${t("edit.hint")}</p>
      <div class="buttons">
        <button type="button" onClick=${onLeave}>${t("cancel")}</button>
        <button type="submit" class="primary">${t("send")}</button>
      </div>
    </form>
  `;
}

/** One that the gateway has not put into the conversation yet. */
export const Pending = ({ message }) => html`
  <article class="question pending ${message.state}" aria-label=${t("you")}>
    <${Images} images=${message.images} />
    ${message.text && html`<div class="bubble" dir="auto">${message.text}</div>`}
    <div class="actions" role="status">
      ${message.state === "failed"
        ? html`
            <span class="bad">${message.error ? problem(message.error) : t("pending.unsent")}</span>
            <button type="button" class="link" onClick=${() => sayAgain(message)}>${t("pending.again")}</button>
            <button type="button" class="link" onClick=${() => forget(message.id)}>${t("pending.forget")}</button>`
        : html`<span class="faint">${t(`pending.${message.state}`)}</span>`}
    </div>
  </article>
`;
