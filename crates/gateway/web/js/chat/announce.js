// What a screen reader says of an answer that grows: whole sentences, a few at a time.
import { effect, html, signal, useEffect } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { running } from "../state/chat.js";

const PAUSE = 1500;
const END = /[.!?…]["')\]]*\s|[。！？；]|\n/g;

const spoken = signal("");

const plain = (text) =>
  text
    .replace(/```[\s\S]*?(```|$)/g, ` ${t("text.code")} `)
    .replace(/[*_`#>|~]/g, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\s+/g, " ");

/** How far whole sentences reach, from a place on. */
export function sentencesEnd(text, from) {
  let end = from;
  for (const found of text.slice(from).matchAll(END)) end = from + found.index + found[0].length;
  return end;
}

export function Announcer() {
  useEffect(() => {
    let turn = null;
    let text = "";
    let place = 0;
    let fresh = false;
    // A short turn begins and ends between two looks, and the last words come together with the end.
    const follow = effect(() => {
      const now = running.value;
      if (now && turn === null) [turn, text, place, fresh] = [now.turn, now.text, 0, true];
      else if (now?.turn === turn) text = now?.text ?? "";
    });
    const look = () => {
      if (turn === null) return;
      const over = running.value?.turn !== turn;
      // Another model begins anew.
      if (place > text.length) place = 0;
      const end = over ? text.length : sentencesEnd(text, place);
      if (end > place) spoken.value = plain(text.slice(place, end));
      else if (over) spoken.value = t("announce.done");
      else if (fresh) spoken.value = t("announce.working");
      place = end;
      fresh = false;
      if (over) turn = null;
    };
    const timer = setInterval(look, PAUSE);
    return () => (clearInterval(timer), follow());
  }, []);
  return html`<div class="hidden" role="status" aria-live="polite">${spoken.value}</div>`;
}
