// Who answered, how long it took and what it cost: a quiet line that opens. A fallback is said in the line itself.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { dollars, duration, number } from "../ui/format.js";
import { Icon } from "../ui/icons.js";

const failed = (attempt) => attempt.outcome === "failed" || attempt.outcome === "passed_over";
const reason = (attempt) => attempt.message || attempt.error || t("attempt.failed");

/** The line for all attempts of an answer, in the order in which they were made. */
export function Attempts({ attempts }) {
  if (!attempts.length) return null;
  const answered = attempts.findLast((attempt) => attempt.outcome === "answered");
  const lost = attempts.filter((attempt) => failed(attempt) && attempt.model !== answered?.model);
  const cost = sum(attempts, (attempt) => attempt.cost ?? attempt.usage?.cost);
  const words = sum(attempts, (attempt) => attempt.usage?.output_tokens);
  const time = sum(attempts, (attempt) => (attempt.queued_ms ?? 0) + (attempt.total_ms ?? 0));
  const parts = [duration(time), words ? t("attempt.tokens", { n: number(words) }) : "", cost ? dollars(cost) : ""];
  return html`
    <details class="attempts ${lost.length ? "fallback" : ""}">
      <summary>
        <span>${lost.length > 0 && html`<${Icon} name="warn" size="14" /> `}${headline(answered, lost, attempts)}</span>
        <span class="faint">${parts.filter(Boolean).join(" · ")}</span>
      </summary>
      <div class="table" tabindex="0" role="region" aria-label=${t("attempt.details")}><${Table} attempts=${attempts} /></div>
    </details>
  `;
}

function headline(answered, lost, attempts) {
  const last = lost.at(-1) ?? attempts.at(-1);
  if (!answered) return t("attempt.none", { model: last.model, why: reason(last) });
  if (!lost.length) return answered.model;
  return t("attempt.fallback", { model: answered.model, other: last.model, why: reason(last) });
}

const sum = (list, of) => list.reduce((all, one) => all + (of(one) ?? 0), 0);

const Table = ({ attempts }) => html`
  <table>
    <thead><tr>
      <th>${t("attempt.model")}</th><th>${t("attempt.outcome")}</th><th class="num">${t("attempt.queued")}</th>
      <th class="num">${t("attempt.first")}</th><th class="num">${t("attempt.total")}</th>
      <th class="num">${t("attempt.input")}</th>
      <th class="num">${t("attempt.output")}</th><th class="num">${t("attempt.cost")}</th>
    </tr></thead>
    <tbody>${attempts.map((attempt, at) => html`
      <tr key=${at}>
        <td>${attempt.model}<br /><span class="faint">${attempt.zone}</span></td>
        <td class=${failed(attempt) ? "bad" : ""}>${failed(attempt) ? reason(attempt) : t(`attempt.${attempt.outcome}`)}</td>
        <td class="num">${duration(attempt.queued_ms)}</td><td class="num">${duration(attempt.first_token_ms)}</td>
        <td class="num">${duration(attempt.total_ms)}</td><td class="num">${number(attempt.usage?.input_tokens)}
          ${attempt.usage?.cached_tokens > 0 && html`<br /><span class="faint">${t("attempt.cached", { n: number(attempt.usage.cached_tokens) })}</span>`}</td>
        <td class="num">${number(attempt.usage?.output_tokens)}</td>
        <td class="num">${dollars(attempt.cost)}</td>
      </tr>`)}</tbody>
  </table>
`;
