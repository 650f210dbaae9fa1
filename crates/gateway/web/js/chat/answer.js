// What came in answer to something: words, tools, notices; and while it comes, what has come so far.
import { html } from "../../vendor/ui.js";
import { said, t } from "../i18n.js";
import { thoughts } from "../state/chat.js";
import { isWritten, plainAnswer } from "../state/entries.js";
import { asItIs } from "../state/house.js";
import { GrowingProse, Prose } from "../text/prose.js";
import { copyText } from "../ui/copy.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { Approval } from "./approval.js";
import { Attempts } from "./attempts.js";
import { Progress } from "./progress.js";
import { Images } from "./question.js";
import { Thinking } from "./thinking.js";
import { Tool } from "./tool.js";

/** `live` is the running turn when this is its answer, `written` what entries have of it; `onRetry` is null while that cannot be done. */
export function Answer({ group, live = null, written = [], onRetry }) {
  const thought = thoughts.value.get(live?.turn ?? group.turn);
  const text = plainAnswer(group);
  return html`
    <article class="answer" aria-label="Yabby">
      <h2 class="hidden">Yabby</h2>
      ${thought && html`<${Thinking} text=${thought.text} ms=${thought.ms} />`}
      ${group.parts.map((part) => html`<${Part} key=${part.id} part=${part} live=${live} />`)}
      ${live ? html`<${Live} running=${live} parts=${written} />` : html`
        <${Attempts} attempts=${group.parts.flatMap((part) => part.entry?.attempts ?? [])} />
        <div class="actions">
          ${text && html`<button type="button" class="plain small" aria-label=${t("copy.answer")} title=${t("copy.answer")}
            onClick=${async () => (await copyText(text)) && toast(t("copied"))}><${Icon} name="copy" size="15" /></button>`}
          ${group.question && html`<button type="button" class="plain small" aria-label=${t("retry")} title=${t("retry")}
            disabled=${!onRetry} onClick=${onRetry}><${Icon} name="retry" size="15" /></button>`}
        </div>`}
    </article>
  `;
}

function Part({ part, live }) {
  switch (part.kind) {
    case "text":
      return part.entry.text.trim() ? html`<${Prose} text=${part.entry.text} />` : null;
    case "tool": {
      const running = live?.tools.find((tool) => tool.id === part.call.id);
      const state = running?.state ?? part.result?.state ?? (part.result ? "done" : live ? "running" : "waiting");
      const output = part.result?.text ?? running?.output ?? "";
      return html`<${Tool} call=${part.call} state=${state} output=${output} summary=${running?.summary} />`;
    }
    case "picture":
      return html`<${Images} images=${part.entry.images} />`;
    case "summary":
      return html`<details class="summary"><summary>${t("summary")}</summary><${Prose} text=${part.entry.text} /></details>`;
    default:
      if (part.entry.approval) return html`<${Approval} question=${asItIs(part.entry.approval)} />`;
      return html`<p class="notice">${said(part.entry.words) || part.entry.text}</p>`;
  }
}

/** What is in no entry yet. */
function Live({ running, parts }) {
  const calls = new Set(parts.map((part) => part.call?.id));
  const told = new Set(parts.map((part) => part.entry?.words?.en));
  const tools = running.tools.filter((tool) => !calls.has(tool.id));
  const entries = parts.map((part) => part.entry).filter(Boolean);
  const text = isWritten(entries, running) ? "" : running.text;
  const atWork = running.tools.some((tool) => tool.state === "running");
  return html`
    ${running.notices
      .filter((words) => !told.has(words.en))
      .map((words, at) => html`<p key=${`notice${at}`} class="notice">${said(words)}</p>`)}
    <${Lost} attempts=${running.attempts} />
    <${Thinking} text=${running.stepped ? "" : running.reasoning} since=${running.thinkingSince} ms=${running.thoughtFor} />
    ${text && html`<${GrowingProse} text=${text} />`}
    ${tools.map((tool) => html`<${Tool} key=${tool.id} call=${tool} state=${tool.state} output=${tool.output} summary=${tool.summary} />`)}
    ${!text && (running.stepped || !running.reasoning) && !atWork && html`<${Progress} running=${running} />`}
  `;
}

/** Those that have failed, as soon as they have. */
const Lost = ({ attempts }) =>
  attempts
    .filter((attempt) => attempt.outcome === "failed")
    .map((attempt, at) => html`<p key=${`lost${at}`} class="notice warn"><${Icon} name="warn" size="14" />
      ${t("attempt.lost", { model: attempt.model, why: attempt.message || attempt.error })}</p>`);
