// What the gateway has to say of itself, the latest at the end.
import { html, signal, useEffect, useLayoutEffect, useRef } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { get, withQuery } from "../net/api.js";
import { exactly } from "../ui/format.js";
import { problem } from "../ui/problem.js";

const MOST = 1000;
const PERIOD = 1500;
const LEVELS = ["", "error", "warn", "info", "debug"];

const lines = signal([]);
const level = signal("");
const words = signal("");
const follow = signal(true);
const failed = signal(null);

async function read() {
  const wanted = level.value;
  try {
    const page = await get(withQuery("/api/logs", { after: lines.value.at(-1)?.n ?? null, level: wanted }));
    if (wanted !== level.value) return;
    failed.value = null;
    const last = lines.value.at(-1)?.n ?? -1;
    const fresh = page.lines.filter((line) => line.n > last);
    if (fresh.length) lines.value = [...lines.value, ...fresh].slice(-MOST);
  } catch (error) {
    failed.value = error;
  }
}

export default function Logs() {
  const box = useRef(null);
  useEffect(() => {
    lines.value = [];
    read();
    const timer = setInterval(() => follow.value && !document.hidden && read(), PERIOD);
    return () => clearInterval(timer);
  }, [level.value]);
  useLayoutEffect(() => {
    if (follow.value && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.value, follow.value, words.value]);
  const wanted = words.value.trim().toLowerCase();
  const shown = lines.value.filter((line) => !wanted || `${line.target} ${line.text}`.toLowerCase().includes(wanted));
  return html`
    <div class="tools">
      <select aria-label=${t("logs.level")} value=${level.value} onChange=${(event) => (level.value = event.target.value)}>
        ${LEVELS.map((name) => html`<option key=${name} value=${name}>${name || t("logs.all")}</option>`)}
      </select>
      <input type="search" placeholder=${t("logs.filter")} aria-label=${t("logs.filter")} value=${words.value} onInput=${(event) => (words.value = event.target.value)} />
      <label class="check"><input type="checkbox" checked=${follow.value} onChange=${(event) => (follow.value = event.target.checked)} /> ${t("logs.follow")}</label>
    </div>
    ${failed.value && html`<p class="bad" role="alert">${problem(failed.value)}</p>`}
    <div class="lines" ref=${box} tabindex="0" role="region" aria-label=${t("view.logs")}>
      ${shown.map((line) => html`
        <div key=${line.n} class="line ${line.level}"><time>${exactly(line.at)}</time><span class="level">${line.level}</span>
          <span class="target">${line.target}</span><span>${line.text}</span></div>`)}
      ${!shown.length && html`<p class="faint">${t("logs.none")}</p>`}
    </div>
  `;
}
