// The official SDKs for Node against a gateway: sdk.mjs URL KEY.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";

const [url, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const claude = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Say hello." }];

for (const model of ["yabby", "box/smollm2"]) {
  // What passes has the client's settings alone, and a tiny model would go on for long.
  const calm = model === "yabby" ? {} : { temperature: 0 };
  const answer = await client.chat.completions.create({ model, messages, ...calm });
  assert(answer.choices[0].message.content && answer.usage.total_tokens > 0);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, ...calm, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  assert(text);
  console.log(model, "is answered in Chat Completions");
  const response = await client.responses.create({ model, input: "Say hello.", ...calm });
  assert(response.output_text);
  const kinds = [];
  for await (const event of await client.responses.create({ model, input: "Say hello.", ...calm, stream: true })) {
    kinds.push(event.type);
  }
  assert.equal(kinds[0], "response.created");
  // The assistant's answer has a limit, which this model reaches.
  assert(["response.completed", "response.incomplete"].includes(kinds.at(-1)), kinds.at(-1));
  const message = await claude.messages.create({ model, max_tokens: 24, messages });
  assert(message.content[0].text);
  const final = await claude.messages.stream({ model, max_tokens: 24, messages }).finalMessage();
  assert(final.content[0].text && final.stop_reason);
  console.log(model, "is answered in Responses and Messages");
}

const counted = await client.responses.inputTokens.count({ model: "yabby", input: "Say hello." });
assert(counted.input_tokens > 0);
const ofMessages = await claude.messages.countTokens({ model: "box/smollm2", messages });
assert(ofMessages.input_tokens > 0);
const kept = await client.responses.create({ model: "yabby", input: "Say hello." });
assert.equal((await client.responses.retrieve(kept.id)).output_text, kept.output_text);
const stream = await client.responses.create({ model: "yabby", input: "Count to a thousand.", stream: true });
for await (const event of stream) {
  if (event.type !== "response.created") continue;
  assert.equal((await client.responses.cancel(event.response.id)).status, "cancelled");
  assert.equal((await client.responses.retrieve(event.response.id)).status, "cancelled");
  break;
}
await client.responses.delete(kept.id);
await assert.rejects(client.responses.retrieve(kept.id), OpenAI.NotFoundError);
console.log("Responses are counted, retrieved, cancelled and deleted");

assert.equal((await client.models.retrieve("box/smollm2")).owned_by, "box");
assert.equal((await claude.models.retrieve("box/smollm2")).type, "model");
console.log("models are found one by one");

// It packs its numbers when it is told nothing.
const embedded = await client.embeddings.create({ model: "meaning/smollm2-embed", input: ["a corgi", "the rent"] });
assert(embedded.data.length === 2 && embedded.data[0].embedding.every(Number.isFinite));
console.log("embeddings are made");

const provider = createOpenAICompatible({ name: "yabby", baseURL: `${url}/v1`, apiKey: key });
const whole = await generateText({ model: provider("yabby"), prompt: "Say hello." });
assert(whole.text);
let streamed = "";
for await (const piece of streamText({ model: provider("yabby"), prompt: "Say hello." }).textStream) streamed += piece;
assert(streamed);
console.log("Vercel's AI SDK is answered");

await assert.rejects(client.chat.completions.create({ model: "yabby/nobody", messages }), OpenAI.NotFoundError);
await assert.rejects(new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
console.log("all is well");
