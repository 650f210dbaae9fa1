// The view of a conversation: its head, its thread, and where a person writes.
import { html } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { conversation, describe, entries, loading, open, openKey, running } from "../state/chat.js";
import { say } from "../state/outbox.js";
import { titleOf } from "../state/title.js";
import { confirm } from "../ui/dialog.js";
import { Icon } from "../ui/icons.js";
import { Problem } from "../ui/problem.js";
import { Announcer } from "./announce.js";
import { Composer, takeDrops } from "./composer.js";
import { ModelMenu } from "./models.js";
import { toEnd } from "./scroll.js";
import { Thread } from "./thread.js";

const known = () => entries.value.map((entry) => entry.id);

async function speak(text, images = []) {
  const key = openKey.value;
  toEnd();
  await say(key, text, { images, known: known() });
  // A command may have changed what the head shows.
  if (text.startsWith("/")) setTimeout(describe, 300);
}

export const stop = () => say(openKey.value, "/stop");

const edit = (entry, text) => {
  toEnd();
  return say(openKey.value, text, { images: entry.images ?? [], edit: entry.seq, known: known() });
};

export function Chat({ menuButton }) {
  const failed = typeof loading.value === "object";
  return html`
    <div class="chat" onDragOver=${(event) => event.preventDefault()} onDrop=${takeDrops}>
      <header class="head">
        ${menuButton}
        <h1 class="cut">${titleOf(conversation.value, openKey.value)}</h1>
        <${ModelMenu} onChoose=${(name) => speak(`/model ${name}`)} />
        <${Privacy} />
      </header>
      ${failed
        ? html`<${Problem} error=${loading.value} onAgain=${() => open(openKey.value)} />`
        : html`<${Thread} onEdit=${edit} onSay=${speak} />`}
      <${Composer} conversation=${openKey.value} onSay=${speak} onStop=${stop} />
      <${Announcer} />
    </div>
  `;
}

function Privacy() {
  const on = conversation.value?.private ?? false;
  const change = async () => {
    if (on && !(await confirm(t("private.off"), t("private.off.text"), t("private.off.yes")))) return;
    await speak(`/private ${on ? "off" : "on"}`);
  };
  return html`
    <button type="button" class="plain private ${on ? "on" : ""}" role="switch" aria-checked=${on ? "true" : "false"}
      aria-label=${t("private")} title=${t(on ? "private.is" : "private.hint")} disabled=${running.value !== null} onClick=${change}>
      <${Icon} name=${on ? "lock" : "unlock"} /><span class="wide-only">${on ? t("private.on") : ""}</span>
    </button>
  `;
}
