// From the first visit to an answer; what a person does most. Against the scripted gateway, or a real one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, PHONE, answered, fresh, freshAndLong, idle, open, say, shot, signIn } from "../lib/browser.mjs";

let house;
before(async () => (house = await open()));
after(() => house.close());

test("a first visit: the door, a wrong token, the right one, an answer", async () => {
  const page = await house.page({ signedIn: false, allow: [/401/] });
  await shot(page, "sign-in");
  await page.locator("#token").fill("not-the-token");
  await page.locator("button.primary").click();
  await page.locator("#token-error:not(:empty)").waitFor();
  await signIn(page, house.token);
  await fresh(page);
  await shot(page, "empty");
  await say(page, "How does it work?");
  const answer = await answered(page);
  assert.ok((await answer.locator(".prose").innerText()).trim().length > 0);
  await shot(page, "answer");
  assert.equal(await page.locator(".question .bubble").count(), 1);
  // Everything is there after a reload, without signing in again.
  const text = await answer.locator(".prose").last().innerText();
  await page.reload();
  await answered(page);
  assert.equal(await page.locator(".answer .prose").last().innerText(), text);
  page.calm();
});

test("an answer is stopped", async () => {
  const page = await house.page();
  await freshAndLong(page);
  await say(page, "Count slowly from 1 to 400, each number on a line of its own, and nothing else.");
  await page.waitForFunction(() => document.querySelector(".growing")?.innerText.length > 20);
  await page.keyboard.press("Escape");
  await page.locator("button.stop").waitFor({ state: "hidden" });
  await idle(page, house);
  await shot(page, "stopped");
  const text = await page.locator(".answer .prose").last().innerText();
  assert.ok(text.trim().length > 0);
  // Nothing more comes, and what was seen stays.
  await page.reload();
  await page.locator(".answer .prose").last().waitFor();
  const kept = await page.locator(".answer .prose").last().innerText();
  assert.ok(kept.startsWith(text.slice(0, 20)), `${kept} begins as ${text}`);
  page.calm();
});

test("a page that is reloaded in the middle of an answer has all of it", async () => {
  const page = await house.page();
  await freshAndLong(page);
  await say(page, "Count from 1 to 40, each number on a line of its own.");
  const growing = page.locator(".answer .prose.growing");
  await growing.waitFor();
  await page.waitForFunction(() => document.querySelector(".growing")?.innerText.length > 20);
  const before = (await growing.innerText()).slice(0, 20);
  await page.reload();
  await growing.waitFor();
  const after = await growing.innerText();
  assert.ok(after.startsWith(before), `${after} begins with ${before}`);
  await shot(page, "reloaded");
  // The script waits for that.
  if (house.server) house.server.world.hurry = true;
  const answer = await answered(page);
  const text = await answer.locator(".prose").innerText();
  assert.ok(text.startsWith(before));
  assert.equal(await page.locator(".answer .prose").count(), 1);
  page.calm();
});

test("a phone has all of it", async () => {
  for (const [name, viewport] of [["phone", PHONE], ["desk", DESK]]) {
    const page = await house.page({ viewport, hasTouch: viewport === PHONE, colorScheme: "dark" });
    await fresh(page);
    await say(page, "How does it work?");
    await answered(page);
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok((await wide()) <= 0, `${name} scrolls sideways`);
    await shot(page, `${name}-dark`);
    if (viewport === PHONE) {
      await page.locator("#drawer-button").click();
      await page.locator(".sidebar .conversations a").first().waitFor();
      await shot(page, "phone-drawer");
      await page.keyboard.press("Escape");
    }
    for (const view of ["servers", "usage", "settings", "logs", "keys"]) {
      await page.evaluate((name) => (location.hash = `#/${name}`), view);
      await page.locator(".view h1").waitFor();
      await page.locator(".view-body > *").first().waitFor();
      assert.ok((await wide()) <= 0, `${name}: ${view} scrolls sideways`);
      await shot(page, `${name}-${view}`);
    }
    page.calm();
    await page.context().close();
  }
});

test("the page speaks the language of the browser, and the one that is chosen", async () => {
  const page = await house.page({ locale: "zh-TW" });
  await fresh(page);
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hant-TW");
  await page.getByRole("link", { name: "伺服器" }).waitFor();
  await say(page, "請說明如何運作");
  await answered(page);
  await shot(page, "chinese");
  await page.getByLabel("語言").selectOption("en");
  await page.getByRole("link", { name: "Servers" }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: "Servers" }).waitFor();
  page.calm();
});
