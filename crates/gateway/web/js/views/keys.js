// Who may use the gateway.
import { html, signal, useSignal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { post, remove } from "../net/api.js";
import { copyText } from "../ui/copy.js";
import { confirm } from "../ui/dialog.js";
import { moment } from "../ui/format.js";
import { Problem, problem } from "../ui/problem.js";
import { toast } from "../ui/toast.js";
import { useReading } from "./reading.js";

/** The key that was just made: it is shown once and kept nowhere. */
const made = signal(null);

export default function Keys() {
  const { value, error, again } = useReading("/api/keys");
  if (error) return html`<${Problem} error=${error} onAgain=${again} />`;
  if (!value) return html`<p class="faint">${t("reading")}</p>`;
  const keys = Array.isArray(value) ? value : value.keys;
  const revoke = async (key) => {
    if (!(await confirm(t("keys.revoke.title"), t("keys.revoke.text", { name: key.name ?? key.id }), t("keys.revoke")))) return;
    await remove(`/api/keys/${encodeURIComponent(key.id)}`).catch((failed) => toast(problem(failed), "bad"));
    again();
  };
  return html`
    <p class="faint">${t("keys.text")}</p>
    <${Made} /><${Add} onAdded=${again} />
    <div class="table" tabindex="0" role="region" aria-label=${t("view.keys")}><table>
      <thead><tr><th>${t("keys.name")}</th><th>${t("keys.kind")}</th><th>${t("keys.may")}</th><th>${t("keys.used")}</th><th>${t("keys.expires")}</th>
        <th><span class="hidden">${t("keys.revoke")}</span></th></tr></thead>
      <tbody>${keys.map((key) => html`
        <tr key=${key.id} class=${key.revoked_at ? "faint" : ""}>
          <td>${key.name ?? key.id}</td><td>${t(`keys.kind.${key.kind}`)}</td><td>${scopes(key.scopes ?? key)}</td>
          <td>${key.last_used_at ? moment(key.last_used_at) : t("keys.never")}</td>
          <td>${key.revoked_at ? t("keys.revoked") : key.expires_at ? moment(key.expires_at) : t("keys.no-end")}</td>
          <td>${!key.revoked_at && html`<button type="button" class="link danger" onClick=${() => revoke(key)}>${t("keys.revoke")}</button>`}</td>
        </tr>`)}</tbody>
    </table></div>
  `;
}

function scopes({ models, agents, zone, budget, rate, operate }) {
  // What allows everything needs no word.
  const list = (names) => (names?.length && !names.includes("*") ? names.join(", ") : null);
  const parts = [list(models), list(agents), zone, budget && `$${budget} / ${t("keys.day")}`, rate && `${rate} / ${t("keys.minute")}`, operate && t("keys.operate")];
  return parts.filter(Boolean).join(" · ") || t("keys.everything");
}

const Made = () => made.value && html`
  <section class="card made" role="status">
    <h2>${t("keys.made")}</h2>
    <p>${t("keys.once")}</p>
    <p><code class="key">${made.value}</code></p>
    <div class="buttons"><button type="button" class="primary" onClick=${async () => (await copyText(made.value)) && toast(t("copied"))}>${t("copy")}</button>
      <button type="button" onClick=${() => (made.value = null)}>${t("keys.done")}</button></div>
  </section>`;

function Add({ onAdded }) {
  const name = useSignal("");
  const models = useSignal("");
  const days = useSignal("");
  const busy = useSignal(false);
  const add = async (event) => {
    event.preventDefault();
    busy.value = true;
    const list = models.value.split(/[\s,]+/).filter(Boolean);
    try {
      const answer = await post("/api/keys", { name: name.value.trim(), models: list, days: days.value ? Number(days.value) : null });
      made.value = answer.key;
      name.value = models.value = days.value = "";
      onAdded();
    } catch (error) {
      toast(problem(error), "bad");
    } finally {
      busy.value = false;
    }
  };
  const field = (id, value, props) => html`
    <label for=${id}>${t(`keys.${id.slice(4)}`)}</label>
    <input id=${id} value=${value.value} onInput=${(event) => (value.value = event.target.value)} ...${props} />`;
  return html`
    <details class="card add"><summary>${t("keys.add")}</summary>
      <form onSubmit=${add}>
        ${field("key-name", name, { required: true, maxlength: 60, autocomplete: "off" })}
        ${field("key-models", models, { placeholder: "lmstudio/*, Opus", autocomplete: "off" })}
        ${field("key-days", days, { type: "number", min: 1, max: 3650 })}
        <p class="faint">${t("keys.add.hint")}</p>
        <div class="buttons"><button type="submit" class="primary" disabled=${busy.value}>${t("keys.make")}</button></div>
      </form>
    </details>
  `;
}
