//! The smallest Chat request that all servers take: string contents, one system message first, roles that
//! alternate, `max_tokens`, function tools.

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Message, ModelRequest, Tool, ToolCall, ToolChoice};

use crate::dialect::{Encoded, MaxTokensField, Target, seal, tools};

/// A Chat request.
pub(crate) fn encode(request: &ModelRequest, target: &Target<'_>) -> Encoded {
    let quirks = target.quirks;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("model", target.model.into());
    if request.delivery == Delivery::Stream {
        set("stream", true.into());
        if quirks.include_usage {
            set("stream_options", json!({"include_usage": true}));
        }
        if quirks.prefill_progress {
            set("return_progress", true.into());
        }
    }
    if let Some(limit) = request.max_output_tokens {
        let name = match quirks.max_tokens_field {
            MaxTokensField::MaxTokens => "max_tokens",
            MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
        };
        set(name, limit.into());
    }
    if let Some(temperature) = request.temperature {
        set("temperature", temperature.into());
    }
    if let Some(output) = &request.output_schema {
        let schema = quirks.output(output);
        set(
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": output.name, "schema": schema, "strict": true}}),
        );
    }
    let write =
        |tool: &Tool, parameters: &Value| write_tool(tool, parameters, quirks.strict_tools && !quirks.no_strict);
    if let Some(written) = tools(&request.tools, quirks, write) {
        set("tools", written);
        match &request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => drop(set("tool_choice", "none".into())),
            ToolChoice::Required => drop(set("tool_choice", "required".into())),
            ToolChoice::Named(name) => {
                drop(set(
                    "tool_choice",
                    json!({"type": "function", "function": {"name": name}}),
                ));
            }
        }
    }
    Encoded {
        path: "/chat/completions",
        body: seal(fields, quirks, &["model", "stream"], "messages", conversation(request)),
        headers: Vec::new(),
    }
}

fn write_tool(tool: &Tool, parameters: &Value, strict: bool) -> Value {
    let mut function = json!({"name": tool.name, "description": tool.description, "parameters": parameters});
    if strict {
        function["strict"] = true.into();
    }
    json!({"type": "function", "function": function})
}

fn write_call(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": Value::Object(call.arguments.clone()).to_string()},
    })
}

/// The messages. Neighbours of the same role become one, because many templates insist that roles alternate
/// (`model-servers.md` §2).
fn conversation(request: &ModelRequest) -> Vec<Value> {
    let system = request
        .system
        .iter()
        .map(|system| json!({"role": "system", "content": system}));
    let mut out: Vec<Value> = system.collect();
    for message in &request.messages {
        match message {
            Message::User { text } => match last_of(&mut out, "user") {
                Some(last) => join(last, text),
                None => out.push(json!({"role": "user", "content": text})),
            },
            Message::Assistant { text, tool_calls } => {
                let last = match last_of(&mut out, "assistant") {
                    Some(last) => {
                        join(last, text);
                        last
                    }
                    // Always a string: Ollama refuses null without calls (§1.4), and some templates print "None".
                    None => out.push_mut(json!({"role": "assistant", "content": text})),
                };
                if !tool_calls.is_empty() {
                    last["tool_calls"] = tool_calls.iter().map(write_call).collect();
                }
            }
            Message::ToolResult { call_id, content, .. } => {
                out.push(json!({"role": "tool", "tool_call_id": call_id, "content": content}));
            }
        }
    }
    out
}

/// The last message if it has this role and has called nothing: calls wait for their results.
fn last_of<'a>(messages: &'a mut [Value], role: &str) -> Option<&'a mut Value> {
    messages
        .last_mut()
        .filter(|last| last["role"] == role && last.get("tool_calls").is_none())
}

/// Adds `text` as a new paragraph to the content of `message`.
fn join(message: &mut Value, text: &str) {
    let before = message["content"].as_str().unwrap_or_default();
    let gap = if before.is_empty() || text.is_empty() {
        ""
    } else {
        "\n\n"
    };
    message["content"] = format!("{before}{gap}{text}").into();
}
