// What a conversation is called.
import { t } from "../i18n.js";
import { agents, conversations } from "./house.js";

/** Its title, else what its key says of it. */
export function titleOf(conversation, key = conversation?.key) {
  const title = conversation?.title ?? conversations.value.find((one) => one.key === key)?.title;
  if (title) return title;
  const agent = agents.value.find((one) => one.main === key);
  if (agent) return agents.value.length > 1 ? t("title.main.of", { agent: agent.name ?? agent.id }) : t("title.main");
  return t("title.new");
}
