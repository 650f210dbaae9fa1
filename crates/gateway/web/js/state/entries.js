// The entries of a conversation, and how they become what is drawn. Pure.

/**
 * What is known together with the latest page. Older entries stay only when the page goes on where they end: after `/new`
 * or an edit the conversation has another session, whose numbers begin anew. Entries never change, so known ones are kept; but
 * for questions, which get answers.
 */
export function merge(known, page) {
  const ids = new Map(known.map((entry) => [entry.id, entry]));
  const latest = page.entries.map((entry) => (entry.approval ? entry : (ids.get(entry.id) ?? entry)));
  const at = page.more ? known.findIndex((entry) => entry.id === latest[0]?.id) : -1;
  return at > 0 ? [...known.slice(0, at), ...latest] : latest;
}

/**
 * What to ask for to get only what is new behind the number that was read last; nothing where all of the latest has to be read:
 * when nothing is known, and while a question is open, whose answer changes its entry.
 */
export function since(known, session, last) {
  if (!session || last === null || known.some((entry) => entry.approval?.state === "open")) return {};
  return { session, after: last };
}

/**
 * Groups for drawing: a message of a person, or what a turn has brought; what was told beside it stands by itself.
 * `{kind: "user", entry}`, `{kind: "answer", id, parts}`, with parts `{kind: "text" | "tool" | "notice" | "summary"}`.
 */
export function groups(entries) {
  const results = new Map();
  for (const entry of entries) {
    if (entry.kind === "tool" && entry.call) results.set(entry.call.id, entry);
  }
  const out = [];
  let answer = null;
  let asked = null;
  for (const entry of entries) {
    if (entry.kind === "user") {
      out.push({ kind: "user", id: entry.id, entry });
      answer = null;
      asked = entry;
      continue;
    }
    if (!answer || entry.turn !== answer.turn) {
      answer = { kind: "answer", id: `answer:${entry.id}`, parts: [], turn: entry.turn, question: null };
      // A turn that comes later by itself, such as a reminder, answers nothing.
      if (entry.kind !== "notice") [answer.question, asked] = [asked, null];
      out.push(answer);
    }
    answer.parts.push(...parts(entry, results));
  }
  return out;
}

function parts(entry, results) {
  switch (entry.kind) {
    case "assistant": {
      const made = [];
      if (entry.text.trim() || entry.attempts?.length) made.push({ kind: "text", id: entry.id, entry });
      for (const call of entry.calls ?? []) {
        made.push({ kind: "tool", id: call.id, call, result: results.get(call.id) ?? null });
      }
      return made;
    }
    case "tool":
      // One without a call is shown by itself: pictures that a tool has made.
      return entry.call ? [] : [{ kind: "picture", id: entry.id, entry }];
    default:
      return [{ kind: entry.kind, id: entry.id, entry }];
  }
}

/** Whether the words that stream are those of an entry already. */
export function isWritten(entries, running) {
  const text = running.text.trim();
  if (!text) return false;
  for (let at = entries.length - 1; at >= 0 && entries[at].kind !== "user"; at -= 1) {
    if (entries[at].kind === "assistant" && entries[at].text.trim() === text) return true;
  }
  return false;
}

/** The answer's words alone, for copying. */
export function plainAnswer(group) {
  return group.parts
    .filter((part) => part.kind === "text")
    .map((part) => part.entry.text.trim())
    .filter(Boolean)
    .join("\n\n");
}
