// The commands that a person can say, for completion. What they mean is the gateway's business.
import { models } from "../state/house.js";
import { t } from "../i18n.js";

const COMMANDS = [
  ["new"],
  ["stop"],
  ["status"],
  ["model", () => ["default", ...models.value.flatMap((model) => [model.id, ...(model.aliases ?? [])])]],
  ["models"],
  ["think", () => ["off", "low", "medium", "high", "default"]],
  ["private", () => ["on", "off"]],
  ["compact"],
  ["context"],
  ["usage", () => ["on", "off"]],
  ["queue", () => ["steer", "followup", "collect", "interrupt"]],
  ["tools"],
  ["help"],
];

const MOST = 8;

/** What a text that begins a command may become: `{text, label, hint}`. */
export function completions(text) {
  const name = /^\/([a-z]*)$/i.exec(text);
  if (name) {
    return COMMANDS.filter(([command]) => command.startsWith(name[1].toLowerCase())).map(([command, words]) => ({
      text: `/${command}${words ? " " : ""}`,
      label: `/${command}`,
      hint: t(`command.${command}`),
    }));
  }
  const [, command, begun] = /^\/([a-z]+)\s+(\S*)$/i.exec(text) ?? [];
  const words = COMMANDS.find(([known, of]) => known === command?.toLowerCase() && of)?.[1]() ?? [];
  return [...new Set(words)]
    .filter((word) => word.toLowerCase().includes(begun.toLowerCase()) && word !== begun)
    .slice(0, MOST)
    .map((word) => ({ text: `/${command} ${word}`, label: word, hint: "" }));
}
