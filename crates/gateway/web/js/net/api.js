// Asks the gateway. The key is kept by this browser and travels in a header, never in an address.
import { signal } from "../../vendor/ui.js";
import { recall, remember } from "../prefs.js";

/** A reply that is no answer. `status` 0: nobody was there. */
export class ApiError extends Error {
  constructor(status, { code = "unknown", message = "", hint = "" } = {}) {
    super(message || code);
    Object.assign(this, { status, code, hint });
  }

  /** Whether the same may work in a moment. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const key = signal(recall("key"));

/** Whether there is a key. */
export const signedIn = signal(key.value !== null);

export function currentKey() {
  return key.value;
}

export function setKey(value) {
  key.value = value;
  signedIn.value = value !== null;
  remember("key", value);
}

// Signed out in another tab is signed out here.
addEventListener("storage", (event) => {
  if (event.key === "yabby.key" && event.newValue !== key.value) location.reload();
});

/** Sends JSON and reads JSON; throws an ApiError. */
export async function call(method, path, body, { signal: cancelled } = {}) {
  const used = key.value;
  const headers = {};
  if (used) headers.authorization = `Bearer ${used}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: cancelled,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "unreachable" });
  }
  const text = await answer.text().catch(() => "");
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // A proxy in between may answer with a page of its own.
    if (answer.ok) throw new ApiError(502, { code: "not_json" });
  }
  if (answer.ok) return value;
  if (answer.status === 401 && used && used === key.value) setKey(null);
  throw new ApiError(answer.status, value?.error);
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body = {}, options) => call("POST", path, body, options);
export const remove = (path) => call("DELETE", path);

/** A path with its parameters; those that are null or empty are left out. */
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export const conversationPath = (conversation, rest = "") =>
  `/api/conversations/${encodeURIComponent(conversation)}${rest}`;
