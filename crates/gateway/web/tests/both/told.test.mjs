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

for (const [word, allow] of [["Allow", true], ["Deny", false]]) {
  test(`a question is answered: ${word}`, { skip: skip("approval") }, async () => {
    const page = await house.page();
    await fresh(page);
    await say(page, "Please delete the old notes with rm -r notes/old (approval).");
    const card = page.locator(".approval.open");
    await card.waitFor();
    assert.match(await card.locator(".asked").innerText(), /rm -r notes\/old/);
    // It is there once, also when the turn is over and after a reload.
    await answered(page);
    await once(page);
    await shot(page, `approval-${word}`);
    await page.reload();
    await card.waitFor();
    await once(page);
    await card.getByRole("button", { name: word }).click();
    await page.locator(allow ? ".approval.approved" : ".approval.denied").waitFor();
    await idle(page, house);
    await shot(page, `approval-${word}-after`);
    await page.reload();
    await page.locator(allow ? ".approval.approved" : ".approval.denied").waitFor();
    assert.equal(await page.locator(".approval").count(), 1);
    assert.equal(await page.locator(".tool.denied").count(), allow ? 0 : 1);
    page.calm();
  });
}
