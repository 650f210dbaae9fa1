// The model servers: whether they are there, what they do, and how fast.
import { html, useEffect } from "../../vendor/ui.js";
import { said, t } from "../i18n.js";
import { servers } from "../state/house.js";
import { now } from "../ui/clock.js";
import { duration, number, short } from "../ui/format.js";
import { Problem } from "../ui/problem.js";
import { Spark } from "../ui/spark.js";
import { useReading } from "./reading.js";

export default function Servers() {
  const { value, error, again } = useReading("/api/servers", 15_000);
  useEffect(() => {
    if (value) servers.value = value;
  }, [value]);
  const list = servers.value ?? value;
  if (error && !list) return html`<${Problem} error=${error} onAgain=${again} />`;
  if (!list) return html`<p class="faint">${t("reading")}</p>`;
  if (!list.length) return html`<p class="empty">${t("servers.none")}</p>`;
  return html`<ul class="cards">${list.map((server) => html`<${Server} key=${server.id} server=${server} />`)}</ul>`;
}

function Server({ server }) {
  return html`
    <li class="card">
      <div class="card-head">
        <span class="dot ${server.state}"></span>
        <h2 class="cut">${server.id}</h2>
        <span class="state-word ${server.state}">${t(`state.${server.state}`)}</span>
      </div>
      <p class="faint cut">${[server.kind, server.zone, server.base_url].filter(Boolean).join(" · ")}</p>
      ${server.words && html`<p class="words">${said(server.words)}</p>`}
      <${Breaker} server=${server} />
      <dl class="figures">
        <${Figure} name=${t("servers.slots")} value=${slots(server)} />
        <${Figure} name=${t("servers.waiting")} value=${number(server.waiting)} />
        <${Figure} name=${t("servers.prefill")} value=${speed(server.prefill_tps)} />
        <${Figure} name=${t("servers.decode")} value=${speed(server.decode_tps)} />
      </dl>
      ${server.history?.length > 1 && html`<${Spark} points=${server.history} label=${t("servers.history", { id: server.id })} />`}
      <ul class="models">${server.models.map((model) => html`
        <li key=${model.id}><span class="dot ${model.state}"></span><span class="cut">${model.id}</span>
          <span class="faint">${model.window ? t("model.window", { n: short(model.window) }) : t("servers.window.unknown")}</span></li>`)}
      </ul>
    </li>
  `;
}

const slots = ({ slots: all, busy }) => (all === null || all === undefined ? "–" : `${number(busy ?? 0)} / ${number(all)}`);
const speed = (tps) => (tps === null || tps === undefined ? "–" : t("servers.tps", { n: number(tps, tps < 10 ? 1 : 0) }));

const Figure = ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function Breaker({ server }) {
  if (!server.breaker || server.breaker === "closed") return null;
  const wait = server.retry_at ? Math.max(0, server.retry_at - now.value) : null;
  const when = server.breaker === "open" && wait !== null ? t("breaker.open.in", { time: duration(wait) }) : t(`breaker.${server.breaker}`);
  return html`<p class="words warn">${when}</p>`;
}
