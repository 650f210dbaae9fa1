// Keeps hearing events: reconnects by itself, with longer and longer pauses, and never gives up.
import { signal } from "../../vendor/ui.js";
import { eventStream, socket } from "./stream.js";

const SHORTEST = 500;
const LONGEST = 15_000;
/** A page that was away for so long may have a connection that is dead without knowing it. */
const ASLEEP = 20_000;

/** "connecting", "live" or "lost". */
export const connection = signal("connecting");

export class Live {
  #on;
  #conversation = null;
  #open = null;
  #timer = null;
  #failures = 0;
  #unheard = 0;
  #hiddenAt = null;
  #ended = false;

  /** `on.event(event)`; `on.refused()` when the key seems not to be taken. */
  constructor(on) {
    this.#on = on;
    addEventListener("online", this.#now);
    document.addEventListener("visibilitychange", this.#seen);
    this.#connect();
  }

  /** Hears the events of this conversation from now on. */
  watch(conversation) {
    if (conversation === this.#conversation) return;
    this.#conversation = conversation;
    if (this.#open && !this.#open.watch(conversation)) this.#again(0);
  }

  end() {
    this.#ended = true;
    removeEventListener("online", this.#now);
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    this.#open?.close();
  }

  #now = () => connection.value !== "live" && this.#again(0);

  #seen = () => {
    if (document.hidden) {
      this.#hiddenAt = Date.now();
    } else if (connection.value !== "live" || Date.now() - (this.#hiddenAt ?? Date.now()) > ASLEEP) {
      this.#again(0);
    }
  };

  #again(pause) {
    clearTimeout(this.#timer);
    this.#open?.close();
    this.#open = null;
    if (!this.#ended) this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #connect() {
    let heard = false;
    // After two sockets that said nothing, every other try is an event stream.
    const way = this.#unheard >= 2 && this.#unheard % 2 === 0 ? eventStream : socket;
    this.#open = way(() => this.#conversation, {
      event: (event) => {
        heard = true;
        if (event.type === "hello") {
          this.#failures = this.#unheard = 0;
          connection.value = "live";
        }
        this.#on.event(event);
      },
      closed: (code) => {
        if (!heard) this.#unheard += 1;
        if (code === 401 || code === 1008 || (code >= 4000 && code < 4100)) this.#on.refused();
        this.#open = null;
        connection.value = "lost";
        this.#failures += 1;
        const longest = Math.min(LONGEST, SHORTEST * 2 ** Math.min(this.#failures - 1, 8));
        this.#again(longest * (0.5 + Math.random() / 2));
      },
    });
  }
}
