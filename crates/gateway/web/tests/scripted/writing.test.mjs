// What a person does with the keyboard, pictures and their own messages.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answered, fresh, open, say, shot } from "../lib/browser.mjs";

let house;
before(async () => (house = await open()));
after(() => house.close());

test("Enter sends, Shift+Enter begins a line, and an input method keeps its Enter", async () => {
  const page = await house.page();
  await fresh(page);
  const composer = page.locator("#composer");
  await composer.pressSequentially("one");
  await composer.press("Shift+Enter");
  await composer.pressSequentially("two");
  const composed = await composer.evaluate((area) => {
    const event = new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true });
    area.dispatchEvent(event);
    return event.defaultPrevented;
  });
  assert.equal(composed, false);
  assert.equal(await composer.inputValue(), "one\ntwo");
  await composer.press("Enter");
  await answered(page);
  assert.deepEqual(await page.locator(".bubble").allInnerTexts(), ["one\ntwo"]);
  page.calm();
});

test("commands are completed, and what is begun is kept", async () => {
  const page = await house.page();
  await fresh(page);
  const composer = page.locator("#composer");
  await composer.pressSequentially("/mo");
  await page.locator("#options [aria-selected=true]").waitFor();
  await composer.press("Tab");
  assert.equal(await composer.inputValue(), "/model ");
  await composer.pressSequentially("qwen");
  await shot(page, "commands");
  await composer.press("Enter");
  assert.equal(await composer.inputValue(), "/model llamacpp/qwen2.5-coder-1.5b");
  await composer.press("Enter");
  await page.getByRole("button", { name: "Model: llamacpp/qwen2.5-coder-1.5b" }).waitFor();
  await composer.pressSequentially("a draft");
  await page.reload();
  await composer.waitFor();
  assert.equal(await composer.inputValue(), "a draft");
  page.calm();
});

test("a model is chosen and a conversation made private by the buttons", async () => {
  const page = await house.page();
  await fresh(page);
  await page.getByRole("button", { name: "Model: Automatic" }).click();
  await page.getByRole("menuitemradio", { name: /minimax/ }).click();
  await page.getByRole("button", { name: "Model: lmstudio/minimax-m2.1" }).waitFor();
  const toggle = page.getByRole("switch", { name: "Private" });
  await toggle.click();
  await page.locator(".private.on").waitFor();
  await toggle.click();
  await page.getByRole("button", { name: "Leave private mode" }).click();
  await page.locator(".private:not(.on)").waitFor();
  page.calm();
});

test("a picture is pasted, made smaller, and seen in the conversation", async () => {
  const page = await house.page();
  await fresh(page);
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(3136, 1000);
    const context = canvas.getContext("2d");
    context.fillStyle = "teal";
    context.fillRect(0, 0, 3136, 1000);
    const data = new DataTransfer();
    data.items.add(new File([await canvas.convertToBlob()], "big.png", { type: "image/png" }));
    document.getElementById("composer").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
  });
  await page.locator(".pictures img").waitFor();
  await say(page, "What is this?");
  await answered(page);
  const size = await page.locator(".images img").evaluate(async (image) => (await image.decode(), [image.naturalWidth, image.naturalHeight]));
  assert.deepEqual(size, [1568, 500]);
  await shot(page, "picture");
  page.calm();
});

/** Opens the editor: is the cursor in it by the time that it is on the page? */
const writesAtOnce = (page) =>
  page.getByRole("button", { name: "Edit and ask again" }).evaluate(
    (button) =>
      new Promise((done) => {
        new MutationObserver((_, watch) => {
          const area = document.querySelector(".editor textarea");
          if (!area) return;
          watch.disconnect();
          done(document.activeElement === area && area.selectionStart === area.value.length);
        }).observe(document.body, { childList: true, subtree: true });
        button.click();
      }),
  );

test("a message is changed, and an answer asked for again", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "first words");
  await answered(page);
  assert.equal(await writesAtOnce(page), true);
  await page.locator(".editor textarea").fill("other words");
  await shot(page, "editor");
  await page.locator(".editor textarea").press("Enter");
  await page.locator(".bubble", { hasText: "other words" }).waitFor();
  await answered(page);
  assert.deepEqual(await page.locator(".bubble").allInnerTexts(), ["other words"]);
  await page.getByRole("button", { name: "Ask again", exact: true }).click();
  await page.locator(".growing").waitFor();
  await answered(page);
  assert.deepEqual([await page.locator(".bubble").allInnerTexts(), await page.locator(".answer").count()], [["other words"], 1]);
  page.calm();
});

test("conversations are found, walked through and deleted", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "the word xylophone");
  await answered(page);
  await fresh(page);
  await say(page, "something else");
  await answered(page);
  await page.keyboard.press("Alt+ArrowDown");
  await page.locator(".bubble", { hasText: "xylophone" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("xylo");
  await page.locator(".conversations .found").waitFor();
  assert.equal(await page.locator(".conversations li a").count(), 1);
  await shot(page, "search");
  await page.locator("#search").fill("");
  await page.locator(".conversations a", { hasText: "something else" }).waitFor();
  await page.getByRole("button", { name: /Delete “the word xylophone”/ }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.locator(".conversations a", { hasText: "xylophone" }).waitFor({ state: "detached" });
  page.calm();
});

test("the end stays in sight, unless somebody reads above", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "a long answer please");
  await page.waitForFunction(() => document.querySelector(".thread").scrollHeight > 1400);
  const gap = () => page.locator(".thread").evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
  assert.ok((await gap()) < 80, "it follows");
  await page.locator(".thread").evaluate((box) => box.scrollTo(0, 100));
  await page.waitForTimeout(400);
  assert.equal(await page.locator(".thread").evaluate((box) => box.scrollTop), 100);
  await answered(page);
  assert.equal(await page.locator(".thread").evaluate((box) => box.scrollTop), 100);
  await page.getByRole("button", { name: "Go to the end" }).click();
  await page.waitForTimeout(100);
  assert.ok((await gap()) < 5);
  page.calm();
});

test("waiting is told: the queue, loading, how much of the prompt is read", async () => {
  const page = await house.page();
  await fresh(page);
  await say(page, "queue");
  for (const words of ["Waiting in the queue, 2 ahead", "Loading llamacpp/qwen2.5-coder-1.5b", "Reading the prompt, 50%"]) {
    await page.locator(".progress", { hasText: words }).waitFor();
  }
  await shot(page, "prefill");
  await answered(page);
  page.calm();
});

test("a screen reader hears sentences, and not pieces of words", async () => {
  const page = await house.page();
  await fresh(page);
  await page.evaluate(() => {
    globalThis.heard = [];
    const region = document.querySelector(".chat > .hidden[aria-live]");
    new MutationObserver(() => globalThis.heard.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  await say(page, "a long answer please");
  await answered(page);
  await page.waitForTimeout(3200);
  const heard = (await page.evaluate(() => globalThis.heard)).filter((text) => text.startsWith("Paragraph") || text.includes("Paragraph"));
  assert.ok(heard.length > 0 && heard.every((text) => /\.\s*$/.test(text)), JSON.stringify(heard));
  assert.equal(heard.join(" ").match(/Paragraph \d+/g).length, 60);
  page.calm();
});
