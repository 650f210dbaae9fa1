// A gateway that is only a script: it keeps conversations in memory, and tells events as `docs/api.md` says.

export class World {
  seq = 0;
  entries = new Map();
  /** Counts up with each edit: what was behind it stands in another session. */
  sessions = new Map();
  running = new Map();
  approvals = [];
  conversations = [];
  accepted = new Map();
  keys = new Set(["owner-token"]);
  watchers = new Set();
  version = "0.1.0";

  tell(conversation, event) {
    const told = { seq: ++this.seq, ...(conversation && { conversation }), ...event };
    for (const watcher of this.watchers) {
      if (!conversation || watcher.conversation === conversation) watcher.send(told);
    }
  }

  snapshot(conversation) {
    return { seq: this.seq, conversation, type: "snapshot", turn: structuredClone(this.running.get(conversation) ?? null) };
  }

  of(key) {
    if (!this.entries.has(key)) this.entries.set(key, []);
    return this.entries.get(key);
  }

  add(key, entry) {
    const list = this.of(key);
    const seq = (list.at(-1)?.seq ?? -1) + 1;
    const whole = { seq, id: `i${key}.${seq}.${entry.kind}.${this.seq}`, at: Date.now(), turn: null, text: "", ...entry };
    list.push(whole);
    const known = this.listed(key);
    known.active_at = whole.at;
    if (entry.kind === "user") known.title ??= entry.text.slice(0, 48);
    this.conversations.sort((one, other) => other.active_at - one.active_at);
    this.tell(key, { type: "entries" });
    this.tell(null, { type: "conversations" });
    return whole;
  }

  listed(key) {
    const known = this.conversations.find((one) => one.key === key);
    if (!known) this.conversations.push({ ...this.conversation(key), cursor: key });
    return known ?? this.conversations.at(-1);
  }

  conversation(key) {
    return this.conversations.find((one) => one.key === key) ?? { key, agent: "main", title: null, active_at: 0, private: false, model: null, running: false, cursor: "" };
  }

  /** Runs a turn: `scene` is an async function over the steps of this turn. */
  async turn(key, scene) {
    const turn = `t${++this.seq}`;
    const running = { turn, model: null, text: "", reasoning: "", progress: null, tools: [], notices: [], attempts: [] };
    const steps = new Steps(this, key, running);
    this.running.set(key, running);
    this.tell(key, { type: "began", turn });
    try {
      await scene(steps);
    } catch (error) {
      if (error !== STOPPED) throw error;
      this.add(key, { kind: "assistant", turn, text: running.text });
      this.add(key, { kind: "notice", text: "stopped", words: { en: "stopped", "zh-TW": "已停止" } });
    }
    this.running.delete(key);
    this.tell(key, { type: "ended" });
    this.tell(null, { type: "conversations" });
  }
}

const STOPPED = new Error("stopped");

/** What a turn can do. */
class Steps {
  constructor(world, key, running) {
    Object.assign(this, { world, key, running });
  }

  async wait(ms) {
    await new Promise((done) => setTimeout(done, ms));
    if (this.running.stopped) throw STOPPED;
  }

  #tell(event) {
    this.world.tell(this.key, event);
  }

  trying(model) {
    // What was said in the step before is an entry by now.
    if (this.running.attempts.at(-1)?.outcome === "answered") {
      Object.assign(this.running, { text: "", reasoning: "" });
      this.#tell({ type: "step" });
    }
    Object.assign(this.running, { model, progress: null });
    this.#tell({ type: "trying", model });
  }

  progress(progress) {
    this.running.progress = progress;
    this.#tell({ type: "progress", ...progress });
  }

  async say(text, { pause = 8, size = 6 } = {}) {
    for (let at = 0; at < text.length; at += size) {
      const delta = text.slice(at, at + size);
      this.running.text += delta;
      this.#tell({ type: "text", delta });
      await this.wait(pause);
    }
  }

  async think(text, pause = 12) {
    for (const delta of text.match(/.{1,12}/gs)) {
      this.running.reasoning += delta;
      this.#tell({ type: "reasoning", delta });
      await this.wait(pause);
    }
  }

  attempt(attempt) {
    const whole = { model: this.running.model, zone: "machine", outcome: "answered", queued_ms: 0, first_token_ms: 420, total_ms: 2300, usage: { input_tokens: 812, cached_tokens: 640, output_tokens: 96 }, cost: 0, ...attempt };
    this.running.attempts.push(whole);
    this.#tell({ type: "attempt", attempt: whole });
    return whole;
  }

  tool(tool, { piece = "" } = {}) {
    const known = this.running.tools.find((one) => one.id === tool.id);
    if (known) Object.assign(known, tool, { output: known.output + piece });
    else this.running.tools.push({ output: piece, summary: null, ...tool });
    this.#tell({ type: "tool", summary: null, ...tool, output: piece });
  }

  notice(words) {
    this.running.notices.push(words);
    this.#tell({ type: "notice", words });
  }

  write(entry) {
    return this.world.add(this.key, { turn: this.running.turn, ...entry });
  }

  ask(question) {
    const approval = { id: `a${this.world.seq}`, conversation: this.key, at: Date.now(), question, state: "open" };
    this.world.approvals.push(approval);
    this.#tell({ type: "asked", approval });
    this.world.tell(null, { type: "approvals" });
    return approval;
  }
}
