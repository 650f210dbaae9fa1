// Markdown of a model: into blocks, and a block into nodes.
import { Marked } from "../../vendor/markdown.js";
import { signal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { clean } from "./sanitize.js";

/** Tags without attributes that models write in the middle of their Markdown. */
const HARMLESS = /^<\/?(?:br|sub|sup|kbd|mark|b|i|u|s)\s*\/?>$/i;

/** Colours a code block; null until it has been loaded. */
export const highlighter = signal(null);
let loading = null;

/** Loads the colours: the first code block does. */
export function loadHighlighter() {
  loading ??= import("../../vendor/highlight.js").then(
    (module) => (highlighter.value = module.highlight),
    () => (loading = null),
  );
}

const escape = (text) =>
  text.replace(/[&<>"']/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[sign]);

const renderer = {
  // What looks like HTML is shown as it was written.
  html({ text }) {
    return HARMLESS.test(text.trim()) ? text : escape(text);
  },
  // No picture is loaded from elsewhere: its address could carry out what is in the conversation.
  image({ href, text }) {
    const label = t("text.picture", { name: text || href });
    return `<a href="${escape(href)}">${escape(label)}</a>`;
  },
  // Below the heading of the answer, with whatever depth a model begins; how large it is says the class.
  heading({ tokens, depth }) {
    const level = Math.max(depth, 3);
    return `<h${level} class="depth${depth}">${this.parser.parseInline(tokens)}</h${level}>\n`;
  },
  code({ text, lang }) {
    const language = /^[\w+#.-]{1,30}/.exec(lang ?? "")?.[0]?.toLowerCase() ?? "";
    const coloured = text.length < 60_000 ? highlighter.value?.(text, language) : null;
    return `<pre><code class="language-${escape(language || "text")}">${coloured ?? escape(text)}</code></pre>\n`;
  },
  checkbox({ checked }) {
    return checked ? "☑ " : "☐ ";
  },
};

const marked = new Marked({ gfm: true, breaks: true, renderer });

/**
 * Cuts what has come so far into blocks. All but the last are whole, and stay what they are when more comes.
 * `from` is what an earlier call gave for the beginning of the same text, so that it is not read again.
 */
export function blocks(text, from = null) {
  const kept = from && text.startsWith(from.whole) ? from.done : [];
  const begin = kept.length ? from.whole.length : 0;
  const tokens = marked.lexer(text.slice(begin));
  // A space behind a list may be the middle of it.
  let last = tokens.length - 1;
  while (last > 0 && tokens[last].type === "space") last -= 1;
  const done = [...kept, ...tokens.slice(0, Math.max(last, 0)).map((token) => token.raw)];
  const tail = tokens.slice(Math.max(last, 0)).map((token) => token.raw).join("");
  const whole = text.slice(0, text.length - tail.length);
  // The lexer writes some signs another way; then the text cannot be taken up there.
  const faithful = whole + tail === text && done.join("") === whole;
  return { done, tail, whole: faithful ? whole : "\u0000" };
}

/** Nodes for Markdown; `open` when it is not whole yet. */
export function nodes(text, { open = false } = {}) {
  if (/(^|\n)\s*(```|~~~)/.test(text)) loadHighlighter();
  const fragment = clean(marked.parse(open ? closed(text) : text));
  for (const pre of fragment.querySelectorAll("pre")) frame(pre);
  for (const table of fragment.querySelectorAll("table")) scrollable(table);
  return fragment;
}

/** Closes what is still open at the end, so that signs do not turn into letters and back. */
export function closed(text) {
  if (/^\s*(```|~~~)/.test(text)) return text;
  let fixed = text.replace(/!?\[([^\]\n]*)\]\([^)\s]*$/, "$1");
  for (const sign of ["`", "**", "~~"]) {
    const count = fixed.split(sign).length - 1;
    if (count % 2 === 0) continue;
    fixed = fixed.endsWith(sign) ? fixed.slice(0, -sign.length) : fixed + sign;
  }
  return fixed;
}

/** A code block gets a line above it: its language, and a button that copies it. */
function frame(pre) {
  const language = /language-(\S+)/.exec(pre.querySelector("code")?.className ?? "")?.[1] ?? "text";
  const box = document.createElement("div");
  box.className = "code";
  const head = document.createElement("div");
  head.className = "code-head";
  const name = document.createElement("span");
  name.textContent = language === "text" ? "" : language;
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.dataset.copy = "code";
  copy.textContent = t("copy");
  head.append(name, copy);
  pre.tabIndex = 0;
  pre.replaceWith(box);
  box.append(head, pre);
}

function scrollable(table) {
  const box = document.createElement("div");
  box.className = "table";
  box.tabIndex = 0;
  table.replaceWith(box);
  box.append(table);
}
