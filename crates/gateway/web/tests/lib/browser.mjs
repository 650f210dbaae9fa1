// A Chromium, and a page in it that is signed in. Where the page is comes from the environment: `YABBY_WEB_URL` and
// `YABBY_WEB_TOKEN` for a real gateway; without them a scripted one is started.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { start } from "./server.mjs";

export const REAL = Boolean(process.env.YABBY_WEB_URL);
const SHOTS = process.env.YABBY_WEB_SHOTS;
export const PHONE = { width: 320, height: 640 };
export const DESK = { width: 1280, height: 800 };

export async function open() {
  const server = REAL ? null : await start();
  const browser = await chromium.launch({
    executablePath: process.env.YABBY_WEB_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const url = process.env.YABBY_WEB_URL ?? server.url;
  const token = process.env.YABBY_WEB_TOKEN ?? "owner-token";
  const house = { server, browser, url, token, page: (options) => page(house, options), close: async () => (await browser.close(), server?.stop()) };
  return house;
}

/** A page of its own, with no trouble allowed: no error, no refusal of the policy, no request that leaves. */
async function page(house, { viewport = DESK, colorScheme = "light", locale = "en-US", signedIn = true, hasTouch = false, allow = [], path = "/" } = {}) {
  const context = await house.browser.newContext({ viewport, colorScheme, locale, hasTouch, reducedMotion: "reduce", permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  // Whoever waits for a state has time: other things run on the machine too.
  page.setDefaultTimeout(REAL ? 240_000 : 30_000);
  const trouble = [];
  const fine = (text) => allow.some((pattern) => pattern.test(text));
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && !fine(message.text()) && trouble.push(`console: ${message.text()}`));
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(house.url) && !/^(data|blob):/.test(to)) trouble.push(`request: ${to}`);
  });
  page.trouble = trouble;
  page.calm = () => assert.deepEqual(trouble, []);
  await page.goto(house.url + path);
  if (signedIn) await signIn(page, house.token);
  return page;
}

export async function signIn(page, token) {
  await page.locator("#token").fill(token);
  await page.locator("button.primary").click();
  await page.locator("#composer").waitFor();
}

/** Begins a conversation of its own, so that tests do not see each other's. */
export async function fresh(page) {
  const before = page.url();
  if (await page.locator("#drawer-button").isVisible()) await page.locator("#drawer-button").click();
  await page.locator(".sidebar-head button").first().click();
  await page.waitForURL((url) => url.href !== before);
  await page.locator(".welcome").waitFor();
}

/** Begins a conversation with a model that goes on writing: the real one has another name for that. */
export async function freshAndLong(page) {
  await fresh(page);
  if (!REAL) return;
  await page.locator("#composer").fill("/model long/smollm2");
  // Enter would take what is proposed.
  await page.locator(".composer button.send").click();
  await page.locator(".notice", { hasText: "long/smollm2" }).waitFor();
}

export async function say(page, text) {
  await page.locator("#composer").fill(text);
  await page.locator("#composer").press("Enter");
}

/** The last answer, once it is whole. */
export async function answered(page) {
  await page.locator(".answer .attempts").last().waitFor();
  await page.locator("button.stop").waitFor({ state: "hidden" });
  return page.locator(".answer").last();
}

/** Waits until nothing runs in the conversation that is open, what was asked is answered unless that is allowed to wait (`asks`), and
 *  what was said last too: by its API. */
export async function idle(page, house, { asks = false } = {}) {
  const [, key] = new URL(page.url()).hash.match(/^#\/c\/(.+)$/);
  const headers = { authorization: `Bearer ${house.token}` };
  for (const until = Date.now() + (REAL ? 240_000 : 30_000); Date.now() < until; await new Promise((done) => setTimeout(done, 100))) {
    const { entries, turn } = await (await fetch(`${house.url}/api/conversations/${key}/entries`, { headers })).json();
    const waits = !asks && entries.some((entry) => entry.approval?.state === "open");
    if (!turn && !waits && entries.length && entries.at(-1).kind !== "user" && entries.at(-1).kind !== "tool") return;
  }
  assert.fail("it does not come to an end");
}

export async function shot(page, name, options = {}) {
  if (!SHOTS) return;
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), animations: "disabled", ...options });
}
