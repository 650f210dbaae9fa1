// Keeps the newest words in sight while a person is at the end, and leaves them alone when they read above.
import { signal, useEffect, useLayoutEffect, useRef } from "../../vendor/ui.js";

const NEAR = 60;

/** Whether the end is in sight. */
export const atEnd = signal(true);

let scroller = null;

export function toEnd(smooth = false) {
  atEnd.value = true;
  scroller?.scrollTo({ top: scroller.scrollHeight, behavior: smooth && !calm.matches ? "smooth" : "instant" });
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** References for the box that scrolls and for what is in it. `key` changes with the conversation. */
export function useScroll(key) {
  const outer = useRef(null);
  const inner = useRef(null);
  useLayoutEffect(() => {
    scroller = outer.current;
    atEnd.value = true;
    const look = () => (atEnd.value = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR);
    scroller.addEventListener("scroll", look, { passive: true });
    const grown = new ResizeObserver(() => atEnd.value && toEnd());
    grown.observe(inner.current);
    grown.observe(outer.current);
    return () => {
      grown.disconnect();
      scroller?.removeEventListener("scroll", look);
      scroller = null;
    };
  }, [key]);
  useEffect(() => toEnd(), [key]);
  return { outer, inner };
}

/** Does something that adds lines above, and leaves the lines that are read where they are. */
export async function steady(work) {
  const { scrollHeight, scrollTop } = scroller;
  await work();
  requestAnimationFrame(() => {
    if (scroller) scroller.scrollTop = scrollTop + scroller.scrollHeight - scrollHeight;
  });
}
