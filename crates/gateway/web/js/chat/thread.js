// The conversation from top to bottom.
import { html, useComputed } from "../../vendor/ui.js";
import { t } from "../i18n.js";
import { entries, loading, more, openKey, readEarlier, running } from "../state/chat.js";
import { groups } from "../state/entries.js";
import { approvals } from "../state/house.js";
import { outbox } from "../state/outbox.js";
import { Icon } from "../ui/icons.js";
import { problem } from "../ui/problem.js";
import { toast } from "../ui/toast.js";
import { Answer } from "./answer.js";
import { Approval } from "./approval.js";
import { Pending, Question } from "./question.js";
import { atEnd, steady, toEnd, useScroll } from "./scroll.js";
import { Welcome } from "./welcome.js";

/** What follows a message that is being said anew is gone from sight at once. */
const editedFrom = (key) =>
  outbox.value
    .filter((message) => message.conversation === key && message.edit !== null && message.state !== "failed")
    .reduce((from, message) => Math.min(from, message.edit), Infinity);

const NONE = { kind: "answer", id: "answer:live", parts: [], turn: null, question: null };

/** `onEdit(entry, text)` goes back to a message and says this instead; `onSay(text)` says something. */
export function Thread({ onEdit, onSay }) {
  const grouped = useComputed(() => {
    const from = editedFrom(openKey.value);
    return groups(entries.value.filter((entry) => entry.seq < from));
  });
  const { outer, inner } = useScroll(openKey.value);
  const all = grouped.value;
  const live = running.value;
  const last = all.at(-1);
  // What comes belongs below the last message, or to the parts of its turn that are there already.
  const continues = live && last?.kind === "answer" && last.turn === live.turn;
  const written = all.slice(all.findLastIndex((group) => group.kind === "user") + 1).flatMap((group) => group.parts);
  // Those that are no entries yet.
  const drawn = new Set(entries.value.map((entry) => entry.approval?.id));
  const asked = approvals.value.filter((question) => question.conversation === openKey.value && !drawn.has(question.id));
  const unsent = outbox.value.filter((message) => message.conversation === openKey.value);
  const isEmpty = loading.value === "ready" && !all.length && !live && !unsent.length;
  const earlier = () => steady(readEarlier).catch((error) => toast(problem(error), "bad"));
  return html`
    <div class="thread" ref=${outer} tabindex="-1">
      <div class="thread-inner" ref=${inner}>
        ${more.value && html`<button type="button" class="link earlier" onClick=${earlier}>${t("thread.earlier")}</button>`}
        ${isEmpty && html`<${Welcome} onSay=${onSay} />`}
        ${all.map((group) =>
          group.kind === "user"
            ? html`<${Question} key=${group.id} entry=${group.entry} onEdit=${live ? null : (text) => onEdit(group.entry, text)} />`
            : html`<${Answer} key=${group.id} group=${group} live=${continues && group === last ? live : null} written=${written}
                onRetry=${live || !group.question ? null : () => onEdit(group.question, group.question.text)} />`,
        )}
        ${live && !continues && html`<${Answer} key=${NONE.id} group=${NONE} live=${live} written=${written} />`}
        ${asked.map((question) => html`<${Approval} key=${question.id} question=${question} />`)}
        ${unsent.map((message) => html`<${Pending} key=${message.id} message=${message} />`)}
      </div>
    </div>
    ${!atEnd.value && html`<button type="button" class="round to-end" aria-label=${t("thread.end")} title=${t("thread.end")}
      onClick=${() => toEnd(true)}><${Icon} name="down" /></button>`}
  `;
}
