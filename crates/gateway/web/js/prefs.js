// What this browser keeps for the page. One that keeps nothing remembers until the page is closed.
import { effect, signal } from "../vendor/ui.js";

const memory = new Map();

export function recall(name) {
  try {
    return localStorage.getItem(`yabby.${name}`);
  } catch {
    return memory.get(name) ?? null;
  }
}

/** Keeps a text; null forgets it. */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`yabby.${name}`);
    else localStorage.setItem(`yabby.${name}`, value);
  } catch {
    memory.set(name, value);
  }
}

/** "auto", "light" or "dark". */
export const theme = signal(recall("theme") ?? "auto");

effect(() => {
  const chosen = theme.value;
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  remember("theme", chosen === "auto" ? null : chosen);
});
