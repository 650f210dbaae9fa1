// An error in words that help.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";

/** A sentence for an ApiError, or for what the outbox keeps of one. */
export function problem(error) {
  if (error?.code === "unreachable" || error?.status === 0) return t("problem.unreachable");
  const text = error?.message || t("problem.unknown");
  return error?.hint ? `${text} – ${error.hint}` : text;
}

/** In place of what could not be read. */
export const Problem = ({ error, onAgain }) => html`
  <div class="empty" role="alert">
    <p>${problem(error)}</p>
    ${onAgain && html`<button type="button" onClick=${onAgain}>${t("again")}</button>`}
  </div>
`;
