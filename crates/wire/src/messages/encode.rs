//! Messages requests: content blocks, tool results in user messages, `max_tokens` always.

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Message, ModelRequest, Tool, ToolChoice};

use crate::dialect::{Encoded, Target, seal, tools};

/// The limit when none is set: the field is mandatory on Anthropic, vLLM and LiteLLM (recordings
/// `msgs_no_maxtokens`).
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// A Messages request.
pub(crate) fn encode(request: &ModelRequest, target: &Target<'_>) -> Encoded {
    let quirks = target.quirks;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("model", target.model.into());
    if request.delivery == Delivery::Stream {
        set("stream", true.into());
    }
    set(
        "max_tokens",
        request.max_output_tokens.unwrap_or(DEFAULT_MAX_TOKENS).into(),
    );
    if let Some(temperature) = request.temperature {
        set("temperature", temperature.into());
    }
    if let Some(system) = &request.system {
        set("system", system.as_str().into());
    }
    if let Some(output) = &request.output_schema {
        // platform.claude.com, "Structured outputs": generally available without a beta header; `output_format` is the
        // name from the beta. LM Studio ignores it (`model-servers.md` §1.3).
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
        path: "/messages",
        body: seal(fields, quirks, &["model", "stream"], "messages", conversation(request)),
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
fn conversation(request: &ModelRequest) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for message in &request.messages {
        let (role, blocks) = match message {
            Message::User { text } => ("user", text_block(text).into_iter().collect()),
            Message::Assistant { text, tool_calls } => {
                let calls = tool_calls.iter().map(|call| {
                    json!({"type": "tool_use", "id": call_id(&call.id), "name": call.name, "input": call.arguments})
                });
                ("assistant", text_block(text).into_iter().chain(calls).collect())
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
