// Nothing that axe complains of, in any view, light and dark.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { PHONE, answered, fresh, open, say } from "../lib/browser.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let house;
before(async () => (house = await open()));
after(() => house.close());

async function clean(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${where}: ${id}: ${node.target} ${node.failureSummary}`));
  assert.deepEqual(found, []);
}

for (const [name, options] of [["light", {}], ["dark", { colorScheme: "dark" }], ["phone", { viewport: PHONE, hasTouch: true }]]) {
  test(`axe finds nothing: ${name}`, async () => {
    const page = await house.page({ ...options, signedIn: false });
    await clean(page, "door");
    await page.locator("#token").fill(house.token);
    await page.locator("button.primary").click();
    await page.locator("#composer").waitFor();
    await fresh(page);
    await clean(page, "empty");
    await say(page, "How does it work?");
    await page.locator(".answer .prose").first().waitFor();
    await clean(page, "while it answers");
    await answered(page);
    await page.locator(".attempts summary").last().click();
    await clean(page, "answer");
    await page.locator("#composer").fill("/");
    await page.locator("#options").waitFor();
    await clean(page, "commands");
    await page.locator("#composer").fill("");
    await page.locator(".model-menu .face").click();
    await clean(page, "models");
    await page.keyboard.press("Escape");
    if (options.viewport) {
      await page.locator("#drawer-button").click();
      await clean(page, "drawer");
      await page.keyboard.press("Escape");
    } else {
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press("?");
      await clean(page, "help");
      await page.keyboard.press("Escape");
    }
    for (const view of ["servers", "usage", "settings", "logs", "keys"]) {
      await page.evaluate((name) => (location.hash = `#/${name}`), view);
      await page.locator(".view-body > :not(.faint)").first().waitFor();
      await clean(page, view);
    }
  });
}

{
  // The scripted gateway has what a real one shows only now and then.
  test("axe finds nothing: tools, questions, what was not sent", { skip: Boolean(process.env.YABBY_WEB_URL) }, async () => {
    for (const colorScheme of ["light", "dark"]) {
      const page = await house.page({ colorScheme, allow: [/503/] });
      await fresh(page);
      await say(page, "list the files");
      await page.locator(".tool.running").waitFor();
      await clean(page, "tool");
      await answered(page);
      await page.locator(".tool summary").click();
      await say(page, "approval");
      await page.locator(".approval").waitFor();
      await clean(page, "question");
      house.server.state.deaf = true;
      await say(page, "not now");
      await page.locator(".pending.failed").waitFor();
      await clean(page, "not sent");
      house.server.state.deaf = false;
    }
  });
}
