// What nobody is shown stands between entries, more of it than a page has: it is passed over, and nothing is asked for twice.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answered, fresh, open, say } from "../lib/browser.mjs";

/** More than two pages. */
const MANY = 130;

let house;
before(async () => (house = await open()));
after(() => house.close());

const keyOf = (page) => decodeURIComponent(new URL(page.url()).hash.slice("#/c/".length));
const told = (page, words) => page.locator(".notice", { hasText: words }).waitFor();
const shown = (page) => page.locator(".bubble").allInnerTexts();

function tell(key, words) {
  return house.server.world.add(key, { kind: "notice", text: words, words: { en: words, "zh-TW": words } });
}

/** Without an event: the next one brings all of it. */
function unseen(key) {
  const list = house.server.world.of(key);
  for (let n = 0; n < MANY; n += 1) list.push({ seq: list.at(-1).seq + 1, id: `unseen ${key} ${list.length}`, kind: "note", text: "" });
  return list.at(-1).seq;
}

test("what is new behind what nobody is shown is found, and asked for from there on", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "hello there");
  await answered(page);
  const key = keyOf(page);
  const asked = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.pathname.endsWith("/entries")) asked.push(Number(url.searchParams.get("after")));
  });
  const last = house.server.world.of(key).at(-1).seq;
  unseen(key);
  const first = tell(key, "the first word").seq;
  await told(page, "the first word");
  tell(key, "the second word");
  await told(page, "the second word");
  assert.deepEqual([...new Set(asked)], [last, last + 60, last + 120, first]);
  page.calm();
});

test("what stands before what nobody is shown is found too", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "hello there");
  await answered(page);
  const key = keyOf(page);
  unseen(key);
  // The latest page has nothing to show.
  await page.reload();
  await page.locator(".bubble").waitFor();
  assert.deepEqual(await shown(page), ["hello there"]);
  tell(key, "a last word");
  await told(page, "a last word");
  await page.reload();
  await told(page, "a last word");
  assert.deepEqual(await shown(page), []);
  await page.locator("button.earlier").click();
  await page.locator(".bubble").waitFor();
  assert.deepEqual(await shown(page), ["hello there"]);
  page.calm();
});
