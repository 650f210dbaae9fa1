// A question to the owner, with exactly what would be done.
import { html, useSignal } from "../../vendor/ui.js";
import { said, t } from "../i18n.js";
import { answerApproval } from "../state/house.js";
import { Icon } from "../ui/icons.js";
import { problem } from "../ui/problem.js";
import { toast } from "../ui/toast.js";

export function Approval({ question }) {
  const busy = useSignal(false);
  const answer = async (approve) => {
    busy.value = true;
    try {
      await answerApproval(question, approve);
    } catch (error) {
      toast(problem(error), "bad");
    } finally {
      busy.value = false;
    }
  };
  const open = question.state === "open";
  return html`
    <section class="approval ${question.state}" aria-label=${t("approval.title")}>
      <h2><${Icon} name="ask" /> ${t("approval.title")}</h2>
      <pre class="asked" tabindex="0">${said(question.question)}</pre>
      ${open
        ? html`<div class="buttons">
            <button type="button" disabled=${busy.value} onClick=${() => answer(false)}>${t("approval.deny")}</button>
            <button type="button" class="primary" disabled=${busy.value} onClick=${() => answer(true)}>${t("approval.allow")}</button>
          </div>`
        : html`<p class="faint" role="status">${t(`approval.${question.state}`)}</p>`}
    </section>
  `;
}
