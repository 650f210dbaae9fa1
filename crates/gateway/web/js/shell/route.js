// Which view is open. It stands behind the # of the address, so that the browser's way back works; nothing else does.
import { signal } from "../../vendor/ui.js";

export const VIEWS = ["servers", "usage", "settings", "logs", "keys"];

/** `{view: "chat", key}` or `{view}` */
export const route = signal(read());

function read() {
  const [, name = "", rest = ""] = location.hash.split("/");
  if (VIEWS.includes(name)) return { view: name };
  try {
    return { view: "chat", key: name === "c" && rest ? decodeURIComponent(rest) : null };
  } catch {
    return { view: "chat", key: null };
  }
}

addEventListener("hashchange", () => (route.value = read()));

export const chatPath = (key) => `#/c/${encodeURIComponent(key)}`;
export const viewPath = (view) => `#/${view}`;

export function go(path, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", path);
    route.value = read();
  } else {
    location.hash = path;
  }
}
