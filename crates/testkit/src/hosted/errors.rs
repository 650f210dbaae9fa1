//! The errors of hosted services, as they document them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{date, http::Answer, kinds::ServerKind};

/// A refusal in the form that the server kind documents; one that has none of its own gets `OpenAI`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Documented {
    /// 401: no credential.
    NoKey,
    /// 401: a credential that is not accepted.
    BadKey,
    /// 403: the credential may not do this.
    Forbidden,
    /// 402 (`OpenAI`: 429): no credit.
    NoCredit,
    /// 413.
    TooLarge,
    /// 429.
    Limited {
        /// What `retry-after` says, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// 500.
    Failed,
    /// 529; `OpenAI` and `OpenRouter`: 503.
    Overloaded,
    /// 403 of `OpenRouter` for what its filter has flagged; 400 elsewhere.
    Flagged,
}

/// The answer.
pub(crate) fn answer(kind: &ServerKind, what: &Documented) -> Answer {
    let answer = match kind {
        ServerKind::Anthropic => anthropic(kind, what),
        ServerKind::OpenRouter { .. } => openrouter(what),
        _ => openai(what),
    };
    match what {
        Documented::Limited { retry_after } => limited(kind, answer, *retry_after),
        _ => answer,
    }
}

/// platform.claude.com, "Errors".
fn anthropic(kind: &ServerKind, what: &Documented) -> Answer {
    let (status, name, message) = match what {
        Documented::NoKey => (401, "authentication_error", "x-api-key header is required"),
        Documented::BadKey => (401, "authentication_error", "invalid x-api-key"),
        Documented::Forbidden => (
            403,
            "permission_error",
            "Your API key does not have permission to use the specified resource.",
        ),
        Documented::NoCredit => (
            402,
            "billing_error",
            "There's an issue with your billing or payment information.",
        ),
        Documented::TooLarge => (
            413,
            "request_too_large",
            "Request exceeds the maximum allowed number of bytes.",
        ),
        Documented::Limited { .. } => (
            429,
            "rate_limit_error",
            "This request would exceed your account's rate limit. Please try again later.",
        ),
        Documented::Failed => (
            500,
            "api_error",
            "An unexpected error has occurred internal to Anthropic's systems.",
        ),
        Documented::Overloaded => (529, "overloaded_error", "Overloaded"),
        Documented::Flagged => (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
        ),
    };
    Answer::json(status, &kind.error(status, name, message))
}

/// developers.openai.com, "Error codes"; the form from `openai/openai-openapi`, `ErrorResponse`.
fn openai(what: &Documented) -> Answer {
    let (status, name, code, message) = match what {
        Documented::NoKey => (
            401,
            "invalid_request_error",
            None,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        ),
        Documented::BadKey => (
            401,
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided",
        ),
        Documented::Forbidden => (
            403,
            "request_forbidden",
            Some("unsupported_country_region_territory"),
            "Country, region, or territory not supported",
        ),
        Documented::NoCredit => (
            429,
            "insufficient_quota",
            Some("insufficient_quota"),
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        Documented::TooLarge => (413, "invalid_request_error", None, "Request too large"),
        Documented::Limited { .. } => (
            429,
            "requests",
            Some("rate_limit_exceeded"),
            "Rate limit reached for requests",
        ),
        Documented::Failed => (
            500,
            "server_error",
            None,
            "The server had an error while processing your request",
        ),
        Documented::Overloaded => (
            503,
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "The engine is currently overloaded, please try again later",
        ),
        Documented::Flagged => (
            400,
            "invalid_request_error",
            Some("content_policy_violation"),
            "Your request was rejected as a result of our safety system.",
        ),
    };
    let error = json!({"message": message, "type": name, "param": null, "code": code});
    Answer::json(status, &json!({ "error": error }))
}

/// openrouter.ai, "Errors and Debugging".
fn openrouter(what: &Documented) -> Answer {
    let (status, message, metadata) = match what {
        Documented::NoKey => (401, "No auth credentials found", Value::Null),
        Documented::BadKey => (401, "Invalid credentials", Value::Null),
        Documented::Forbidden => (403, "Forbidden", json!({"error_type": "permission_denied"})),
        Documented::NoCredit => (
            402,
            "Your account or API key has insufficient credits. Add more credits and retry the request.",
            json!({"error_type": "payment_required", "limit_source": "openrouter_credits"}),
        ),
        Documented::TooLarge => (413, "Payload too large", json!({"error_type": "payload_too_large"})),
        Documented::Limited { retry_after } => (
            429,
            "You are being rate limited",
            json!({"error_type": "rate_limit_exceeded", "headers": {
                "X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": retry_after.map(|time| time.as_millis().to_string()),
            }}),
        ),
        Documented::Failed => (500, "Internal Server Error", json!({"error_type": "server"})),
        Documented::Overloaded => (
            503,
            "There is no available model provider that meets your routing requirements",
            json!({"error_type": "provider_overloaded"}),
        ),
        Documented::Flagged => (
            403,
            "Your chosen model requires moderation and your input was flagged",
            json!({
                "error_type": "content_policy_violation", "reasons": ["violence"], "flagged_input": "…",
                "provider_name": "OpenAI", "model_slug": "openai/m",
            }),
        ),
    };
    let mut error = json!({"code": status, "message": message});
    if !metadata.is_null() {
        error["metadata"] = metadata;
    }
    Answer::json(status, &json!({ "error": error }))
}

/// The headers of a limit: platform.claude.com and developers.openai.com, "Rate limits".
fn limited(kind: &ServerKind, mut answer: Answer, retry_after: Option<Duration>) -> Answer {
    let seconds = retry_after.map(|time| time.as_secs_f64().ceil());
    let reset = retry_after.unwrap_or(Duration::from_mins(1));
    match kind {
        ServerKind::Anthropic => {
            let at = date::from_now(reset, Duration::ZERO);
            answer = answer
                .with_header("anthropic-ratelimit-requests-limit", "50")
                .with_header("anthropic-ratelimit-requests-remaining", "0")
                .with_header("anthropic-ratelimit-requests-reset", at)
                .with_header("x-should-retry", "true");
        }
        ServerKind::OpenAi => {
            answer = answer
                .with_header("x-ratelimit-limit-requests", "60")
                .with_header("x-ratelimit-remaining-requests", "0")
                .with_header("x-ratelimit-reset-requests", format!("{}s", reset.as_secs()));
        }
        _ => {}
    }
    match seconds {
        Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
        None => answer,
    }
}
