// Gets a key for this device: by a token that is typed, or by the code of a one-time link.
import { post, setKey } from "./api.js";

const CODE = /^[\w.~-]{8,200}$/;

/**
 * The code of a one-time link, once. `early.js` has taken it out of the address; nothing else of an address is believed.
 */
export function takeCode() {
  const code = globalThis.yabbyCode ?? null;
  delete globalThis.yabbyCode;
  return CODE.test(code ?? "") ? code : null;
}

/** A link that is opened in a tab with the page already in it loads nothing anew. */
addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#code=")) return;
  const code = location.hash.slice("#code=".length);
  history.replaceState(null, "", location.pathname);
  if (CODE.test(code)) signInWith({ code }).catch(() => {});
});

export async function signInWith(proof) {
  const answer = await post("/api/sign-in", proof);
  setKey(answer.key);
}

export async function signOut() {
  try {
    await post("/api/sign-out");
  } finally {
    setKey(null);
  }
}
