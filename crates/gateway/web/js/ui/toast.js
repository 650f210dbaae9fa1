// A short sentence at the edge, which goes by itself.
import { html, signal } from "../../vendor/ui.js";

const shown = signal([]);
let next = 0;

export function toast(text, tone = "calm") {
  const id = ++next;
  shown.value = [...shown.value.slice(-2), { id, text, tone }];
  setTimeout(() => (shown.value = shown.value.filter((one) => one.id !== id)), tone === "bad" ? 9000 : 4000);
}

export const Toasts = () => html`
  <div class="toasts" role="status" aria-live="polite">
    ${shown.value.map((one) => html`<div key=${one.id} class="toast ${one.tone}">${one.text}</div>`)}
  </div>
`;
