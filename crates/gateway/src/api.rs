//! The APIs that clients speak, and errors in the shape of each.

use std::time::Duration;

use hyper::{
    StatusCode,
    body::Bytes,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use yabby_core::ErrorKind;
use yabby_wire::Dialect;

use crate::trial::Said;

/// An API that a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Api {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

/// What a client is told instead of an answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// For programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
    /// The words of the one upstream that was asked, which are passed on instead.
    pub(crate) said: Option<Said>,
    /// How many attempts there were.
    pub(crate) attempts: u32,
    /// When it is worth to try again.
    pub(crate) retry_after: Option<Duration>,
    /// Whether it would help to send a key.
    pub(crate) challenge: bool,
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            said: None,
            attempts: 0,
            retry_after: None,
            challenge: false,
        }
    }

    /// The client may try again after a while.
    #[must_use]
    pub(crate) fn after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// The client is asked for a key.
    #[must_use]
    pub(crate) fn challenging(mut self) -> Self {
        self.challenge = true;
        self
    }

    /// The refusal for an error of an upstream.
    ///
    /// A key that an upstream does not take is not the client's, so that it is no 401: the client would doubt its own.
    pub(crate) fn of_kind(kind: ErrorKind, message: String) -> Self {
        use ErrorKind as E;
        let (status, code) = match kind {
            E::ContextOverflow => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
            E::Template | E::Grammar | E::UnsupportedField | E::UnsupportedFeature | E::BadRequest => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            E::ModelNotFound => (StatusCode::NOT_FOUND, "model_not_found"),
            E::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
            E::OutOfZone => (StatusCode::FORBIDDEN, "out_of_zone"),
            E::OverBudget => (StatusCode::TOO_MANY_REQUESTS, "over_budget"),
            E::Resting | E::Loading | E::NotLoaded | E::Overloaded | E::Preempted | E::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "model_unavailable")
            }
            E::Hung | E::Timeout => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
            E::Auth | E::Billing => (StatusCode::BAD_GATEWAY, "upstream_credentials"),
            E::Refused | E::Dns | E::Tls | E::Unreachable => (StatusCode::BAD_GATEWAY, "upstream_unreachable"),
            _ => (StatusCode::BAD_GATEWAY, "upstream_error"),
        };
        Self::new(status, code, message)
    }
}

// === impl Api ===

impl Api {
    /// The API in whose shape an error is told at a path.
    pub(crate) fn of_errors(path: &str) -> Self {
        if path.starts_with("/v1/messages") {
            Self::Messages
        } else {
            Self::of_path(path).unwrap_or(Self::Chat)
        }
    }

    /// The API behind a path.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        match path {
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/responses" => Some(Self::Responses),
            "/v1/messages" => Some(Self::Messages),
            _ => None,
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Chat => Dialect::Chat,
            Self::Responses => Dialect::Responses,
            Self::Messages => Dialect::Messages,
        }
    }

    /// Headers of a client's request that are part of the API.
    pub(crate) fn passed(self) -> &'static [HeaderName] {
        static OPENAI: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];
        static ANTHROPIC: [HeaderName; 2] = [
            HeaderName::from_static("anthropic-version"),
            HeaderName::from_static("anthropic-beta"),
        ];
        match self {
            Self::Chat | Self::Responses => &OPENAI,
            Self::Messages => &ANTHROPIC,
        }
    }

    /// A header that the API asks for, where the client has not sent it.
    pub(crate) fn adds(self) -> Option<(HeaderName, HeaderValue)> {
        // docs.claude.com/en/api/versioning
        let version = || {
            (
                HeaderName::from_static("anthropic-version"),
                HeaderValue::from_static("2023-06-01"),
            )
        };
        (self == Self::Messages).then(version)
    }

    /// The body of an error.
    ///
    /// The shapes are those of platform.openai.com/docs/guides/error-codes and docs.claude.com/en/api/errors.
    pub(crate) fn error(self, refusal: &Refusal) -> Bytes {
        match &refusal.said {
            Some(said) => said.body.clone().into(),
            None => self.error_value(refusal).to_string().into(),
        }
    }

    fn error_value(self, refusal: &Refusal) -> Value {
        let Refusal {
            status, code, message, ..
        } = refusal;
        match self {
            Self::Chat | Self::Responses => {
                let kind = match status.as_u16() {
                    400..=499 if *status != StatusCode::TOO_MANY_REQUESTS => "invalid_request_error",
                    429 => "rate_limit_error",
                    _ => "api_error",
                };
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Self::Messages => {
                let kind = match status.as_u16() {
                    401 => "authentication_error",
                    403 => "permission_error",
                    404 => "not_found_error",
                    413 => "request_too_large",
                    429 => "rate_limit_error",
                    400..=499 => "invalid_request_error",
                    503 => "overloaded_error",
                    504 => "timeout_error",
                    _ => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": message}})
            }
        }
    }

    /// The error as the last event of a stream that has begun. What came before it may have been cut inside a line.
    ///
    /// OpenAI's clients raise what has `error` in it; docs.claude.com/en/docs/build-with-claude/streaming, "Error
    /// events", and platform.openai.com/docs/api-reference/responses-streaming/error have the others.
    pub(crate) fn error_event(self, refusal: &Refusal) -> Bytes {
        let event = match self {
            Self::Chat => format!("\n\ndata: {}\n\n", self.error_value(refusal)),
            Self::Messages => format!("\n\nevent: error\ndata: {}\n\n", self.error_value(refusal)),
            Self::Responses => {
                let data = json!({
                    "type": "error", "code": refusal.code, "message": refusal.message, "param": null,
                });
                format!("\n\nevent: error\ndata: {data}\n\n")
            }
        };
        event.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_api_has_its_shape() {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, "model_not_found", "no \"m\"");
        assert_eq!(
            Api::Chat.error(&refusal),
            r#"{"error":{"message":"no \"m\"","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#
        );
        assert_eq!(
            Api::Messages.error(&refusal),
            r#"{"type":"error","error":{"type":"not_found_error","message":"no \"m\""}}"#
        );
        assert_eq!(
            Api::Responses.error_event(&Refusal::of_kind(ErrorKind::Hung, "late".to_owned())),
            "\n\nevent: error\ndata: {\"type\":\"error\",\"code\":\"upstream_timeout\",\"message\":\"late\",\"param\":null}\n\n"
        );
    }

    #[test]
    fn a_key_of_ours_is_no_fault_of_the_client() {
        let status = |kind| Refusal::of_kind(kind, String::new()).status.as_u16();
        assert_eq!(
            [
                ErrorKind::Auth,
                ErrorKind::RateLimit,
                ErrorKind::ContextOverflow,
                ErrorKind::Resting
            ]
            .map(status),
            [502, 429, 400, 503]
        );
    }
}
