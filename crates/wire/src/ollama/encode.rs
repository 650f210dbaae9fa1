//! Requests for Ollama's `/api/chat`.
//!
//! `stream` always stands there, because Ollama streams unless it is false. `truncate: false` makes a prompt that is
//! too long an error; without it the oldest messages are dropped and nothing is said (`wire-facts.md` §7.4). It is
//! a field of `ChatRequest` in `api/types.go` that `docs/api.md` does not mention; fields that a version does not know
//! are ignored. `format` and `keep_alive` come through the extra fields: without `think` a thinking model
//! thinks, and with it one that cannot think refuses (§7.4).

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Message, ModelRequest, Tool, ToolCall, ToolChoice};

use crate::{
    dialect::{Dialect, Encoded, Quirks, Target, seal, tools, without_pictures},
    thinking,
};

/// What Ollama reads inside `options` (`docs/api.md`, "Generate request (With options)") and people write at the top
/// of the extra fields, as the other APIs want it. At the top Ollama would ignore it.
const OPTIONS: [&str; 17] = [
    "num_ctx",
    "num_predict",
    "num_keep",
    "num_batch",
    "num_gpu",
    "num_thread",
    "seed",
    "stop",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repeat_last_n",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
];

/// A request for `/api/chat`.
pub(crate) fn encode(request: &ModelRequest, target: &Target<'_>) -> Encoded {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("model", target.model.into());
    set("stream", (request.delivery == Delivery::Stream).into());
    set("truncate", false.into());
    let options = options(request, &target.quirks.extra_body);
    if !options.is_empty() {
        set("options", Value::Object(options));
    }
    // Structured outputs (docs/api.md): the schema itself.
    if let Some(output) = &request.output_schema {
        set("format", target.quirks.output(output));
    }
    // There is no `tool_choice` (§7.4). Not to offer the tools is the only choice that can be said.
    if request.tool_choice != ToolChoice::None
        && let Some(written) = tools(&request.tools, target.quirks, write_tool)
    {
        set("tools", written);
    }
    let reserved: Vec<&str> = ["model", "stream", "options"].into_iter().chain(OPTIONS).collect();
    Encoded {
        path: Dialect::Ollama.path(),
        body: seal(
            (fields, thinking::fields(Dialect::Ollama, request, target.quirks)),
            target.quirks,
            &reserved,
            "messages",
            conversation(request, target.quirks),
        ),
        headers: Vec::new(),
    }
}

/// The options of the request with those of the extra fields; `null` takes one out.
fn options(request: &ModelRequest, extra: &Map<String, Value>) -> Map<String, Value> {
    let mut options = Map::new();
    if let Some(limit) = request.max_output_tokens {
        options.insert("num_predict".to_owned(), limit.into());
    }
    if let Some(temperature) = request.temperature {
        options.insert("temperature".to_owned(), temperature.into());
    }
    let at_top = extra.iter().filter(|(name, _)| OPTIONS.contains(&name.as_str()));
    let inside = extra.get("options").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in at_top.chain(inside) {
        if value.is_null() {
            options.shift_remove(name);
        } else {
            options.insert(name.clone(), value.clone());
        }
    }
    options
}

fn write_tool(tool: &Tool, parameters: &Value) -> Value {
    json!({
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    })
}

/// A call of the history: without an id, and with its arguments as an object.
fn write_call(call: &ToolCall) -> Value {
    json!({"function": {"name": call.name, "arguments": call.arguments}})
}

/// The messages, the system's first. Neighbours of the same role become one, as in Chat.
fn conversation(request: &ModelRequest, quirks: &Quirks) -> Vec<Value> {
    let system = request
        .system
        .iter()
        .map(|system| json!({"role": "system", "content": system}));
    let mut out: Vec<Value> = system.collect();
    for message in &request.messages {
        match message {
            Message::User { text, images } if quirks.string_content => {
                say(&mut out, "user", &without_pictures(text, images));
            }
            Message::User { text, images } => {
                let said = say(&mut out, "user", text);
                let pictures = images.iter().map(|image| Value::from(image.base64()));
                if !images.is_empty() {
                    let before = said["images"].take();
                    let before = before.as_array().cloned().unwrap_or_default();
                    said["images"] = before.into_iter().chain(pictures).collect();
                }
            }
            Message::Assistant { text, tool_calls, .. } => {
                let said = say(&mut out, "assistant", text);
                if !tool_calls.is_empty() {
                    said["tool_calls"] = tool_calls.iter().map(write_call).collect();
                }
            }
            Message::ToolResult { name, content, .. } => {
                out.push(json!({"role": "tool", "tool_name": name, "content": content}));
            }
        }
    }
    out
}

/// Adds `text` as a new paragraph to the last message if it has this role and has called nothing, because calls wait
/// for their results; else as a new message.
fn say<'a>(out: &'a mut Vec<Value>, role: &str, text: &str) -> &'a mut Value {
    let open = |last: &Value| last["role"] == role && last.get("tool_calls").is_none();
    if !out.last().is_some_and(open) {
        return out.push_mut(json!({"role": role, "content": text}));
    }
    let at = out.len() - 1;
    let before = out[at]["content"].as_str().unwrap_or_default();
    let gap = if before.is_empty() || text.is_empty() {
        ""
    } else {
        "\n\n"
    };
    out[at]["content"] = format!("{before}{gap}{text}").into();
    &mut out[at]
}
