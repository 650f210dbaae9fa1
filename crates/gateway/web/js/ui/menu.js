// A button with a list below it.
import { html, useLayoutEffect, useRef, useSignal } from "../../vendor/ui.js";

/** `children` is a function that gets what closes the list and gives its items, buttons with a role of menu items. */
export function Menu({ label, face, className = "", children }) {
  const open = useSignal(false);
  const box = useRef(null);
  const list = useRef(null);
  const close = () => {
    open.value = false;
    box.current?.querySelector("button")?.focus();
  };
  useLayoutEffect(() => {
    if (!open.value) return undefined;
    const items = [...list.current.querySelectorAll("[role^=menuitem]")];
    (items.find((item) => item.ariaChecked === "true") ?? items[0])?.focus();
    const outside = (event) => box.current.contains(event.target) || (open.value = false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open.value]);
  const onKey = (event) => {
    const items = [...list.current.querySelectorAll("[role^=menuitem]")];
    const at = items.indexOf(document.activeElement);
    const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (go !== undefined) {
      event.preventDefault();
      items[(go + items.length) % items.length]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      event.stopPropagation();
      close();
    }
  };
  return html`
    <div class="menu ${className}" ref=${box}>
      <button type="button" class="plain face" aria-label=${label} title=${label} aria-haspopup="menu" aria-expanded=${open.value ? "true" : "false"}
        onClick=${() => (open.value = !open.value)}>${face}</button>
      ${open.value && html`<div class="list" role="menu" aria-label=${label} ref=${list} onKeyDown=${onKey}>${children(close)}</div>`}
    </div>
  `;
}
