//! What a client is told instead of an answer, in the shape of the API that it called.
//!
//! The shapes are those of platform.openai.com/docs/guides/error-codes and docs.claude.com/en/api/errors.

use serde_json::{Value, json};
use yabby_core::ErrorKind;

use super::{
    api::Api,
    invalid::{InvalidKind, InvalidRequest},
    sse,
};

/// An error for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status. Inside a stream it decides the type of the error only.
    pub status: u16,
    /// For programs.
    pub code: &'static str,
    /// For people, in English.
    pub message: String,
    /// The field of the request that is wrong, where one is.
    pub field: Option<String>,
}

impl Failure {
    /// An error that names no field.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            field: None,
        }
    }

    /// The error for a failure of what was to answer.
    ///
    /// A key that an upstream does not take is not the client's, so that it is no 401: the client would doubt its own.
    pub fn of_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        use ErrorKind as E;
        let (status, code) = match kind {
            E::ContextOverflow => (400, "context_length_exceeded"),
            E::Template | E::Grammar | E::UnsupportedField | E::UnsupportedFeature | E::BadRequest => {
                (400, "invalid_request")
            }
            E::ModelNotFound => (404, "model_not_found"),
            E::RateLimit => (429, "rate_limit_exceeded"),
            E::OutOfZone => (403, "out_of_zone"),
            E::OverBudget => (429, "over_budget"),
            E::Resting | E::Loading | E::NotLoaded | E::Overloaded | E::Preempted | E::Busy => {
                (503, "model_unavailable")
            }
            E::Hung | E::Timeout => (504, "upstream_timeout"),
            E::Auth | E::Billing => (502, "upstream_credentials"),
            E::Refused | E::Dns | E::Tls | E::Unreachable => (502, "upstream_unreachable"),
            _ => (502, "upstream_error"),
        };
        Self::new(status, code, message)
    }

    /// The body of an error.
    pub fn body(&self, api: Api) -> Vec<u8> {
        self.value(api).to_string().into_bytes()
    }

    /// The error as the last event of a stream that another server has begun. What came before it may have been cut
    /// inside a line.
    ///
    /// OpenAI's clients raise what has `error` in it; docs.claude.com/en/docs/build-with-claude/streaming, "Error
    /// events", and platform.openai.com/docs/api-reference/responses-streaming/error have the others.
    pub fn event(&self, api: Api) -> Vec<u8> {
        let mut out = b"\n\n".to_vec();
        match api {
            Api::Chat => sse::data(&mut out, &self.value(api)),
            Api::Messages => sse::named(&mut out, "error", &self.value(api)),
            Api::Responses => sse::named(&mut out, "error", &self.of_responses()),
        }
        out
    }

    pub(super) fn value(&self, api: Api) -> Value {
        match api {
            Api::Chat | Api::Responses => json!({"error": self.openai()}),
            Api::Messages => {
                json!({"type": "error", "error": {"type": self.anthropic_type(), "message": self.message}})
            }
        }
    }

    fn openai(&self) -> Value {
        json!({"message": self.message, "type": self.openai_type(), "param": self.field, "code": self.code})
    }

    /// The event `error` of Responses. The documentation has the fields at the top, where the SDKs' types have them;
    /// `OpenAI` sends them under `error`, where its SDKs raise them and others read them.
    pub(super) fn of_responses(&self) -> Value {
        json!({
            "type": "error",
            "code": self.code,
            "message": self.message,
            "param": self.field,
            "error": self.openai(),
        })
    }

    fn openai_type(&self) -> &'static str {
        match self.status {
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "api_error",
        }
    }

    fn anthropic_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            503 => "overloaded_error",
            504 => "timeout_error",
            _ => "api_error",
        }
    }
}

impl From<InvalidRequest> for Failure {
    fn from(error: InvalidRequest) -> Self {
        let code = match error.kind {
            InvalidKind::NotJson => "invalid_json",
            InvalidKind::Missing => "missing_required_parameter",
            InvalidKind::Wrong => "invalid_value",
            InvalidKind::Unsupported => "unsupported_value",
        };
        Self {
            status: 400,
            code,
            message: error.to_string(),
            field: (!error.field.is_empty()).then_some(error.field),
        }
    }
}
