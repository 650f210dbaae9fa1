//! One entry of a conversation, the same for every provider.

use serde::{Deserialize, Serialize};

/// A message of the neutral transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What a person (or a program acting for one) said.
    User {
        /// The plain text.
        text: String,
    },
    /// What a model answered.
    Assistant {
        /// The visible text; empty when the model only called tools.
        text: String,
        /// The calls that the model made, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
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
        Self::User { text: text.into() }
    }

    /// A model's answer without tool calls.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::Assistant {
            text: text.into(),
            tool_calls: Vec::new(),
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
