// Markdown as a component: all of an answer, or one that is still being written.
import { html, useEffect, useLayoutEffect, useRef } from "../../vendor/ui.js";
import { language } from "../i18n.js";
import { blocks, highlighter, nodes } from "./markdown.js";

function Block({ text, open = false }) {
  const box = useRef(null);
  // Drawn before the screen is, so that nothing is seen empty.
  useLayoutEffect(() => {
    box.current.replaceChildren(nodes(text, { open }));
  }, [text, open, /(```|~~~)/.test(text) && highlighter.value, language.value]);
  return html`<div class="block" ref=${box}></div>`;
}

/** A whole answer. */
export const Prose = ({ text }) => html`<div class="prose"><${Block} text=${text} /></div>`;

/** An answer that grows: only its last block is drawn anew. */
export function GrowingProse({ text }) {
  const last = useRef(null);
  const cut = blocks(text, last.current);
  useEffect(() => {
    last.current = cut;
  });
  return html`<div class="prose growing">
    ${cut.done.map((block, at) => html`<${Block} key=${at} text=${block} />`)}
    ${cut.tail.trim() && html`<${Block} key=${cut.done.length} text=${cut.tail} open=${true} />`}
  </div>`;
}
