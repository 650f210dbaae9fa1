// Connections that break, gateways that are away, messages that could not be sent: nothing is lost, nothing comes twice.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answered, fresh, open, say, shot } from "../lib/browser.mjs";

const NETWORK = [/Failed to load resource|WebSocket connection|ERR_|net::/];

let house;
before(async () => (house = await open()));
after(() => house.close());

const numbers = Array.from({ length: 40 }, (_, n) => `the number ${n + 1}`).join("\n");

test("an answer that goes on while the connection is lost is whole", async () => {
  const page = await house.page({ allow: NETWORK });
  await fresh(page);
  await say(page, "count");
  await page.waitForFunction(() => document.querySelector(".growing")?.innerText.length > 40);
  for (let n = 0; n < 3; n += 1) {
    house.server.state.away = true;
    house.server.cut();
    await page.locator(".connection span").waitFor();
    if (n === 0) await shot(page, "reconnecting");
    house.server.state.away = false;
    await page.locator(".connection span").waitFor({ state: "detached" });
  }
  const answer = await answered(page);
  assert.equal((await answer.locator(".prose li").allInnerTexts()).join("\n"), numbers);
  assert.equal(await page.locator(".answer .prose").count(), 1);
  page.calm();
});

test("an answer that ends while the connection is lost is there afterwards", async () => {
  const page = await house.page({ allow: NETWORK });
  await fresh(page);
  await say(page, "How does it work?");
  await page.locator(".growing").waitFor();
  house.server.state.away = true;
  house.server.cut();
  await new Promise((done) => setTimeout(done, 2500));
  house.server.state.away = false;
  const answer = await answered(page);
  assert.match(await answer.locator(".prose").innerText(), /yabby doctor/);
  page.calm();
});

test("a message that could not be sent stays, over a reload too, and is taken once", async () => {
  const page = await house.page({ allow: NETWORK });
  await fresh(page);
  house.server.state.deaf = true;
  await say(page, "hello there");
  await page.locator(".pending.failed").waitFor();
  await shot(page, "not-sent");
  await page.reload();
  await page.locator(".pending.failed").waitFor();
  house.server.state.deaf = false;
  const before = house.server.world.accepted.size;
  await page.getByRole("button", { name: "Send again" }).click();
  await answered(page);
  assert.deepEqual(await page.locator(".bubble").allInnerTexts(), ["hello there"]);
  assert.equal(house.server.world.accepted.size, before + 1);
  page.calm();
});

test("where no WebSocket gets through, events come as a stream", async () => {
  house.server.state.sockets = false;
  try {
    const page = await house.page({ allow: NETWORK });
    await fresh(page);
    await say(page, "count");
    await page.locator(".growing").waitFor({ timeout: 20_000 });
    await page.keyboard.press("Escape");
    await page.locator("button.stop").waitFor({ state: "hidden", timeout: 20_000 });
    page.calm();
  } finally {
    house.server.state.sockets = true;
  }
});

test("a key that is revoked leads to the door", async () => {
  const page = await house.page({ allow: [...NETWORK, /401/] });
  house.server.world.keys = new Set(["owner-token"]);
  house.server.cut();
  await page.locator("#token").waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("yabby.key")), null);
});
