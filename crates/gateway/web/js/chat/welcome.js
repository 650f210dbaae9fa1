// An empty conversation: a greeting, and a few things to begin with.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { focusComposer } from "./composer.js";

export const Welcome = () => html`
  <section class="welcome">
    <h2>${t(`welcome.${partOfDay()}`)}</h2>
    <p>${t("welcome.text")}</p>
    <ul>
      <li><kbd>/</kbd> ${t("welcome.commands")}</li>
      <li><kbd>?</kbd> ${t("welcome.keys")}</li>
      <li>${t("welcome.images")}</li>
    </ul>
    <button type="button" class="hidden-until-focus" onClick=${focusComposer}>${t("welcome.write")}</button>
  </section>
`;

function partOfDay(hour = new Date().getHours()) {
  if (hour < 5) return "night";
  if (hour < 12) return "morning";
  return hour < 18 ? "day" : "evening";
}
