// What concerns the whole house: conversations, agents, models, questions, servers. Events say when to read anew.
import { batch, computed, signal } from "../../vendor/ui.js";
import { conversationPath, get, post, remove, withQuery } from "../net/api.js";

export const me = signal(null);
export const agents = signal([]);
export const models = signal([]);
export const conversations = signal([]);
export const moreConversations = signal(false);
export const search = signal("");
export const approvals = signal([]);
const approvalsRead = signal(false);
/** As the event says it; null until the first one. */
export const servers = signal(null);
/** The last news of the config. */
export const configNews = signal(null);

export const openApprovals = computed(() => approvals.value.filter((question) => question.state === "open"));

export async function readHouse() {
  const [mine, every] = await Promise.all([get("/api/me"), get("/api/agents")]);
  batch(() => {
    me.value = mine;
    agents.value = every;
  });
  await Promise.allSettled([readConversations(), readApprovals(), readModels()]);
}

let asked = 0;

export async function readConversations() {
  const mine = ++asked;
  const list = await get(withQuery("/api/conversations", { search: search.value.trim(), limit: 60 })).catch(() => null);
  if (!list || mine !== asked) return;
  batch(() => {
    conversations.value = list.conversations;
    moreConversations.value = list.more;
  });
}

export async function readMoreConversations() {
  const mine = ++asked;
  const before = conversations.value.at(-1)?.cursor;
  const list = await get(withQuery("/api/conversations", { before, limit: 60 }));
  if (mine !== asked) return;
  const known = new Set(conversations.value.map((one) => one.key));
  batch(() => {
    conversations.value = [...conversations.value, ...list.conversations.filter((one) => !known.has(one.key))];
    moreConversations.value = list.more;
  });
}

export async function readApprovals() {
  const list = await get("/api/approvals").catch(() => null);
  if (!list) return;
  // Those that were answered here are shown with their answer until the page is left, also when the list was made before.
  const gone = approvals.value.filter((one) => answers.has(one.id) && !list.some((open) => open.id === one.id));
  batch(() => {
    approvals.value = [...gone, ...list].map(withAnswer);
    approvalsRead.value = true;
  });
}

/** A question as far as it has come by now, which may be farther than when its entry was read. */
export function asItIs(question) {
  const known = approvals.value.find((one) => one.id === question.id);
  if (known || question.state !== "open" || !approvalsRead.value) return known ?? question;
  return { ...question, state: "settled" };
}

export async function readModels() {
  const list = await get("/api/models").catch(() => null);
  if (list) models.value = list;
}

/** The key of a new conversation. */
export async function begin(agent) {
  return (await post("/api/conversations", { agent })).key;
}

export async function deleteConversation(key) {
  await remove(conversationPath(key));
  conversations.value = conversations.value.filter((one) => one.key !== key);
}

/** What was answered here, by id. */
const answers = new Map();

const withAnswer = (question) =>
  answers.has(question.id) ? { ...question, state: answers.get(question.id) } : question;

/** Allows or denies; the answer is seen at once, and taken back when the gateway has not taken it. */
export async function answerApproval(question, approve) {
  answers.set(question.id, approve ? "approved" : "denied");
  approvals.value = approvals.value.map(withAnswer);
  try {
    await post(`/api/approvals/${encodeURIComponent(question.id)}`, { approve });
  } catch (error) {
    answers.delete(question.id);
    approvals.value = approvals.value.map((one) => (one.id === question.id ? { ...one, state: "open" } : one));
    throw error;
  }
}

/** Takes in an event that belongs to no conversation. */
export function hearHouse(event) {
  switch (event.type) {
    case "conversations":
      return soon(readConversations);
    case "approvals":
      return soon(readApprovals);
    case "asked":
      if (!approvals.value.some((one) => one.id === event.approval.id)) {
        approvals.value = [...approvals.value, event.approval];
      }
      return;
    case "servers":
      servers.value = event.servers;
      return soon(readModels);
    case "config":
      configNews.value = event;
      return soon(readModels);
    default:
  }
}

const waiting = new Map();

/** Many events in a row are one reading. */
function soon(work) {
  if (waiting.has(work)) return;
  waiting.set(work, setTimeout(() => (waiting.delete(work), work()), 150));
}
