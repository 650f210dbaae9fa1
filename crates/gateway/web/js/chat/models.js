// Which model answers, and a menu to choose another one.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { conversation, running } from "../state/chat.js";
import { models } from "../state/house.js";
import { short } from "../ui/format.js";
import { Icon } from "../ui/icons.js";
import { Menu } from "../ui/menu.js";

/** `onChoose(name)`; the name `default` goes back to what the config says. */
export function ModelMenu({ onChoose }) {
  const chosen = conversation.value?.model ?? null;
  const label = chosen ?? running.value?.model ?? t("model.auto");
  return html`
    <${Menu} label=${`${t("model.choose")}: ${label}`} className="model-menu" face=${html`<span class="cut">${label}</span><${Icon} name="chevron" size="16" />`}>
      ${(close) => html`
        <${Item} checked=${!chosen} name=${t("model.auto")} hint=${t("model.auto.hint")} onTake=${() => (close(), onChoose("default"))} />
        ${models.value.map((model) => html`
          <${Item} key=${model.id} checked=${model.id === chosen} name=${model.id} hint=${hint(model)} state=${model.state}
            onTake=${() => (close(), onChoose(model.id))} />`)}
      `}
    <//>
  `;
}

function hint({ zone, window, aliases, state }) {
  const known = window ? t("model.window", { n: short(window) }) : "";
  const names = aliases?.length ? aliases.join(", ") : "";
  const words = state && state !== "ready" ? t(`state.${state}`) : "";
  return [names, zone, known, words].filter(Boolean).join(" · ");
}

const Item = ({ checked, name, hint: text, state = "ready", onTake }) => html`
  <button type="button" role="menuitemradio" aria-checked=${checked ? "true" : "false"} onClick=${onTake}>
    <span class="dot ${state}"></span>
    <span class="item-text"><span>${name}</span><span class="faint">${text}</span></span>
    ${checked && html`<${Icon} name="check" size="16" />`}
  </button>
`;
