// Numbers, times and sizes as people read them in the language that is shown.
import { language, t } from "../i18n.js";

const locale = () => (language.value === "zh-TW" ? "zh-TW" : "en");
const made = new Map();

function formatter(Kind, options) {
  const key = `${locale()} ${Kind.name} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Kind(locale(), options));
  return made.get(key);
}

export const number = (value, digits = 0) =>
  value === null || value === undefined
    ? "–"
    : formatter(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);

export const short = (value) =>
  value === null || value === undefined
    ? "–"
    : formatter(Intl.NumberFormat, { notation: "compact", maximumFractionDigits: 1 }).format(value);

export const percent = (part) =>
  formatter(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 0 }).format(part);

export function dollars(value) {
  if (value === null || value === undefined) return "–";
  const digits = value !== 0 && value < 0.1 ? 4 : 2;
  return `$${formatter(Intl.NumberFormat, { minimumFractionDigits: 2, maximumFractionDigits: digits }).format(value)}`;
}

/** Milliseconds as `0.4 s`, `12 s` or `3 min 5 s`. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  const seconds = ms / 1000;
  if (seconds < 10) return t("time.s", { n: number(seconds, 1) });
  if (seconds < 60) return t("time.s", { n: number(seconds) });
  return t("time.min", { m: Math.floor(seconds / 60), s: Math.floor(seconds % 60) });
}

export const clock = (at) => formatter(Intl.DateTimeFormat, { timeStyle: "short" }).format(at);
export const moment = (at) => formatter(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short" }).format(at);
export const day = (at) => formatter(Intl.DateTimeFormat, { month: "short", day: "numeric" }).format(at);
export const exactly = (at) =>
  formatter(Intl.DateTimeFormat, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(at);

/** Which heading of the list of conversations a time belongs to. */
export function age(at, now = Date.now()) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const dayMs = 86_400_000;
  if (at >= midnight) return "today";
  if (at >= midnight - dayMs) return "yesterday";
  if (at >= midnight - 7 * dayMs) return "week";
  return "earlier";
}
