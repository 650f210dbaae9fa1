//! The APIs that clients speak, and errors in the shape of each.

use std::time::Duration;

use hyper::{
    StatusCode,
    body::Bytes,
    header::{HeaderName, HeaderValue},
};
use yabby_core::ErrorKind;
use yabby_wire::clients::Failure;

use crate::trial::Said;

/// An API that a request came in.
pub(crate) use yabby_wire::clients::Api;

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
    /// The field of the request that is wrong, where one is.
    pub(crate) field: Option<String>,
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
            field: None,
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
        Self::from(Failure::of_kind(kind, message))
    }

    /// The body of the error.
    pub(crate) fn body(&self, api: Api) -> Bytes {
        match &self.said {
            Some(said) => said.body.clone().into(),
            None => self.failure().body(api).into(),
        }
    }

    /// The error as the last event of a stream that has begun.
    pub(crate) fn event(&self, api: Api) -> Bytes {
        self.failure().event(api).into()
    }

    fn failure(&self) -> Failure {
        Failure {
            field: self.field.clone(),
            ..Failure::new(self.status.as_u16(), self.code, self.message.clone())
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::BAD_GATEWAY);
        Self {
            field: failure.field,
            ..Self::new(status, failure.code, failure.message)
        }
    }
}

/// The API in whose shape an error is told at a path.
pub(crate) fn of_errors(path: &str) -> Api {
    if path.starts_with("/v1/messages") {
        Api::Messages
    } else {
        of_path(path).unwrap_or(Api::Chat)
    }
}

/// The path of an API.
pub(crate) const fn path_of(api: Api) -> &'static str {
    match api {
        Api::Chat => "/v1/chat/completions",
        Api::Responses => "/v1/responses",
        Api::Messages => "/v1/messages",
    }
}

/// The API behind a path.
pub(crate) fn of_path(path: &str) -> Option<Api> {
    match path {
        "/v1/chat/completions" => Some(Api::Chat),
        "/v1/responses" => Some(Api::Responses),
        "/v1/messages" => Some(Api::Messages),
        _ => None,
    }
}

/// Headers of a client's request that are part of the API.
pub(crate) fn passed(api: Api) -> &'static [HeaderName] {
    static OPENAI: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];
    static ANTHROPIC: [HeaderName; 2] = [
        HeaderName::from_static("anthropic-version"),
        HeaderName::from_static("anthropic-beta"),
    ];
    match api {
        Api::Chat | Api::Responses => &OPENAI,
        Api::Messages => &ANTHROPIC,
    }
}

/// A header that the API asks for, where the client has not sent it.
pub(crate) fn adds(api: Api) -> Option<(HeaderName, HeaderValue)> {
    // docs.claude.com/en/api/versioning
    let version = || {
        (
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static("2023-06-01"),
        )
    };
    (api == Api::Messages).then(version)
}

#[cfg(test)]
mod tests {
    use super::*;

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
