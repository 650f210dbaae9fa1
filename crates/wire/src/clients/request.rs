//! A client's request, the same for every API.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use yabby_core::{Message, ModelRequest, OpaqueSource, ToolChoice};

use super::api::Api;
use crate::Dialect;

/// Items of earlier responses, by id. Each is taken out where the request speaks of it.
pub type Items = HashMap<String, Value>;

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the API")]
pub struct ClientRequest {
    /// The API in which it was asked.
    pub api: Api,
    /// The name in `model`, as the client wrote it.
    pub model: Option<String>,
    /// What the model is asked. Its delivery is always [`yabby_core::Delivery::Stream`], whatever the client wants. Opaque
    /// parts have no source, so that they go to nobody; see [`ClientRequest::made_by`].
    pub request: ModelRequest,
    /// The answer is wanted in pieces.
    pub stream: bool,
    /// Token counts are wanted at the end of a stream. Chat has them only on demand.
    pub include_usage: bool,
    /// Whether the client wants to see reasoning, where it says so.
    pub wants_reasoning: Option<bool>,
    /// Whether the model may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// The answer shall be any JSON object (`{"type": "json_object"}`).
    pub json_object: bool,
    /// A tool is marked `strict`.
    pub strict_tools: bool,
    /// Tools whose input is plain text (`custom` of Responses). They are in the request as functions with one property,
    /// `input`.
    pub custom_tools: Vec<String>,
    /// How tokens are chosen, beyond the temperature.
    pub sampling: Sampling,
    /// Who asks, in the words of the client.
    pub user: Option<String>,
    /// What the client wants to find again at the answer.
    pub metadata: Map<String, Value>,
    /// Whether the answer is to be kept.
    pub store: Option<bool>,
    /// The answer that this goes on from (Responses).
    pub previous_response_id: Option<String>,
    /// The answer is to be made without the client (Responses).
    pub background: bool,
    /// What was left out because nothing here can do it, such as `tools[1] (web_search)`.
    pub skipped: Vec<String>,
    /// The fields that nobody has read.
    pub others: Map<String, Value>,
}

/// How tokens are chosen, beyond [`ModelRequest::temperature`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The share of probability to choose from.
    pub top_p: Option<f64>,
    /// How many tokens to choose from.
    pub top_k: Option<i64>,
    /// What ends the answer when it is written.
    pub stop: Vec<String>,
    /// What makes the answer the same again.
    pub seed: Option<i64>,
    /// Against words that were said.
    pub presence_penalty: Option<f64>,
    /// Against words that were said often.
    pub frequency_penalty: Option<f64>,
}

// === impl ClientRequest ===

impl ClientRequest {
    pub(super) fn new(api: Api) -> Self {
        Self {
            api,
            model: None,
            request: ModelRequest::default(),
            stream: false,
            include_usage: true,
            wants_reasoning: None,
            parallel_tool_calls: None,
            json_object: false,
            strict_tools: false,
            custom_tools: Vec::new(),
            sampling: Sampling::default(),
            user: None,
            metadata: Map::new(),
            store: None,
            previous_response_id: None,
            background: false,
            skipped: Vec::new(),
            others: Map::new(),
        }
    }

    /// Says who made the opaque parts of the history: only a server that the client's whole conversation went to can
    /// read them.
    pub fn made_by(&mut self, source: &OpaqueSource) {
        for message in &mut self.request.messages {
            if let Message::Assistant { opaque, .. } = message {
                for part in opaque {
                    part.from.clone_from(source);
                }
            }
        }
    }

    /// What [`ModelRequest`] has no place for, in the words of a dialect, for [`ModelRequest::extra_body`]. Fields that
    /// nobody has read are among them only where the dialect is that of the client.
    pub fn fields_for(&self, dialect: Dialect) -> Map<String, Value> {
        let mut fields = if dialect == self.api.dialect() {
            self.others.clone()
        } else {
            Map::new()
        };
        self.sampling.write(dialect, &mut fields);
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        let has_tools = !self.request.tools.is_empty();
        if let Some(parallel) = self.parallel_tool_calls.filter(|_| has_tools) {
            match dialect {
                Dialect::Chat | Dialect::Responses => drop(set("parallel_tool_calls", parallel.into())),
                Dialect::Messages if !parallel => drop(set("tool_choice", one_call(&self.request.tool_choice))),
                Dialect::Messages | Dialect::Ollama => {}
            }
        }
        if self.json_object {
            let format = json!({"type": "json_object"});
            match dialect {
                Dialect::Chat => drop(set("response_format", format)),
                Dialect::Responses => drop(set("text", json!({"format": format}))),
                Dialect::Ollama => drop(set("format", "json".into())),
                Dialect::Messages => {}
            }
        }
        fields
    }
}

/// The choice of a tool, and that there is to be one call (platform.claude.com, "Parallel tool use").
fn one_call(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Auto => json!({"type": "auto", "disable_parallel_tool_use": true}),
        ToolChoice::Required => json!({"type": "any", "disable_parallel_tool_use": true}),
        ToolChoice::Named(name) => json!({"type": "tool", "name": name, "disable_parallel_tool_use": true}),
    }
}

// === impl Sampling ===

impl Sampling {
    /// Writes what a dialect has a field for.
    fn write(&self, dialect: Dialect, fields: &mut Map<String, Value>) {
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        let stop = (!self.stop.is_empty()).then(|| json!(self.stop));
        set("top_p", self.top_p.map(Value::from));
        match dialect {
            Dialect::Responses => {}
            Dialect::Messages => {
                set("top_k", self.top_k.map(Value::from));
                set("stop_sequences", stop);
            }
            Dialect::Chat | Dialect::Ollama => {
                // OpenAI has no `top_k`, and refuses it; it is said where the client has said it.
                set("top_k", self.top_k.map(Value::from));
                set("stop", stop);
                set("seed", self.seed.map(Value::from));
                set("presence_penalty", self.presence_penalty.map(Value::from));
                set("frequency_penalty", self.frequency_penalty.map(Value::from));
            }
        }
    }
}
