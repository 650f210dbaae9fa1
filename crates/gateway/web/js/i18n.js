// The page's own sentences, in English or Traditional Chinese.
import { signal } from "../vendor/ui.js";
import { recall, remember } from "./prefs.js";

const LANGUAGES = ["en", "zh-TW"];

/** The language that is shown. */
export const language = signal("en");
const table = signal({});

/** The language that was chosen here, else the first one of the browser that there is. */
export function preferred() {
  const chosen = recall("language");
  if (LANGUAGES.includes(chosen)) return chosen;
  for (const wanted of navigator.languages ?? []) {
    if (/^zh/i.test(wanted)) return "zh-TW";
    if (/^en/i.test(wanted)) return "en";
  }
  return "en";
}

export async function speak(wanted, { keep = false } = {}) {
  const answer = await fetch(new URL(`../i18n/${wanted}.json`, import.meta.url));
  table.value = await answer.json();
  language.value = wanted;
  document.documentElement.lang = wanted === "zh-TW" ? "zh-Hant-TW" : "en";
  if (keep) remember("language", wanted);
}

/** A sentence, with `{name}` replaced. */
export function t(key, values = {}) {
  const text = table.value[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** What Yabby says in both languages. */
export function said(words) {
  if (!words) return "";
  return typeof words === "string" ? words : (words[language.value] ?? words.en ?? "");
}
