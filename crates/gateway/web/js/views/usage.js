// What was asked, what it cost, and how quick it was: charts, and the same as a table.
import { html, signal, useMemo } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { Chart } from "../ui/chart.js";
import { day, dollars, duration, number, percent, short } from "../ui/format.js";
import { Problem } from "../ui/problem.js";
import { byDay, byModel, total } from "./sums.js";
import { useReading } from "./reading.js";

const days = signal(30);
const TONES = ["c1", "c2", "c4", "c5", "c6"];

export default function Usage() {
  const { value, error, again } = useReading(`/api/usage?days=${days.value}`);
  const choose = html`
    <div class="chosen" role="group" aria-label=${t("usage.days")}>
      ${[7, 30, 90].map((count) => html`<button key=${count} type="button" aria-pressed=${days.value === count ? "true" : "false"}
        onClick=${() => (days.value = count)}>${t("usage.last", { n: count })}</button>`)}
    </div>`;
  if (error) return html`${choose}<${Problem} error=${error} onAgain=${again} />`;
  if (!value) return html`${choose}<p class="faint">${t("reading")}</p>`;
  if (!value.days.length) return html`${choose}<p class="empty">${t("usage.none")}</p>`;
  return html`${choose}<${Report} rows=${value.days} budget=${value.budget} />`;
}

function Report({ rows, budget }) {
  const { all, sums, models } = useMemo(() => ({ all: total(rows), sums: byDay(rows), models: byModel(rows) }), [rows]);
  const times = sums.map((one) => one.at);
  const of = (pick) => sums.map(pick);
  const charts = [
    {
      name: "tokens", say: short, bars: true,
      series: [
        { label: t("usage.output"), tone: "c2", values: of((one) => one.output) },
        { label: t("usage.cached"), tone: "c1", values: of((one) => one.cached) },
        { label: t("usage.fresh"), tone: "c3", values: of((one) => one.input - one.cached) },
      ],
    },
    { name: "cost", say: dollars, bars: true, series: [{ label: t("usage.cost"), tone: "c2", values: of((one) => one.cost) }] },
    { name: "reuse", say: percent, top: 1, series: [{ label: t("usage.reuse"), tone: "c1", values: of((one) => (one.input ? one.cached / one.input : null)) }] },
    {
      name: "latency", say: duration,
      series: models.slice(0, TONES.length).map(({ model, latency }, at) => ({ label: model, tone: TONES[at], values: times.map((time) => latency.get(time) ?? null) })),
    },
  ];
  return html`
    <dl class="figures wide">
      <div><dt>${t("usage.requests")}</dt><dd>${number(all.requests)}</dd></div>
      <div><dt>${t("usage.failed")}</dt><dd>${number(all.failed)}</dd></div>
      <div><dt>${t("usage.tokens")}</dt><dd>${short(all.input + all.output)}</dd></div>
      <div><dt>${t("usage.reuse")}</dt><dd>${all.input ? percent(all.cached / all.input) : "–"}</dd></div>
      <div><dt>${t("usage.cost")}</dt><dd>${dollars(all.cost)}</dd></div>
    </dl>
    <${Budget} budget=${budget} />
    <div class="charts">
      ${charts.map(({ name, series, say, bars, top }) => html`
        <section key=${name} class="card">
          <h2>${t(`usage.chart.${name}`)}</h2>
          ${series.length > 1 && html`<ul class="legend" aria-hidden="true">${series.map((one) => html`
            <li key=${one.label}><span class="swatch ${one.tone}"></span>${one.label}</li>`)}</ul>`}
          <${Chart} days=${times} series=${series} say=${say} bars=${bars} top=${top} />
        </section>`)}
    </div>
    <details class="as-table"><summary>${t("usage.table")}</summary><${Table} rows=${rows} /></details>
  `;
}

/** Limits in dollars, by period, as far as the config sets some. */
function Budget({ budget }) {
  const limits = Object.entries(budget ?? {}).filter(([, one]) => one && typeof one === "object" && one.limit);
  if (!limits.length) return null;
  return html`<ul class="budgets">${limits.map(([name, { spent = 0, limit }]) => html`
    <li key=${name}><span>${t("usage.budget", { name, spent: dollars(spent), limit: dollars(limit) })}</span>
      <progress class="bar" max="1" value=${Math.min(1, spent / limit)} aria-label=${name}></progress></li>`)}</ul>`;
}

const Table = ({ rows }) => html`
  <div class="table" tabindex="0" role="region" aria-label=${t("usage.table")}><table>
    <thead><tr><th>${t("usage.day")}</th><th>${t("attempt.model")}</th>
      ${["requests", "failed", "input", "cached", "output", "cost", "first", "speed"].map((name) => html`<th key=${name} class="num">${t(`usage.${name}`)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`
      <tr key=${`${row.day} ${row.model}`}><td>${day(new Date(`${row.day}T12:00`))}</td><td>${row.model}</td>
        <td class="num">${number(row.requests)}</td><td class="num">${number(row.failed)}</td><td class="num">${number(row.input)}</td>
        <td class="num">${number(row.cached)}</td><td class="num">${number(row.output)}</td><td class="num">${dollars(row.cost)}</td>
        <td class="num">${duration(row.first_token_ms_p50)}</td><td class="num">${number(row.tokens_per_second, 1)}</td></tr>`)}</tbody>
  </table></div>
`;
