// What is done before the first word: the place in the queue, loading, reading the prompt.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { duration, percent } from "../ui/format.js";
import { now } from "../ui/clock.js";

/** So long nothing is said of waiting: most answers have begun by then. */
const PATIENCE = 1500;

function line({ progress, model }) {
  switch (progress?.stage) {
    case "queued":
      return progress.ahead ? t("progress.queued", { n: progress.ahead }) : t("progress.next");
    case "loading":
      return t("progress.loading", { model: model ?? t("the.model") });
    case "prefill":
      return t("progress.prefill", { part: percent(part(progress) ?? 0) });
    default:
      return model ? t("progress.waiting", { model }) : t("progress.begin");
  }
}

const part = ({ done, total }) => (total ? Math.min(1, done / total) : null);

export function Progress({ running }) {
  const waited = Math.max(0, now.value - running.startedAt);
  const share = running.progress?.stage === "prefill" ? part(running.progress) : null;
  return html`
    <div class="progress">
      <span class="dots" aria-hidden="true"><i></i><i></i><i></i></span>
      <span>${line(running)}</span>
      ${waited > PATIENCE && html`<span class="faint">${duration(waited)}</span>`}
      ${share !== null && html`<progress class="bar" max="1" value=${share} aria-label=${t("progress.label")}></progress>`}
    </div>
  `;
}
