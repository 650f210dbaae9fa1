// Puts text on the clipboard, and says that it did.
import { t } from "../i18n.js";
import { toast } from "./toast.js";

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS or leave there is still the old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) toast(t("copy.failed"), "bad");
    return done;
  }
}

/** The buttons in code blocks are no components: one listener serves them all. */
export function listenForCopies() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (!button) return;
    const code = button.closest(".code")?.querySelector("pre")?.textContent ?? "";
    if (!(await copyText(code))) return;
    button.textContent = t("copied");
    setTimeout(() => (button.textContent = t("copy")), 1600);
  });
}
