// The conversations, a search through them, and the ways to everything else.
import { html, signal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { openKey } from "../state/chat.js";
import {
  agents, begin, conversations, deleteConversation, moreConversations, openApprovals, readConversations,
  readMoreConversations, search,
} from "../state/house.js";
import { titleOf } from "../state/title.js";
import { confirm } from "../ui/dialog.js";
import { age, clock, day } from "../ui/format.js";
import { Icon } from "../ui/icons.js";
import { Menu } from "../ui/menu.js";
import { problem } from "../ui/problem.js";
import { toast } from "../ui/toast.js";
import { closeDrawer } from "./drawer.js";
import { Preferences } from "./preferences.js";
import { VIEWS, chatPath, go, route, viewPath } from "./route.js";

const PAUSE = 250;
const wanted = signal("");
let typed = null;

function look(text) {
  wanted.value = text;
  clearTimeout(typed);
  typed = setTimeout(() => {
    search.value = text;
    readConversations();
  }, PAUSE);
}

export async function beginConversation(agent = agents.value[0]?.id) {
  try {
    go(chatPath(await begin(agent)));
    closeDrawer();
  } catch (error) {
    toast(problem(error), "bad");
  }
}

/** Opens the one before or behind the open one. */
export function step(by) {
  const at = conversations.value.findIndex((one) => one.key === openKey.value);
  const next = conversations.value[at + by];
  if (next) go(chatPath(next.key));
}

async function forget(one) {
  const title = titleOf(one);
  if (!(await confirm(t("delete.title"), t("delete.text", { title }), t("delete.yes")))) return;
  try {
    await deleteConversation(one.key);
    if (one.key === openKey.value) go("#/", { replace: true });
  } catch (error) {
    toast(problem(error), "bad");
  }
}

export const Sidebar = () => html`
  <div class="sidebar-head">
    <span class="brand"><span class="mark" aria-hidden="true"></span>Yabby</span>
    <${Begin} />
  </div>
  <div class="search" role="search">
    <${Icon} name="search" size="16" />
    <input id="search" type="search" value=${wanted.value} placeholder=${t("search")} aria-label=${t("search.label")}
      onInput=${(event) => look(event.target.value)} />
  </div>
  <nav class="conversations" aria-label=${t("conversations")}><${List} /></nav>
  <nav class="places" aria-label=${t("places")}>
    ${VIEWS.map((view) => html`
      <a key=${view} href=${viewPath(view)} aria-current=${route.value.view === view ? "page" : undefined} onClick=${closeDrawer}>
        <${Icon} name=${view} /> <span>${t(`view.${view}`)}</span>
      </a>`)}
  </nav>
  <div class="sidebar-foot">
    <${Preferences} />
  </div>
`;

function Begin() {
  if (agents.value.length < 2) {
    return html`<button type="button" class="plain" aria-label=${t("begin")} title=${t("begin")} onClick=${() => beginConversation()}>
      <${Icon} name="plus" /></button>`;
  }
  return html`
    <${Menu} label=${t("begin")} className="right" face=${html`<${Icon} name="plus" />`}>
      ${(close) => agents.value.map((agent) => html`
        <button key=${agent.id} type="button" role="menuitem" onClick=${() => (close(), beginConversation(agent.id))}>
          ${t("begin.with", { agent: agent.name ?? agent.id })}</button>`)}
    <//>`;
}

function List() {
  const shown = withMain(conversations.value);
  if (!shown.length) return html`<p class="faint none">${t(search.value ? "search.none" : "conversations.none")}</p>`;
  let heading = null;
  return html`
    <ul>
      ${shown.map((one) => {
        const now = search.value ? "found" : one.active_at ? age(one.active_at) : "today";
        const head = now === heading ? null : html`<li key=${now} class="heading">${t(`age.${now}`)}</li>`;
        heading = now;
        return [head, html`<${Item} key=${one.key} one=${one} />`];
      })}
    </ul>
    ${moreConversations.value && !search.value && html`<button type="button" class="link" onClick=${() =>
      readMoreConversations().catch((error) => toast(problem(error), "bad"))}>${t("conversations.more")}</button>`}
  `;
}

/** The main conversation and the open one are there also before something was said in them. */
function withMain(list) {
  if (search.value) return list;
  const keys = new Set(list.map((one) => one.key));
  const missing = [agents.value[0]?.main, openKey.value].filter((key) => key && !keys.has(key));
  const new_ = [...new Set(missing)].map((key) => ({ key, title: null, active_at: 0, fresh: true }));
  return [...new_, ...list];
}

function Item({ one }) {
  const isOpen = route.value.view === "chat" && one.key === openKey.value;
  const asks = openApprovals.value.some((question) => question.conversation === one.key);
  return html`
    <li class=${isOpen ? "open" : ""}>
      <a href=${chatPath(one.key)} aria-current=${isOpen ? "page" : undefined} onClick=${closeDrawer}>
        <span class="cut">${titleOf(one)}</span>
        <span class="marks">
          ${asks && html`<span class="badge">${t("conversation.asks")}</span>`}
          ${one.running && html`<span class="pulse" role="img" aria-label=${t("conversation.running")}></span>`}
          ${one.private && html`<span role="img" aria-label=${t("private.on")}><${Icon} name="lock" size="13" /></span>`}
          ${one.active_at > 0 && html`<time class="faint">${age(one.active_at) === "today" ? clock(one.active_at) : day(one.active_at)}</time>`}
        </span>
        ${one.found && html`<span class="found faint">${one.found}</span>`}
      </a>
      ${!one.fresh && html`<button type="button" class="plain small" aria-label=${t("delete.label", { title: titleOf(one) })} title=${t("delete")}
        onClick=${() => forget(one)}><${Icon} name="trash" size="15" /></button>`}
    </li>
  `;
}
