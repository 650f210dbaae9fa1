// The conversation that is open: its entries, its running turn, and what the events change of them.
import { batch, effect, signal } from "../../vendor/ui.js";
import { conversationPath, get, withQuery } from "../net/api.js";
import { merge, since } from "./entries.js";
import { perFrame } from "./frames.js";
import { approvals, readApprovals } from "./house.js";
import { settle } from "./outbox.js";
import * as turns from "./running.js";

const PAGE = 60;

export const openKey = signal(null);
/** As `GET /api/conversations/{key}`. */
export const conversation = signal(null);
export const entries = signal([]);
export const more = signal(false);
export const running = signal(null);
/** "loading", "ready" or an ApiError. */
export const loading = signal("loading");
/** What was thought in turns that this page has seen, by turn: it is in no entry. */
export const thoughts = signal(new Map());

// Whichever comes first, the entry or the word that the message was taken.
effect(() => settle(openKey.value, entries.value));

/** The session that the entries stand in. */
let session = null;
/** The numbers between which it was read. What nobody is shown has one, too, so that they need not be those of entries. */
let first = null;
let last = null;
let snapshotSeq = -1;
let reading = null;
let again = false;

export async function open(key) {
  batch(() => {
    openKey.value = key;
    conversation.value = null;
    entries.value = [];
    more.value = false;
    running.value = null;
    loading.value = "loading";
  });
  session = first = last = null;
  snapshotSeq = -1;
  reading = null;
  await Promise.all([refresh(), describe()]);
}

/** Reads the title, the model and the rest of what the list says. */
export async function describe() {
  const key = openKey.value;
  const found = await get(conversationPath(key)).catch(() => null);
  if (found && key === openKey.value) conversation.value = found;
}

/** Reads what is new, or the latest entries. Asked for while it reads, it reads once more. */
export function refresh() {
  if (reading) {
    again = true;
    return reading;
  }
  const key = openKey.value;
  const mine = read(key).finally(() => {
    if (reading !== mine) return;
    reading = null;
    if (again) {
      again = false;
      refresh();
    }
  });
  return (reading = mine);
}

async function read(key) {
  try {
    const wanted = { ...since(entries.value, session, last), limit: PAGE };
    const page = await get(withQuery(conversationPath(key, "/entries"), wanted));
    if (key !== openKey.value) return;
    const adds = wanted.session && wanted.session === page.session;
    session = page.session;
    last = page.last ?? (adds ? last : null);
    // Asked by another replica, it came with no event.
    if (page.entries.some(({ approval }) => approval?.state === "open" && !approvals.value.some((one) => one.id === approval.id))) readApprovals();
    batch(() => {
      if (adds) {
        if (page.entries.length) entries.value = [...entries.value, ...page.entries];
        again ||= page.more;
      } else {
        entries.value = merge(entries.value, page);
        if (entries.value.length === page.entries.length) {
          more.value = page.more;
          first = page.first;
        }
      }
      loading.value = "ready";
      // Only until the first snapshot, which is newer.
      if (snapshotSeq < 0 && page.turn) running.value = turns.from(page.turn, running.value);
    });
    if (!entries.value.length) await readEarlier();
  } catch (error) {
    if (key === openKey.value && loading.value !== "ready") loading.value = error;
  }
}

export async function readEarlier() {
  const key = openKey.value;
  const of = session;
  // A part of it that nobody is shown is passed over.
  for (let found = 0; !found && more.value; ) {
    const before = first;
    const page = await get(withQuery(conversationPath(key, "/entries"), { before, limit: PAGE }));
    if (key !== openKey.value || of !== session || first !== before) return;
    found = page.entries.length;
    batch(() => {
      first = page.first;
      entries.value = [...page.entries, ...entries.value];
      more.value = page.more;
    });
  }
}

const pieces = perFrame((events) => batch(() => events.forEach(apply)));

/** Takes in an event of this conversation. */
export function hear(event) {
  if (event.conversation !== openKey.value) return;
  pieces(event);
}

function apply(event) {
  if (event.conversation !== openKey.value || event.seq < snapshotSeq) return;
  switch (event.type) {
    case "snapshot":
      snapshotSeq = event.seq;
      if (event.turn) running.value = turns.from(event.turn, running.value);
      else if (running.value) finish();
      break;
    case "began":
      running.value = turns.begin(event.turn);
      break;
    case "ended":
      finish();
      break;
    case "entries":
      refresh();
      break;
    case "step":
      remember(running.value);
      if (running.value) running.value = turns.after(running.value, event);
      refresh();
      break;
    case "notice":
      // What was told in no turn is an entry.
      if (running.value) running.value = turns.after(running.value, event);
      else refresh();
      break;
    default:
      if (running.value) running.value = turns.after(running.value, event);
  }
}

/** The thoughts of a step that is over, behind those of earlier ones. */
function remember(turn, now = Date.now()) {
  if (!turn?.reasoning || turn.stepped) return;
  const known = thoughts.value.get(turn.turn);
  const text = known ? `${known.text}\n\n${turn.reasoning}` : turn.reasoning;
  const ms = (known?.ms ?? 0) + (turn.thoughtFor ?? now - turn.thinkingSince);
  thoughts.value = new Map(thoughts.value).set(turn.turn, { text, ms });
}

/** The turn is over: it is taken away when its entries are there, so that nothing blinks. */
async function finish() {
  const over = running.value;
  await refresh();
  // Something may have come in between the last reading and now.
  if (reading) await reading;
  if (running.value && running.value.turn === over?.turn) {
    batch(() => {
      remember(running.value);
      running.value = null;
    });
  }
  describe();
}

/** The connection is new: what was missed is read. */
export function caughtUp() {
  snapshotSeq = -1;
  if (openKey.value) {
    refresh();
    describe();
  }
}
