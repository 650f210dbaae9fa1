// HTML that was made from the words of a model becomes nodes. Whatever is not on these lists is left out: the words may
// have been written by somebody who wants to harm the person who reads them.
import { DOMPurify } from "../../vendor/markdown.js";

const TAGS =
  "p br hr strong em del b i u s sub sup kbd mark code pre blockquote ul ol li h3 h4 h5 h6 table thead tbody tr th td a span"
    .split(" ");
const ADDRESS = /^(?:https?:\/\/|mailto:)/i;
const CLASS = /^(?:hljs(?:-[\w-]+)?|language-[\w+#.-]{1,30}|[a-z_]{1,20}_|depth[1-6])$/;

const purify = DOMPurify(window);

purify.addHook("uponSanitizeAttribute", (node, data) => {
  if (data.attrName !== "class") return;
  data.attrValue = data.attrValue.split(/\s+/).filter((name) => CLASS.test(name)).join(" ");
  if (!data.attrValue) data.keepAttr = false;
});

/** A fragment with nothing but text, and what shows its structure. */
export function clean(html) {
  const fragment = purify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "class", "align", "start"],
    ALLOWED_URI_REGEXP: ADDRESS,
    ADD_URI_SAFE_ATTR: ["align", "start"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    KEEP_CONTENT: true,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll("a")) guard(link);
  return fragment;
}

/** A link says where it leads, and tells the place nothing. One that leads nowhere is text. */
function guard(link) {
  const href = link.getAttribute("href") ?? "";
  const host = hostOf(href);
  if (!host) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.title = href;
  if (link.textContent.includes(host)) return;
  const where = document.createElement("span");
  where.className = "where";
  where.textContent = ` (${host})`;
  link.append(where);
}

function hostOf(href) {
  try {
    const url = new URL(href);
    return url.protocol === "mailto:" ? url.pathname : url.host;
  } catch {
    return null;
  }
}
