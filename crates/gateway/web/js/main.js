// Where the page begins.
import { html, render, useEffect, useSignal } from "../vendor/ui.js";
import { preferred, speak } from "./i18n.js";
import { signedIn } from "./net/api.js";
import { signInWith, takeCode } from "./net/sign-in.js";
import { App } from "./shell/app.js";
import { SignIn } from "./shell/sign-in.js";
import { listenForCopies } from "./ui/copy.js";

const code = takeCode();

function Page() {
  const left = useSignal(code);
  // A device that has a key keeps it when the link turns out to be an old one.
  useEffect(() => {
    if (!code || !signedIn.value) return;
    left.value = null;
    signInWith({ code }).catch(() => {});
  }, []);
  return signedIn.value ? html`<${App} />` : html`<${SignIn} code=${left.value} onCodeUsed=${() => (left.value = null)} />`;
}

await speak(preferred());
listenForCopies();
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Page} />`, root);
