// Words of a model that want to harm the person who reads them: nothing runs, nothing leaves, nothing is left that is not
// on the list.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answered, fresh, open, say, shot } from "../lib/browser.mjs";

const TAGS = "DIV P BR HR STRONG EM DEL B I U S SUB SUP KBD MARK CODE PRE BLOCKQUOTE UL OL LI H3 H4 H5 H6 TABLE THEAD TBODY TR TH TD A SPAN BUTTON".split(" ");
const ATTRIBUTES = ["class", "href", "target", "rel", "title", "align", "start", "tabindex", "type", "data-copy"];

let house;
before(async () => (house = await open()));
after(() => house.close());

const look = (page) =>
  page.evaluate(() => {
    const all = [...document.querySelectorAll(".prose *")];
    return {
      tags: [...new Set(all.map((node) => node.tagName))],
      attributes: [...new Set(all.flatMap((node) => node.getAttributeNames()))],
      links: all.filter((node) => node.tagName === "A").map((node) => [node.getAttribute("href"), node.rel, node.target]),
      buttons: all.filter((node) => node.tagName === "BUTTON").every((node) => node.dataset.copy === "code"),
      hacked: globalThis.hacked ?? null,
      covers: all.some((node) => getComputedStyle(node).position === "fixed"),
    };
  });

test("a hostile answer is only words, while it comes and when it is there", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "hostile");
  await page.locator(".growing").waitFor();
  for (let n = 0; n < 20; n += 1) {
    const seen = await look(page);
    assert.deepEqual(seen.tags.filter((tag) => !TAGS.includes(tag)), []);
    assert.deepEqual(seen.attributes.filter((name) => !ATTRIBUTES.includes(name)), []);
    await page.waitForTimeout(40);
  }
  await answered(page);
  await shot(page, "hostile");
  const seen = await look(page);
  assert.deepEqual(seen.tags.filter((tag) => !TAGS.includes(tag)), []);
  assert.deepEqual(seen.attributes.filter((name) => !ATTRIBUTES.includes(name)), []);
  assert.deepEqual([seen.hacked, seen.covers, seen.buttons], [null, false, true]);
  const safe = ["noopener noreferrer nofollow", "_blank"];
  assert.deepEqual(seen.links, [
    ["https://good.example/a", ...safe],
    ["https://evil.example/pixel.png?secret=1", ...safe],
    ["https://auto.example/", ...safe],
    ["https://a.example", ...safe],
  ]);
  // What looks like HTML is shown as it was written.
  assert.match(await page.locator(".prose").innerText(), /<script>window\.hacked = 1<\/script>/);
  // The picture of a model is a link that says where it leads.
  assert.match(await page.locator('.prose a[href*="pixel"]').innerText(), /Picture: leak \(evil\.example\)/);
  await page.reload();
  await answered(page);
  assert.deepEqual((await look(page)).hacked, null);
  page.calm();
});

/** What DOMPurify is known to be tried with; the sanitizer alone, without the Markdown before it. */
const NASTY = [
  "<svg><style><img src=x onerror=hacked=1></style></svg>",
  "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=hacked=1&gt;\">",
  "<form><math><mtext></form><form><mglyph><style></math><img src onerror=hacked=1>",
  "<noscript><p title=\"</noscript><img src=x onerror=hacked=1>\">",
  "<svg></p><style><a id=\"</style><img src=1 onerror=hacked=1>\">",
  "<a href=\"java&#x09;script:hacked=1\">a</a><a href=\" javascript:hacked=1\">b</a><a href=\"JaVaScRiPt:hacked=1\">c</a>",
  "<a href='data:text/html,<script>hacked=1</script>'>d</a><a href='blob:https://x/1'>e</a><a href='//evil.example'>f</a>",
  "<template><img src=x onerror=hacked=1></template><xmp><img src=x onerror=hacked=1></xmp>",
  "<select><template><style><!--</style><a rel=\"--></style></template></select><img id=x src onerror=hacked=1>\"></a>",
  "<div id=app class='composer hljs' style='position:fixed'><input name=attributes><span slot=x is=y>z</span></div>",
  "<img srcset='https://evil.example/1 1x'><picture><source srcset=https://evil.example/2></picture><audio src=https://evil.example/3>",
  "<p class=\"hljs-keyword welcome sign-in\">classes</p><td background=https://evil.example/4>",
];

test("the sanitizer leaves nothing of what is known to get past others", async () => {
  // The policy refuses what it reads before it throws that away, and says so.
  const page = await house.page({ allow: [/Content Security Policy/] });
  const left = await page.evaluate(async (nasty) => {
    const { clean } = await import("/assets/test/js/text/sanitize.js");
    return nasty.map((html) => {
      const box = document.createElement("div");
      document.querySelector(".thread-inner").append(box);
      box.append(clean(html));
      return [...box.querySelectorAll("*")].map((node) => `${node.tagName} ${node.getAttributeNames().map((name) => `${name}=${node.getAttribute(name)}`)}`);
    });
  }, NASTY);
  await page.waitForTimeout(200);
  assert.equal(await page.evaluate(() => globalThis.hacked ?? null), null);
  const all = left.flat();
  assert.deepEqual(all.filter((node) => /^(SVG|MATH|STYLE|IMG|FORM|INPUT|TEMPLATE|NOSCRIPT|SELECT|PICTURE|SOURCE|AUDIO|XMP|DIV)/i.test(node)), []);
  assert.deepEqual(all.filter((node) => /href|id=|style=|on\w+=|composer|welcome|sign-in|slot|background/.test(node)), []);
  page.calm();
});

test("a hostile address is no way in", async () => {
  const page = await house.page({ allow: [/40[14]/] });
  for (const hash of ["#/c/%E0%A4%A", "#/c/<img src=x onerror=hacked=1>", "#token=owner-token", "#/../../etc", "#//evil.example", "#/servers/../keys"]) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForTimeout(120);
    assert.equal(await page.evaluate(() => globalThis.hacked ?? null), null);
    assert.equal(await page.locator("main").count(), 1, hash);
  }
  page.calm();
});

test("the code of a link is used, and leaves the address at once", async () => {
  const path = "/#code=one-time-code";
  const page = await house.page({ signedIn: false, path });
  await page.locator("#composer").waitFor();
  assert.ok(!page.url().includes("code"));
  assert.equal(await page.evaluate(() => performance.getEntriesByType("resource").some((entry) => entry.name.includes("code="))), false);
  page.calm();
  // In a tab that has the page already, the browser loads nothing anew.
  const other = await house.page({ signedIn: false });
  await other.evaluate((to) => (location.href = to), path);
  await other.locator("#composer").waitFor();
  assert.ok(!other.url().includes("code"));
  other.calm();
});

test("a code that was used before leads to the door, and says so", async () => {
  const page = await house.page({ signedIn: false, path: "/#code=an-old-code", allow: [/401/] });
  await page.locator("#token-error", { hasText: "used already" }).waitFor();
  assert.ok(!page.url().includes("code"));
  page.calm();
});
