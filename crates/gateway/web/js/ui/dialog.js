// What stands in front of everything until it is answered: the browser's own dialog keeps the focus in it.
import { html, signal, useEffect, useRef } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { Icon } from "./icons.js";

export function Dialog({ title, onClose, children, wide = false }) {
  const box = useRef(null);
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  // A click on the dark around it closes it.
  const outside = (event) => event.target === box.current && onClose();
  return html`
    <dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onClose=${onClose} onClick=${outside}>
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id="dialog-title">${title}</h2>
          <button type="button" class="plain" aria-label=${t("close")} onClick=${onClose}><${Icon} name="close" /></button>
        </div>
        ${children}
      </div>
    </dialog>
  `;
}

const question = signal(null);

/** Asks yes or no. */
export const confirm = (title, text, yes) =>
  new Promise((answer) => (question.value = { title, text, yes, answer }));

export function Question() {
  const asked = question.value;
  if (!asked) return null;
  const say = (value) => {
    question.value = null;
    asked.answer(value);
  };
  return html`
    <${Dialog} title=${asked.title} onClose=${() => say(false)}>
      <p>${asked.text}</p>
      <div class="buttons">
        <button type="button" onClick=${() => say(false)}>${t("cancel")}</button>
        <button type="button" class="danger" onClick=${() => say(true)}>${asked.yes}</button>
      </div>
    <//>
  `;
}
