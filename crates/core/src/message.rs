//! One entry of a conversation, the same for every provider.

use serde::{Deserialize, Serialize};

use crate::{Image, Opaque};

/// A message of the neutral transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What a person (or a program acting for one) said.
    User {
        /// The plain text.
        text: String,
        /// Pictures that belong to it, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<Image>,
    },
    /// What a model answered.
    Assistant {
        /// The visible text; empty when the model only called tools.
        text: String,
        /// The calls that the model made, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
        /// What only the server that gave the answer can read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        opaque: Vec<Opaque>,
    },
    /// What a tool returned for one call.
    ToolResult {
        /// The id of the [`ToolCall`] that this answers.
        call_id: String,
        /// The name of the tool.
        name: String,
        /// The result as text.
        content: String,
    },
}

impl Message {
    /// A person's message.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User {
            text: text.into(),
            images: Vec::new(),
        }
    }

    /// A model's answer without tool calls.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::calling(text, Vec::new())
    }

    /// A model's answer with tool calls.
    pub fn calling(text: impl Into<String>, tool_calls: Vec<ToolCall>) -> Self {
        Self::Assistant {
            text: text.into(),
            tool_calls,
            opaque: Vec::new(),
        }
    }

    /// What a tool returned for `call`.
    pub fn result(call: &ToolCall, content: impl Into<String>) -> Self {
        Self::ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: content.into(),
        }
    }
}

/// A complete call of a function tool. Its arguments are a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the turn; made up by the decoder where a server sends none.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments, always a JSON object.
    pub arguments: serde_json::Map<String, serde_json::Value>,
}

/// The most characters that every server takes in the name of a tool.
const NAME_CHARS: usize = 64;

/// A call that cannot be run: the model named no known tool, or its arguments are not an object that fits the tool's
/// schema. The model can be told, see [`MalformedCall::as_call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MalformedCall {
    /// As in [`ToolCall::id`].
    pub id: String,
    /// The name that the model gave; may be empty.
    pub name: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
    /// What is wrong, in English, for the model.
    pub problem: String,
}

impl MalformedCall {
    /// The call as it goes into the conversation, so that a [`Message::ToolResult`] can answer it with the problem.
    /// Arguments that are no object are left out, and the name is written as a tool's name may be, because a server
    /// fails on them in every later turn.
    pub fn as_call(&self) -> ToolCall {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let name = self.name.trim().chars().take(NAME_CHARS);
        let name: String = name.map(|c| if allowed(c) { c } else { '_' }).collect();
        ToolCall {
            id: self.id.clone(),
            name: if name.is_empty() { "unknown".to_owned() } else { name },
            arguments: serde_json::from_str(&self.arguments).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_malformed_call_can_stand_in_the_conversation() {
        let broken = MalformedCall {
            id: "c".to_owned(),
            name: String::new(),
            arguments: "\"Paris\"".to_owned(),
            problem: "no such tool".to_owned(),
        };
        let call = broken.as_call();
        assert_eq!(
            (call.id.as_str(), call.name.as_str(), call.arguments.len()),
            ("c", "unknown", 0)
        );
        let whole = MalformedCall {
            arguments: json!({"a": 1}).to_string(),
            ..broken.clone()
        };
        assert_eq!(json!(whole.as_call().arguments), json!({"a": 1}));
        for (name, sent) in [
            ("read file!", "read_file_"),
            ("a.b", "a_b"),
            ("é-1", "_-1"),
            (" ", "unknown"),
            (&"x".repeat(65), &"x".repeat(64)),
        ] {
            let named = MalformedCall {
                name: name.to_owned(),
                ..broken.clone()
            };
            assert_eq!(named.as_call().name, sent);
        }
    }

    #[test]
    fn older_transcripts_are_read() {
        let told = json!({"role": "user", "text": "hi"});
        assert_eq!(serde_json::from_value::<Message>(told).unwrap(), Message::user("hi"));
    }
}
