//! The smallest Chat request that all servers take: string contents, one system message first, roles that
//! alternate, `max_tokens`, function tools.

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Image, Message, ModelRequest, Tool, ToolCall, ToolChoice};

use crate::{
    dialect::{Dialect, Encoded, MaxTokensField, Quirks, Target, cache_mark, own, seal, tools, without_pictures},
    thinking,
};

/// The fields of an answer that go back as they came; see [`super::decode`].
pub(crate) const REPLAYED: [&str; 3] = ["reasoning_details", "reasoning_content", "reasoning"];

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
    if let Some(mark) = cache_mark(quirks.prompt_cache) {
        // OpenRouter, "Prompt caching": at the top level it covers everything up to the last message.
        set("cache_control", mark);
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
        path: Dialect::Chat.path(),
        body: seal(
            (fields, thinking::fields(Dialect::Chat, request, quirks)),
            quirks,
            &["model", "stream"],
            "messages",
            conversation(request, target),
        ),
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

fn write_call(call: &ToolCall, quirks: &Quirks) -> Value {
    json!({
        "id": call_id(&call.id, quirks),
        "type": "function",
        "function": {"name": call.name, "arguments": Value::Object(call.arguments.clone()).to_string()},
    })
}

/// The id as it is, or nine letters and digits made of it, always the same ones.
fn call_id(id: &str, quirks: &Quirks) -> String {
    let fits = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !quirks.short_call_ids || fits {
        return id.to_owned();
    }
    // FNV-1a: spreads short ids well, and an id is no secret.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digits = std::iter::repeat_with(|| {
        let digit = u32::try_from(hash % 36).unwrap_or_default();
        hash /= 36;
        char::from_digit(digit, 36).unwrap_or('0')
    });
    digits.take(9).collect()
}

/// The messages. Neighbours of the same role become one, because many templates insist that roles alternate
/// (`wire-facts.md` §2.3).
fn conversation(request: &ModelRequest, target: &Target<'_>) -> Vec<Value> {
    let quirks = target.quirks;
    let system = request
        .system
        .iter()
        .map(|system| json!({"role": "system", "content": system}));
    let mut out: Vec<Value> = system.collect();
    for message in &request.messages {
        match message {
            Message::User { text, images } => {
                if quirks.answer_after_results && out.last().is_some_and(|last| last["role"] == "tool") {
                    out.push(json!({"role": "assistant", "content": ANSWER_BETWEEN}));
                }
                let content = user_content(text, images, quirks);
                match last_of(&mut out, "user") {
                    Some(last) => join(&mut last["content"], content),
                    None => out.push(json!({"role": "user", "content": content})),
                }
            }
            Message::Assistant {
                text,
                tool_calls,
                opaque,
            } => {
                let last = match last_of(&mut out, "assistant") {
                    Some(last) => {
                        join(&mut last["content"], text.as_str().into());
                        last
                    }
                    // Always a string: Ollama refuses null without calls (§7.4), and some templates print "None".
                    None => out.push_mut(json!({"role": "assistant", "content": text})),
                };
                for part in own(opaque, target) {
                    for field in REPLAYED {
                        if let Some(value) = part.get(field) {
                            last[field] = value.clone();
                        }
                    }
                }
                if !tool_calls.is_empty() {
                    last["tool_calls"] = tool_calls.iter().map(|call| write_call(call, quirks)).collect();
                }
            }
            Message::ToolResult { call_id, name, content } => {
                let id = self::call_id(call_id, quirks);
                let mut result = json!({"role": "tool", "tool_call_id": id, "content": content});
                if quirks.tool_result_names {
                    result["name"] = name.as_str().into();
                }
                out.push(result);
            }
        }
    }
    out
}

/// What the model is made to have said between tool results and a person's next words.
const ANSWER_BETWEEN: &str = "I have read the results.";

/// What a person said: a string where it can be one, because not every server and template takes parts. Pictures stand
/// before the text that speaks of them.
fn user_content(text: &str, images: &[Image], quirks: &Quirks) -> Value {
    if images.is_empty() {
        return text.into();
    }
    if quirks.string_content {
        return without_pictures(text, images).into();
    }
    let pictures = images
        .iter()
        .map(|image| json!({"type": "image_url", "image_url": {"url": image.data_url()}}));
    pictures.chain(text_part(text)).collect()
}

fn text_part(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({"type": "text", "text": text}))
}

/// The last message if it has this role and has called nothing: calls wait for their results.
fn last_of<'a>(messages: &'a mut [Value], role: &str) -> Option<&'a mut Value> {
    messages
        .last_mut()
        .filter(|last| last["role"] == role && last.get("tool_calls").is_none())
}

/// Adds `more` to `content`: text as a new paragraph, parts behind parts.
fn join(content: &mut Value, more: Value) {
    *content = match (content.take(), more) {
        (Value::String(before), Value::String(text)) => {
            let gap = if before.is_empty() || text.is_empty() {
                ""
            } else {
                "\n\n"
            };
            format!("{before}{gap}{text}").into()
        }
        (before, more) => [before, more].into_iter().flat_map(parts).collect(),
    };
}

fn parts(content: Value) -> Vec<Value> {
    match content {
        Value::Array(parts) => parts,
        Value::String(text) => text_part(&text).into_iter().collect(),
        _ => Vec::new(),
    }
}
