// A tool at work, or what came of it: a card that shows the last lines while it runs.
import { html, useSignal } from "../../vendor/ui.js";
import { said, t } from "../i18n.js";
import { Icon } from "../ui/icons.js";

/** A result as long as a book makes the page slow. */
const MOST = 20_000;
const LAST_LINES = 8;
const ICONS = { done: "check", failed: "warn", denied: "close", expired: "close", not_run: "close" };

/** `call: {name, arguments}`, `state`, `output`, `summary`. */
export function Tool({ call, state, output = "", summary = null }) {
  // Until somebody has opened or closed it, it is open while it runs.
  const chosen = useSignal(null);
  const isRunning = state === "running";
  const open = chosen.value ?? false;
  const args = call.arguments && Object.keys(call.arguments).length ? call.arguments : null;
  return html`
    <details class="tool ${state}" open=${open} onToggle=${(event) => (chosen.value = event.target.open)}>
      <summary>
        <${Icon} name=${ICONS[state] ?? "tool"} size="16" />
        <code>${call.name}</code>
        <span class="short">${shortened(args)}</span>
        <span class="state ${isRunning ? "shimmer" : ""}">${said(summary) || t(`tool.${state}`)}</span>
      </summary>
      ${args && html`<p class="part">${t("tool.arguments")}</p><pre tabindex="0">${JSON.stringify(args, null, 2)}</pre>`}
      ${output && html`<p class="part">${t("tool.output")}</p><pre tabindex="0">${clipped(output)}</pre>`}
    </details>
    ${isRunning && !open && output.trim() && html`<pre class="tail" aria-hidden="true">${lastLines(output)}</pre>`}
  `;
}

/** The first thing that says what it is about. */
function shortened(args) {
  const value = Object.values(args ?? {}).find((value) => typeof value === "string" || typeof value === "number");
  return value === undefined ? "" : String(value).replace(/\s+/g, " ").slice(0, 120);
}

const lastLines = (text) => text.trimEnd().split("\n").slice(-LAST_LINES).join("\n").slice(-2000);
const clipped = (text) => (text.length > MOST ? `${text.slice(0, MOST)}\n${t("tool.more", { n: text.length - MOST })}` : text);
