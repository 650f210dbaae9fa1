//! A client's request for a server that speaks another API.
//!
//! What a client wants of the answer is said in the other API's words. Where that has no words for it, the request is
//! refused by the name of the field: an answer that looks right and is not what was asked for is worse. Hints, and fields
//! that nobody here knows, are left out and named.

use serde_json::Value;
use yabby_core::{ModelRequest, ToolChoice};

use super::{api::Api, invalid::InvalidRequest, request::ClientRequest};
use crate::Dialect;

/// A request in the words of another API.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// What the server is asked.
    pub request: ModelRequest,
    /// What it is not told, by the client's names, such as `seed` or `tools[1] (web_search)`.
    pub left_out: Vec<String>,
}

/// Fields of an API that change what its answer is, and that no other API has.
fn essential(api: Api) -> &'static [&'static str] {
    match api {
        Api::Chat => &[
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "modalities",
            "audio",
            "web_search_options",
            "grammar",
        ],
        Api::Responses => &["top_logprobs"],
        // Where a prompt may go is no hint.
        Api::Messages => &["mcp_servers", "container", "inference_geo"],
    }
}

/// Whether a field says more than its default.
fn says_something(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::String(_) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(list) if name == "modalities" => list.iter().any(|modality| modality != "text"),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

// === impl ClientRequest ===

impl ClientRequest {
    /// The request for a server that speaks `dialect`; the error names the field that cannot be carried over.
    pub fn translated(&self, dialect: Dialect) -> Result<Translated, InvalidRequest> {
        self.stands_alone()?;
        self.can_be_said(dialect)?;
        let mut request = self.request.clone();
        request.extra_body.extend(self.fields_for(dialect));
        Ok(Translated {
            request,
            left_out: self.left_out(dialect),
        })
    }

    /// Nothing of an answer of a model is kept here.
    fn stands_alone(&self) -> Result<(), InvalidRequest> {
        if self.previous_response_id.is_some() {
            let problem = "answers of a model are not kept here; send the whole conversation in `input`";
            return Err(InvalidRequest::unsupported("previous_response_id", problem));
        }
        if self.background {
            let problem = "a model does not answer in the background here; leave it out and wait for the answer";
            return Err(InvalidRequest::unsupported("background", problem));
        }
        Ok(())
    }

    fn can_be_said(&self, dialect: Dialect) -> Result<(), InvalidRequest> {
        let refuse = |field: &str, instead: &str| {
            let problem = format!(
                "cannot be told to a model that is asked through {}; {instead}, or ask another model",
                dialect.name()
            );
            Err(InvalidRequest::unsupported(field, problem))
        };
        if !self.sampling.stop.is_empty() && dialect == Dialect::Responses {
            let field = match self.api {
                Api::Messages => "stop_sequences",
                Api::Chat | Api::Responses => "stop",
            };
            return refuse(field, "leave it out");
        }
        if self.json_object && dialect == Dialect::Messages {
            let field = match self.api {
                Api::Responses => "text.format.type",
                Api::Chat | Api::Messages => "response_format.type",
            };
            return refuse(field, "give a schema with `json_schema`");
        }
        if dialect == Dialect::Ollama && !self.request.tools.is_empty() {
            if matches!(self.request.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
                return refuse("tool_choice", "use `auto` or `none`");
            }
            if self.parallel_tool_calls == Some(false) {
                let field = match self.api {
                    Api::Messages => "tool_choice.disable_parallel_tool_use",
                    Api::Chat | Api::Responses => "parallel_tool_calls",
                };
                return refuse(field, "leave it out");
            }
        }
        if dialect == self.api.dialect() {
            return Ok(());
        }
        let others = &self.others;
        let said = |name: &&&str| others.get(**name).is_some_and(|value| says_something(name, value));
        match essential(self.api).iter().find(said) {
            Some(field) => refuse(field, "leave it out"),
            None => Ok(()),
        }
    }

    fn left_out(&self, dialect: Dialect) -> Vec<String> {
        let mut left_out = self.skipped.clone();
        let sampling = &self.sampling;
        let openly = matches!(dialect, Dialect::Chat | Dialect::Ollama);
        let hints = [
            ("top_k", sampling.top_k.is_some() && dialect == Dialect::Responses),
            ("seed", sampling.seed.is_some() && !openly),
            ("presence_penalty", sampling.presence_penalty.is_some() && !openly),
            ("frequency_penalty", sampling.frequency_penalty.is_some() && !openly),
            ("tools[].strict", self.strict_tools),
        ];
        left_out.extend(
            hints
                .iter()
                .filter(|(_, left)| *left)
                .map(|(name, _)| (*name).to_owned()),
        );
        if dialect != self.api.dialect() {
            let others = self.others.iter();
            left_out.extend(
                others
                    .filter(|(name, value)| says_something(name, value))
                    .map(|(name, _)| name.clone()),
            );
        }
        left_out
    }
}
