// Collects what comes in, and works it off once a frame: a fast model sends more pieces than a screen has pictures.

/** A function that takes items; `work` gets all of them together. */
export function perFrame(work) {
  let items = [];
  let waiting = false;
  const flush = () => {
    waiting = false;
    const all = items;
    items = [];
    if (all.length) work(all);
  };
  const add = (item) => {
    items.push(item);
    if (waiting) return;
    waiting = true;
    // A page that nobody sees gets no frames.
    if (document.hidden) setTimeout(flush, 250);
    else requestAnimationFrame(flush);
  };
  add.flush = flush;
  return add;
}
