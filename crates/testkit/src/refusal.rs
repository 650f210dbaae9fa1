//! Refusals that depend on what stands in the request, in the words of real servers.

use serde_json::{Value, json};

use crate::http::Answer;

/// What a server refuses with 400 (llama.cpp's template errors: 500) when the request has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A field, named by its path with dots, such as `stream_options` or `tools.0.function.strict`.
    Field(String),
    /// A piece of text anywhere in a tool, such as its name or a keyword of its schema. The words are llama.cpp's, which
    /// name no tool.
    Schema(String),
    /// As [`Refusal::Schema`], in OpenAI's words, which name the tool.
    NamedSchema(String),
    /// A message of the role `system`, in the words of Gemma's template.
    SystemRole,
    /// Calls and results in the history, in the words of Mistral's older templates.
    ToolMessages,
    /// A last message of the role `assistant`, in Anthropic's words.
    Prefill,
    /// Tools, in vLLM's words.
    Tools,
}

impl Refusal {
    /// Whether the request has what is refused.
    pub(crate) fn concerns(&self, body: &Value) -> bool {
        let messages = || body["messages"].as_array().into_iter().flatten();
        match self {
            Self::Field(path) => body.pointer(&format!("/{}", path.replace('.', "/"))).is_some(),
            Self::Schema(piece) | Self::NamedSchema(piece) => tool_with(body, piece).is_some(),
            Self::SystemRole => messages().any(|message| message["role"] == "system"),
            Self::ToolMessages => {
                messages().any(|message| message["role"] == "tool" || message.get("tool_calls").is_some())
            }
            Self::Prefill => messages().last().is_some_and(|message| message["role"] == "assistant"),
            Self::Tools => body.get("tools").is_some(),
        }
    }

    /// What the server says.
    pub(crate) fn answer(&self, body: &Value) -> Answer {
        let bad = |message: &str, param: Value| {
            let error = json!({"message": message, "type": "invalid_request_error", "param": param, "code": null});
            Answer::json(400, &json!({ "error": error }))
        };
        match self {
            Self::Field(path) => bad(&format!("Unknown parameter: '{path}'."), path.as_str().into()),
            Self::Schema(_) => bad(
                "Unable to generate parser for this template. Automatic parser generation failed: JSON schema error at \
                 #: unrecognized type nonsense",
                Value::Null,
            ),
            Self::NamedSchema(piece) => {
                let (place, name) = tool_with(body, piece).unwrap_or_default();
                bad(
                    &format!("Invalid schema for function '{name}': nonsense is not valid."),
                    format!("tools[{place}].function.parameters").into(),
                )
            }
            Self::SystemRole => template("System role not supported"),
            Self::ToolMessages => template(
                "After the optional system message, conversation roles must alternate user/assistant/user/assistant/...",
            ),
            Self::Prefill => bad(
                "This model does not support assistant message prefill. The conversation must end with a user message.",
                Value::Null,
            ),
            Self::Tools => Answer::json(
                400,
                &json!({
                    "object": "error", "type": "BadRequestError", "param": null, "code": 400,
                    "message": "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
                }),
            ),
        }
    }
}

/// The place and the name of the first tool with this piece of text.
fn tool_with(body: &Value, piece: &str) -> Option<(usize, String)> {
    let mut tools = body["tools"].as_array()?.iter().enumerate();
    let (place, tool) = tools.find(|(_, tool)| tool.to_string().contains(piece))?;
    let name = tool.pointer("/function/name").or_else(|| tool.get("name"))?;
    Some((place, name.as_str()?.to_owned()))
}

fn template(words: &str) -> Answer {
    let error = json!({"code": 500, "message": words, "type": "server_error"});
    Answer::json(500, &json!({ "error": error }))
}
