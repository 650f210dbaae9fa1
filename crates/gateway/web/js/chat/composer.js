// Where a person writes: it grows, takes pictures, and knows the commands.
import { html, signal, useEffect, useLayoutEffect, useRef } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { recall, remember } from "../prefs.js";
import { running } from "../state/chat.js";
import { isNarrow } from "../shell/drawer.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { completions } from "./commands.js";
import { MOST_IMAGES, filesOf, prepare, shownAt } from "./images.js";

const pictures = signal([]);
const chosen = signal(0);
const closedFor = signal("");
const draft = signal("");

/** Puts the cursor where a person writes. */
export const focusComposer = () => document.getElementById("composer")?.focus();

async function take(files) {
  for (const file of files) {
    if (pictures.value.length >= MOST_IMAGES) return toast(t("image.many", { n: MOST_IMAGES }), "bad");
    try {
      pictures.value = [...pictures.value, await prepare(file)];
    } catch {
      toast(t("image.bad", { name: file.name }), "bad");
    }
  }
}

/** `onSay(text, images)` and `onStop()`. */
export function Composer({ conversation, onSay, onStop }) {
  const area = useRef(null);
  const file = useRef(null);
  useEffect(() => {
    draft.value = recall(`draft.${conversation}`) ?? "";
    pictures.value = [];
    if (matchMedia("(hover: hover)").matches) focusComposer();
  }, [conversation]);
  useLayoutEffect(() => fit(area.current), [draft.value]);

  useEffect(() => document.getElementById(`option-${chosen.value}`)?.scrollIntoView({ block: "nearest" }), [chosen.value]);

  const write = (text) => {
    draft.value = text;
    chosen.value = 0;
    remember(`draft.${conversation}`, text || null);
  };
  const say = () => {
    const text = draft.value.trim();
    if (!text && !pictures.value.length) return;
    onSay(text, pictures.value);
    pictures.value = [];
    write("");
    focusComposer();
  };
  const options = closedFor.value === draft.value && draft.value ? [] : completions(draft.value);
  const complete = (option) => {
    write(option.text);
    focusComposer();
  };
  const onKey = (event) => {
    // The keys of an input method belong to it, Enter above all.
    if (event.isComposing || event.keyCode === 229) return;
    if (options.length && completionKey(event, options, complete)) return event.preventDefault();
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      say();
    }
  };
  const onPaste = (event) => {
    const files = filesOf(event.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    take(files);
  };
  const busy = running.value !== null;
  const empty = !draft.value.trim() && !pictures.value.length;
  return html`
    <form class="composer" onSubmit=${(event) => (event.preventDefault(), say())}>
      ${options.length > 0 && html`<${Options} options=${options} onTake=${complete} />`}
      ${pictures.value.length > 0 && html`<${Pictures} />`}
      <label class="hidden" for="composer">${t("composer.label")}</label>
      <textarea
        id="composer" ref=${area} rows="1" value=${draft.value} placeholder=${t(isNarrow.value ? "composer.label" : "composer.placeholder")}
        aria-autocomplete="list" aria-controls=${options.length ? "options" : undefined}
        aria-activedescendant=${options.length ? `option-${chosen.value}` : undefined}
        aria-describedby="composer-help" autocomplete="off" enterkeyhint="send"
        onInput=${(event) => write(event.target.value)} onKeyDown=${onKey} onPaste=${onPaste}
      ></textarea>
      <div class="composer-row">
        <input ref=${file} type="file" accept="image/*" multiple hidden
          onChange=${(event) => (take(filesOf(event.target)), (event.target.value = ""))} />
        <button type="button" class="plain" aria-label=${t("image.add")} title=${t("image.add")}
          onClick=${() => file.current.click()}><${Icon} name="image" /></button>
        <span class="faint hint" id="composer-help">${t("composer.help")}</span>
        ${busy && html`<button type="button" class="round stop" aria-label=${t("stop")} title="${t("stop")} (Esc)"
          onClick=${onStop}><${Icon} name="stop" /></button>`}
        ${(!busy || !empty) && html`<button type="submit" class="round send" aria-label=${t("send")} title=${t("send")}
          disabled=${empty}><${Icon} name="send" /></button>`}
      </div>
    </form>
  `;
}

function fit(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/** Whether the key was one for the list. */
function completionKey(event, options, complete) {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move) {
    chosen.value = (chosen.value + move + options.length) % options.length;
    return true;
  }
  const option = options[chosen.value] ?? options[0];
  if (event.key === "Tab" && !event.shiftKey) return complete(option), true;
  if (event.key === "Enter" && !event.shiftKey && option.text.trim() !== draft.value.trim()) return complete(option), true;
  if (event.key === "Escape") {
    event.stopPropagation();
    closedFor.value = draft.value;
    return true;
  }
  return false;
}

const Options = ({ options, onTake }) => html`
  <ul id="options" class="options" role="listbox" tabindex="0" aria-label=${t("composer.commands")}>
    ${options.map((option, at) => html`
      <li key=${option.text} id=${`option-${at}`} role="option" aria-selected=${at === chosen.value ? "true" : "false"}
        onMouseDown=${(event) => (event.preventDefault(), onTake(option))}>
        <code>${option.label}</code> <span class="faint">${option.hint}</span>
      </li>`)}
  </ul>
`;

const Pictures = () => html`
  <ul class="pictures" aria-label=${t("image.list")}>
    ${pictures.value.map((picture, at) => html`
      <li key=${picture.data.slice(0, 40) + at}>
        <img src=${shownAt(picture)} alt=${t("image.nth", { n: at + 1 })} />
        <button type="button" class="round small" aria-label=${t("image.remove", { n: at + 1 })}
          onClick=${() => (pictures.value = pictures.value.filter((one) => one !== picture))}><${Icon} name="close" size="12" /></button>
      </li>`)}
  </ul>
`;

/** Takes pictures that are dropped anywhere over the conversation. */
export function takeDrops(event) {
  const files = filesOf(event.dataTransfer);
  if (!files.length) return;
  event.preventDefault();
  take(files);
  focusComposer();
}
