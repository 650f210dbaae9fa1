// A view beside the conversation. Its code is loaded when it is first opened.
import { html, useEffect, useSignal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { Problem } from "../ui/problem.js";

const CODE = {
  servers: () => import("../views/servers.js"),
  usage: () => import("../views/usage.js"),
  settings: () => import("../views/settings.js"),
  logs: () => import("../views/logs.js"),
  keys: () => import("../views/keys.js"),
};

export function View({ name, menuButton }) {
  const loaded = useSignal(null);
  const failed = useSignal(null);
  const load = () => {
    failed.value = null;
    CODE[name]().then(
      (code) => (loaded.value = { name, Body: code.default }),
      (error) => (failed.value = error),
    );
  };
  useEffect(load, [name]);
  const Body = loaded.value?.name === name ? loaded.value.Body : null;
  return html`
    <div class="view">
      <header class="head">${menuButton}<h1>${t(`view.${name}`)}</h1></header>
      <div class="view-body" tabindex="0">
        ${failed.value ? html`<${Problem} error=${{ code: "unreachable" }} onAgain=${() => location.reload()} />` : Body && html`<${Body} />`}
      </div>
    </div>
  `;
}
