// What the keyboard can do.
import { html, signal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { me } from "../state/house.js";
import { Dialog } from "../ui/dialog.js";

export const helpOpen = signal(false);

const mac = /Mac|iPhone|iPad/.test(navigator.platform);
const KEYS = [
  [["Enter"], "keys.send"],
  [["Shift", "Enter"], "keys.line"],
  [["Esc"], "keys.stop"],
  [["/"], "keys.write"],
  [[mac ? "⌘" : "Ctrl", "K"], "keys.search"],
  [["N"], "keys.new"],
  [["Alt", "↑"], "keys.before"],
  [["Alt", "↓"], "keys.behind"],
  [["?"], "keys.help"],
];

export const Help = () => helpOpen.value && html`
  <${Dialog} title=${t("help")} onClose=${() => (helpOpen.value = false)}>
    <dl class="keys">
      ${KEYS.map(([keys, what]) => html`
        <div key=${what}><dt>${keys.map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dt><dd>${t(what)}</dd></div>`)}
    </dl>
    <p class="faint">${t("help.commands")}</p>
    <p class="faint">Yabby ${me.value?.version ?? ""}</p>
  <//>
`;
