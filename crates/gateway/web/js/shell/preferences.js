// Colours, language, help and leaving.
import { html } from "../../vendor/ui.js";
import { language, speak, t } from "../i18n.js";
import { signOut } from "../net/sign-in.js";
import { theme } from "../prefs.js";
import { confirm } from "../ui/dialog.js";
import { Icon } from "../ui/icons.js";
import { helpOpen } from "./help.js";

export const Language = () => html`
  <select aria-label=${t("language")} title=${t("language")} value=${language.value}
    onChange=${(event) => speak(event.target.value, { keep: true })}>
    <option value="en" lang="en">English</option>
    <option value="zh-TW" lang="zh-Hant-TW">繁體中文</option>
  </select>
`;

export const Theme = () => html`
  <select aria-label=${t("theme")} title=${t("theme")} value=${theme.value} onChange=${(event) => (theme.value = event.target.value)}>
    ${["auto", "light", "dark"].map((name) => html`<option key=${name} value=${name}>${t(`theme.${name}`)}</option>`)}
  </select>
`;

async function leave() {
  if (await confirm(t("leave.title"), t("leave.text"), t("leave"))) signOut().catch(() => {});
}

export const Preferences = () => html`
  <${Theme} /><${Language} />
  <button type="button" class="plain small" aria-label=${t("help")} title="${t("help")} (?)" onClick=${() => (helpOpen.value = true)}>
    <${Icon} name="help" /></button>
  <button type="button" class="plain small" aria-label=${t("leave")} title=${t("leave")} onClick=${leave}><${Icon} name="out" /></button>
`;
