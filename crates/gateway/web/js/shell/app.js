// The page with all its parts, once a person is signed in.
import { html, useEffect, useSignal } from "../../vendor/ui.js";
import { Chat } from "../chat/chat.js";
import { language, said, t } from "../i18n.js";
import { call } from "../net/api.js";
import { Live, connection } from "../net/live.js";
import { caughtUp, hear, open, openKey, conversation } from "../state/chat.js";
import { agents, configNews, hearHouse, me, openApprovals, readHouse } from "../state/house.js";
import { titleOf } from "../state/title.js";
import { Question } from "../ui/dialog.js";
import { Icon } from "../ui/icons.js";
import { Problem } from "../ui/problem.js";
import { toast, Toasts } from "../ui/toast.js";
import { closeDrawer, drawerOpen, isNarrow, openDrawer } from "./drawer.js";
import { Help } from "./help.js";
import { chatPath, go, route } from "./route.js";
import { listenForKeys } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { View } from "./view.js";

/** A moment without a connection is not worth a word. */
const PATIENCE = 1200;

/** `start()` reads everything and hears events; it gives back what ends that. */
function hearEverything(onFailed) {
  let replica = null;
  const read = () => readHouse().catch(onFailed);
  const live = new Live({
    event(event) {
      if (event.type === "hello") {
        if (replica && event.version !== replica.version) location.reload();
        if (replica) {
          read();
          caughtUp();
        }
        replica = event;
      }
      if (event.conversation) hear(event);
      hearHouse(event);
    },
    // Whether the key is not taken any more is what an ordinary question says.
    refused: () => call("GET", "/api/me").catch(() => {}),
  });
  read();
  return live;
}

export function App() {
  const failed = useSignal(null);
  const live = useSignal(null);
  useEffect(() => {
    live.value = hearEverything((error) => (failed.value = me.value ? null : error));
    const deaf = listenForKeys();
    return () => (live.value.end(), deaf());
  }, []);

  const { view, key } = route.value;
  const main = agents.value[0]?.main ?? null;
  useEffect(() => {
    if (view === "chat" && !key && main) go(chatPath(main), { replace: true });
    if (view !== "chat" || !key) return;
    live.value?.watch(key);
    if (key !== openKey.value) open(key);
  }, [view, key, main, live.value]);
  useEffect(() => {
    const news = configNews.value;
    if (news) toast(said(news.words), news.ok ? "calm" : "bad");
  }, [configNews.value]);
  const count = openApprovals.value.length;
  useEffect(() => {
    const name = view === "chat" ? titleOf(conversation.value, openKey.value) : t(`view.${view}`);
    document.title = `${count ? `(${count}) ` : ""}${name} · Yabby`;
  }, [view, conversation.value, count, language.value]);

  const menuButton = isNarrow.value && html`
    <button id="drawer-button" type="button" class="plain" aria-label=${t("menu")} aria-expanded=${drawerOpen.value ? "true" : "false"}
      onClick=${openDrawer}><${Icon} name="menu" />${count > 0 && html`<span class="badge dot-badge" aria-hidden="true"></span>`}</button>`;
  const shut = isNarrow.value && !drawerOpen.value;
  return html`
    <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), document.querySelector("main").focus())}>${t("skip")}</a>
    <div class="app ${drawerOpen.value ? "drawer-open" : ""}">
      <aside class="sidebar" inert=${shut} aria-label=${t("sidebar")}><${Sidebar} /></aside>
      ${drawerOpen.value && html`<div class="veil" onClick=${closeDrawer}></div>`}
      <main id="main" tabindex="-1" inert=${drawerOpen.value}>
        <${Connection} />
        ${failed.value ? html`<${Problem} error=${failed.value} onAgain=${() => location.reload()} />`
          : view === "chat" ? openKey.value && html`<${Chat} menuButton=${menuButton} />`
          : html`<${View} name=${view} menuButton=${menuButton} />`}
      </main>
    </div>
    <${Question} /><${Help} /><${Toasts} />
  `;
}

function Connection() {
  const shown = useSignal(false);
  const lost = connection.value === "lost";
  useEffect(() => {
    if (!lost) return void (shown.value = false);
    const timer = setTimeout(() => (shown.value = true), PATIENCE);
    return () => clearTimeout(timer);
  }, [lost]);
  return html`<div class="connection" role="status">${shown.value && html`<span>${t("connection.lost")}</span>`}</div>`;
}
