// Keys that work everywhere in the page.
import { focusComposer } from "../chat/composer.js";
import { stop } from "../chat/chat.js";
import { running } from "../state/chat.js";
import { closeDrawer, drawerOpen, isNarrow, openDrawer } from "./drawer.js";
import { helpOpen } from "./help.js";
import { route } from "./route.js";
import { beginConversation, step } from "./sidebar.js";

const writes = (target) => target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);

function onKey(event) {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    if (isNarrow.value) openDrawer();
    else document.getElementById("search")?.focus();
  } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    step(event.key === "ArrowUp" ? -1 : 1);
  } else if (event.key === "Escape") {
    if (drawerOpen.value) closeDrawer();
    else if (route.value.view === "chat" && running.value) stop();
    else return;
  } else if (event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) {
    return;
  } else if (event.key === "?") {
    helpOpen.value = true;
  } else if (event.key === "/") {
    focusComposer();
  } else if (event.key === "n") {
    beginConversation();
  } else {
    return;
  }
  event.preventDefault();
}

export function listenForKeys() {
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
