// What the config says, and where each value comes from.
import { html, signal } from "../../vendor/ui.js";
import { said, t } from "../i18n.js";
import { Problem } from "../ui/problem.js";
import { Icon } from "../ui/icons.js";
import { useReading } from "./reading.js";

const wanted = signal("");

/** Breaks behind the dots of a key, where it must. */
const breakable = (key) => key.split(/(?<=[.\]])/).flatMap((part, at) => (at ? [html`<wbr />`, part] : [part]));

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

export default function Settings() {
  const { value, error, again } = useReading("/api/settings", 10_000);
  if (error) return html`<${Problem} error=${error} onAgain=${again} />`;
  if (!value) return html`<p class="faint">${t("reading")}</p>`;
  const words = wanted.value.trim().toLowerCase();
  const rows = value.values.filter((row) => !words || `${row.key} ${shown(row.value)} ${row.source}`.toLowerCase().includes(words));
  return html`
    <p>${value.file ? html`${t("settings.file")} <code>${value.file}</code>` : t("settings.no-file")}</p>
    <p class="faint">${t("settings.how")}</p>
    ${value.diagnostics.length > 0 && html`<ul class="diagnostics">${value.diagnostics.map((one, at) => html`
      <li key=${at} class=${one.severity}><${Icon} name="warn" size="15" />
        <span>${one.line ? `${t("settings.line", { n: one.line })}: ` : ""}${said(one.words)}</span></li>`)}</ul>`}
    <div class="search"><${Icon} name="search" size="16" />
      <input type="search" value=${wanted.value} placeholder=${t("settings.search")} aria-label=${t("settings.search")}
        onInput=${(event) => (wanted.value = event.target.value)} /></div>
    <p class="hidden" role="status">${t("settings.count", { n: rows.length })}</p>
    <div class="table" tabindex="0" role="region" aria-label=${t("view.settings")}><table class="settings">
      <thead><tr><th>${t("settings.key")}</th><th>${t("settings.value")}</th><th>${t("settings.source")}</th></tr></thead>
      <tbody>${rows.map((row) => html`
        <tr key=${row.key}><td><code>${breakable(row.key)}</code></td><td><code>${shown(row.value)}</code></td>
          <td class="faint">${row.source}${row.line ? `:${row.line}` : ""}</td></tr>`)}</tbody>
    </table></div>
    ${!rows.length && html`<p class="empty">${t("settings.none")}</p>`}
  `;
}
