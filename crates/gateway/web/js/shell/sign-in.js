// The door: a token, or a link that has brought a code.
import { html, useEffect, useSignal } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { signInWith } from "../net/sign-in.js";
import { problem } from "../ui/problem.js";
import { Language, Theme } from "./preferences.js";

export function SignIn({ code, onCodeUsed }) {
  const token = useSignal("");
  const busy = useSignal(Boolean(code));
  const error = useSignal(null);
  const enter = async (proof) => {
    busy.value = true;
    error.value = null;
    try {
      await signInWith(proof);
    } catch (failed) {
      error.value = failed.status === 401 || failed.status === 403 ? t(proof.code ? "sign-in.old" : "sign-in.wrong") : problem(failed);
    } finally {
      busy.value = false;
    }
  };
  useEffect(() => {
    if (code) enter({ code }).finally(onCodeUsed);
  }, []);
  return html`
    <main class="sign-in">
      <form onSubmit=${(event) => (event.preventDefault(), token.value.trim() && enter({ token: token.value.trim() }))}>
        <span class="mark" aria-hidden="true"></span>
        <h1>${t("sign-in.title")}</h1>
        <p>${t("sign-in.text")}</p>
        <label for="token">${t("sign-in.token")}</label>
        <input id="token" type="password" autocomplete="off" spellcheck="false" autocapitalize="off" value=${token.value} aria-describedby="token-error"
          aria-invalid=${error.value ? "true" : "false"} onInput=${(event) => (token.value = event.target.value)} autofocus />
        <p id="token-error" class="bad" role="alert">${error.value}</p>
        <button type="submit" class="primary" disabled=${busy.value}>${t(busy.value ? "sign-in.busy" : "sign-in")}</button>
        <p class="faint">${t("sign-in.where")}</p>
      </form>
      <div class="sign-in-foot"><${Theme} /><${Language} /></div>
    </main>
  `;
}
