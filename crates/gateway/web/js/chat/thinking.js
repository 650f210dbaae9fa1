// What a model thinks before it speaks: folded away behind a line that says how long.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { duration } from "../ui/format.js";
import { Icon } from "../ui/icons.js";
import { now } from "../ui/clock.js";

/** `ms` once it is over; else it began at `since`. */
export function Thinking({ text, since = null, ms = null }) {
  if (!text) return null;
  const over = ms !== null;
  const line = over ? t("thinking.done", { time: duration(ms) }) : t("thinking.now", { time: duration(now.value - since) });
  return html`
    <details class="thinking">
      <summary><${Icon} name="thought" size="16" /><span class=${over ? "" : "shimmer"}>${line}</span></summary>
      <div class="thought">${text}</div>
    </details>
  `;
}
