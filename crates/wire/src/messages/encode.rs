//! Messages requests: content blocks, tool results in user messages, `max_tokens` always.

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Image, Message, ModelRequest, Tool, ToolChoice};

use crate::{
    dialect::{Dialect, Encoded, NO_PICTURE, Quirks, Target, cache_mark, own, seal, tools},
    thinking,
};

/// The limit when none is set: the field is mandatory on Anthropic, vLLM and LiteLLM (recordings
/// `msgs_no_maxtokens`).
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// A Messages request.
pub(crate) fn encode(request: &ModelRequest, target: &Target<'_>) -> Encoded {
    let quirks = target.quirks;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("model", target.model.into());
    if request.delivery == Delivery::Stream {
        set("stream", true.into());
    }
    let said = thinking::fields(Dialect::Messages, request, quirks);
    let thinking = said.get("thinking").filter(|thinking| thinking["type"] != "disabled");
    // What is thought counts against the limit; without one there is room for both.
    let budget = thinking
        .and_then(|thinking| thinking["budget_tokens"].as_u64())
        .unwrap_or(0);
    let most = request.max_output_tokens.map(u64::from);
    set("max_tokens", most.unwrap_or(DEFAULT_MAX_TOKENS + budget).into());
    // Anthropic takes no temperature from who wants thinking (platform.claude.com, "Extended thinking").
    if let Some(temperature) = request.temperature.filter(|_| thinking.is_none()) {
        set("temperature", temperature.into());
    }
    let cache = cache_mark(quirks.prompt_cache);
    if let Some(system) = &request.system {
        let system = match &cache {
            // A mark of its own, so that tools and instructions stay in the cache when the conversation changes.
            Some(mark) => json!([{"type": "text", "text": system, "cache_control": mark}]),
            None => system.as_str().into(),
        };
        set("system", system);
    }
    if let Some(mark) = cache {
        // At the top level the mark is on the last block, wherever that is, so no earlier byte changes when the
        // conversation grows (platform.claude.com, "Prompt caching", automatic caching).
        set("cache_control", mark);
    }
    if let Some(output) = &request.output_schema {
        // platform.claude.com, "Structured outputs": generally available without a beta header; `output_format` is the
        // name from the beta. LM Studio ignores it (`wire-facts.md` §7.3).
        let schema = quirks.output(output);
        set(
            "output_config",
            json!({"format": {"type": "json_schema", "schema": schema}}),
        );
    }
    let write =
        |tool: &Tool, parameters: &Value| write_tool(tool, parameters, quirks.strict_tools && !quirks.no_strict);
    if let Some(written) = tools(&request.tools, quirks, write) {
        set("tools", written);
        match &request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => drop(set("tool_choice", json!({"type": "none"}))),
            ToolChoice::Required => drop(set("tool_choice", json!({"type": "any"}))),
            ToolChoice::Named(name) => drop(set("tool_choice", json!({"type": "tool", "name": name}))),
        }
    }
    Encoded {
        path: Dialect::Messages.path(),
        body: seal(
            (fields, said),
            quirks,
            &["model", "stream"],
            "messages",
            conversation(request, target),
        ),
        headers: vec![("anthropic-version", "2023-06-01")],
    }
}

fn write_tool(tool: &Tool, parameters: &Value, strict: bool) -> Value {
    let mut written = json!({"name": tool.name, "description": tool.description, "input_schema": parameters});
    if strict {
        written["strict"] = true.into();
    }
    written
}

/// Anthropic takes only `[a-zA-Z0-9_-]+` as a call id; other servers make ids such as `functions.say:0`.
fn call_id(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    id.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

/// The messages, always as blocks, so that joining neighbours of the same role only appends. Blank text is left
/// out: Anthropic refuses text blocks that are empty or only white space.
fn conversation(request: &ModelRequest, target: &Target<'_>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for message in &request.messages {
        let (role, blocks) = match message {
            Message::User { text, images } => {
                let pictures = images.iter().map(|image| picture(image, target.quirks));
                ("user", pictures.chain(text_block(text)).collect())
            }
            Message::Assistant {
                text,
                tool_calls,
                opaque,
            } => {
                let thoughts = own(opaque, target).filter(|block| is_thought(block)).cloned();
                let calls = tool_calls.iter().map(|call| {
                    json!({"type": "tool_use", "id": call_id(&call.id), "name": call.name, "input": call.arguments})
                });
                ("assistant", thoughts.chain(text_block(text)).chain(calls).collect())
            }
            Message::ToolResult {
                call_id: id, content, ..
            } => {
                let block = json!({"type": "tool_result", "tool_use_id": call_id(id), "content": content});
                ("user", vec![block])
            }
        };
        append(&mut out, role, blocks);
    }
    out
}

/// Blocks that Anthropic wants back as they were, before the calls of the same answer.
fn is_thought(block: &Value) -> bool {
    matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking"))
}

fn picture(image: &Image, quirks: &Quirks) -> Value {
    if quirks.string_content {
        return json!({"type": "text", "text": NO_PICTURE});
    }
    let source = json!({"type": "base64", "media_type": image.media_type.name(), "data": image.base64()});
    json!({"type": "image", "source": source})
}

fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn append(out: &mut Vec<Value>, role: &str, blocks: Vec<Value>) {
    if blocks.is_empty() {
        return;
    }
    let last = out.last_mut().filter(|last| last["role"] == role);
    match last.and_then(|last| last["content"].as_array_mut()) {
        Some(content) => content.extend(blocks),
        None => out.push(json!({"role": role, "content": blocks})),
    }
}
