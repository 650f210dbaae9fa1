// What a person is told and asked: fallbacks and approvals. A real gateway needs a config that brings them about:
// `YABBY_WEB_SCENES=fallback,approval` says that it has one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { REAL, answered, fresh, idle, open, say, shot } from "../lib/browser.mjs";

const scenes = new Set((process.env.YABBY_WEB_SCENES ?? "").split(","));
const skip = (name) => (REAL && !scenes.has(name) ? `YABBY_WEB_SCENES has no ${name}` : false);

async function once(page) {
  assert.equal(await page.locator(".approval").count(), 1);
  assert.equal(await page.locator(".notice", { hasText: "/approve" }).count(), 0);
}

let house;
before(async () => (house = await open()));
after(() => house.close());

test("a fallback is seen", { skip: skip("fallback") }, async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "Say something (fallback).");
  const answer = await answered(page);
  const line = answer.locator(".attempts.fallback summary");
  assert.match((await line.innerText()).trim(), /^Answered by \S+ after \S+ failed: .+/);
  await line.click();
  assert.equal(await answer.locator(".attempts tbody tr").count(), 2);
  await shot(page, "fallback");
  // It is still known after a reload.
  await page.reload();
  await (await answered(page)).locator(".attempts.fallback").waitFor();
  page.calm();
});

// A small model may say that it would, instead of doing it: it is then asked in other words.
const WISHES = [
  "Please delete the old notes with rm -r notes/old (approval).",
  "Use exec to run this command (approval): rm -r notes/old",
  "Run the command rm -r notes/old now. Call exec with it (approval).",
  "Call the tool exec with the command `rm -r notes/old` (approval).",
];

/** A conversation of its own, in which one question is open. */
async function asked(page) {
  for (const wish of WISHES) {
    await fresh(page);
    await say(page, wish);
    await answered(page);
    const cards = page.locator(".approval.open");
    if ((await cards.count()) === 1 && /rm -r notes\/old/.test(await cards.locator(".asked").innerText())) return cards;
    assert(REAL, "no question");
  }
  assert.fail("the model calls no tool");
}

for (const [word, allow] of [["Allow", true], ["Deny", false]]) {
  test(`a question is answered: ${word}`, { skip: skip("approval") }, async () => {
    const page = await house.page();
    // It is there once, also when the turn is over and after a reload.
    const card = await asked(page);
    await once(page);
    await shot(page, `approval-${word}`);
    await page.reload();
    await card.waitFor();
    await once(page);
    await card.getByRole("button", { name: word }).click();
    const done = page.locator(allow ? ".approval.approved" : ".approval.denied").first();
    await done.waitFor();
    // A real model may ask for something else behind it.
    await idle(page, house, { asks: REAL });
    await shot(page, `approval-${word}-after`);
    await page.reload();
    await done.waitFor();
    const counts = [await page.locator(".approval").count(), await page.locator(".tool.denied").count()];
    if (REAL) assert(allow ? counts[1] === 0 : counts[1] > 0, String(counts));
    else assert.deepEqual(counts, [1, allow ? 0 : 1]);
    page.calm();
  });
}
