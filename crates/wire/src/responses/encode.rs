//! Responses requests that carry the whole conversation and leave nothing on the server.
//!
//! Never sent: `previous_response_id` (400 on llama.cpp and OpenRouter, ignored by Ollama), and
//! `truncation: "auto"`, with which vLLM cuts the prompt silently (`wire-facts.md` §6.3, §7.1).

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Image, Message, ModelRequest, Tool, ToolChoice};

use crate::{
    dialect::{Dialect, Encoded, Quirks, Target, own, seal, tools, without_pictures},
    thinking,
};

/// A Responses request.
///
/// The system prompt goes into `instructions`: llama.cpp and vLLM obey it (recordings `resp_instructions`), and it
/// stands before the conversation. `store` is false; vLLM and OpenRouter object to anything else.
pub(crate) fn encode(request: &ModelRequest, target: &Target<'_>) -> Encoded {
    let quirks = target.quirks;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("model", target.model.into());
    set("store", false.into());
    if quirks.encrypted_reasoning {
        set("include", json!(["reasoning.encrypted_content"]));
    }
    if request.delivery == Delivery::Stream {
        set("stream", true.into());
    }
    if let Some(limit) = request.max_output_tokens {
        set("max_output_tokens", limit.into());
    }
    if let Some(temperature) = request.temperature {
        set("temperature", temperature.into());
    }
    if let Some(system) = request.system.as_ref().filter(|_| !quirks.no_instructions) {
        set("instructions", system.as_str().into());
    }
    if let Some(output) = &request.output_schema {
        let schema = quirks.output(output);
        set(
            "text",
            json!({"format": {"type": "json_schema", "name": output.name, "schema": schema, "strict": true}}),
        );
    }
    let strict = (!quirks.no_strict).then_some(quirks.strict_tools);
    if let Some(written) = tools(&request.tools, quirks, |tool, parameters| {
        write_tool(tool, parameters, strict)
    }) {
        set("tools", written);
        match &request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => drop(set("tool_choice", "none".into())),
            ToolChoice::Required => drop(set("tool_choice", "required".into())),
            ToolChoice::Named(name) => drop(set("tool_choice", json!({"type": "function", "name": name}))),
        }
    }
    let thinking = thinking::fields(Dialect::Responses, request, quirks);
    let reserved = ["model", "stream", "previous_response_id", "truncation"];
    Encoded {
        path: Dialect::Responses.path(),
        body: seal(
            (fields, thinking),
            quirks,
            &reserved,
            "input",
            conversation(request, target),
        ),
        headers: Vec::new(),
    }
}

/// `strict` is said where it may be, because here it is on by default (OpenAI, llama.cpp: `wire-facts.md` §5.4).
fn write_tool(tool: &Tool, parameters: &Value, strict: Option<bool>) -> Value {
    let mut written = json!({
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
    });
    if let Some(strict) = strict {
        written["strict"] = strict.into();
    }
    written
}

fn conversation(request: &ModelRequest, target: &Target<'_>) -> Vec<Value> {
    let system = request.system.iter().filter(|_| target.quirks.no_instructions);
    let mut out: Vec<Value> = system.map(|text| json!({"role": "system", "content": text})).collect();
    for message in &request.messages {
        match message {
            Message::User { text, images } => {
                out.push(json!({"role": "user", "content": user_content(text, images, target.quirks)}));
            }
            Message::Assistant {
                text,
                tool_calls,
                opaque,
            } => {
                // Before what came of it.
                out.extend(own(opaque, target).filter(|item| item["type"] == "reasoning").cloned());
                if !text.is_empty() {
                    out.push(write_answer(out.len(), text));
                }
                out.extend(tool_calls.iter().map(|call| {
                    json!({
                        "type": "function_call",
                        "call_id": call.id,
                        "name": call.name,
                        "arguments": Value::Object(call.arguments.clone()).to_string(),
                    })
                }));
            }
            Message::ToolResult { call_id, content, .. } => {
                out.push(json!({"type": "function_call_output", "call_id": call_id, "output": content}));
            }
        }
    }
    out
}

/// What a person said. The strict union of vLLM wants `detail` at a picture.
fn user_content(text: &str, images: &[Image], quirks: &Quirks) -> Value {
    if images.is_empty() {
        return text.into();
    }
    if quirks.string_content {
        return without_pictures(text, images).into();
    }
    let pictures = images
        .iter()
        .map(|image| json!({"type": "input_image", "image_url": image.data_url(), "detail": "auto"}));
    let said = (!text.is_empty()).then(|| json!({"type": "input_text", "text": text}));
    pictures.chain(said).collect()
}

/// An answer of the model. llama.cpp refuses it without `type` and as a plain string, vLLM's strict union wants
/// `id`, `status` and `annotations` (`wire-facts.md` §6.3, §7.1; recordings `resp_assistant_output_text`).
fn write_answer(position: usize, text: &str) -> Value {
    json!({
        "type": "message",
        "id": format!("msg_{position}"),
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    })
}
