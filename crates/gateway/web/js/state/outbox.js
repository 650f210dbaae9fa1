// What was said and is not in the conversation yet. It is kept until the gateway has taken it, over a reload too, and
// sent again only with its id, so that it is never taken twice.
import { signal } from "../../vendor/ui.js";
import { conversationPath, post } from "../net/api.js";
import { recall, remember } from "../prefs.js";

/** `{id, conversation, text, images, edit: seq|null, known: ids, state: "sending"|"accepted"|"failed", error}` */
export const outbox = signal(restore());

function restore() {
  try {
    const kept = JSON.parse(recall("outbox") ?? "[]");
    return kept.map((message) => ({ ...message, state: "failed", error: null, known: [] }));
  } catch {
    return [];
  }
}

function keep(messages) {
  outbox.value = messages;
  const left = messages
    .filter((message) => message.state !== "accepted")
    .map(({ id, conversation, text, images, edit }) => ({ id, conversation, text, images, edit }));
  // With large pictures there may be no room; the message is then kept as long as the page is open.
  let text = left.length ? JSON.stringify(left) : null;
  if (text && text.length > 2_000_000) text = JSON.stringify(left.filter((message) => !message.images.length));
  remember("outbox", text);
}

const change = (id, values) =>
  keep(outbox.value.map((message) => (message.id === id ? { ...message, ...values } : message)));

export const forget = (id) => keep(outbox.value.filter((message) => message.id !== id));

export const isCommand = (text) => /^\/[a-z]+(\s|:|$)/i.test(text.trim());

/** Says something in a conversation. `known` are the ids of its entries now. */
export async function say(conversation, text, { images = [], edit = null, known = [] } = {}) {
  const message = { id: newId(), conversation, text, images, edit, known, state: "sending", error: null };
  keep([...outbox.value, message]);
  await deliver(message);
}

export async function sayAgain(message) {
  change(message.id, { state: "sending", error: null });
  await deliver(message);
}

async function deliver({ id, conversation, text, images, edit }) {
  const body = { id, text, images: images.map(({ media_type, data }) => ({ media_type, data })) };
  const way = edit === null ? "/messages" : "/edit";
  if (edit !== null) body.seq = edit;
  try {
    await post(conversationPath(conversation, way), body);
    // What a command brings comes as a notice, and itself it is no entry.
    if (isCommand(text)) forget(id);
    else change(id, { state: "accepted", at: Date.now() });
  } catch (error) {
    change(id, { state: "failed", error: { code: error.code ?? "unknown", message: error.message, hint: error.hint } });
  }
}

/** Takes out what is an entry now. */
export function settle(conversation, entries) {
  const used = new Set();
  const isThere = (message) =>
    entries.find(
      (entry) =>
        entry.kind === "user" &&
        !used.has(entry.id) &&
        (entry.id.includes(message.id) ||
          (message.state === "accepted" &&
            !message.known.includes(entry.id) &&
            entry.text.trim() === message.text.trim())),
    );
  const left = outbox.value.filter((message) => {
    if (message.conversation !== conversation) return true;
    const entry = isThere(message);
    if (entry) used.add(entry.id);
    return !entry;
  });
  if (left.length !== outbox.value.length) keep(left);
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
