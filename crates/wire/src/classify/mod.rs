//! What a refusal means: the only reader of error texts.
//!
//! A body is first [read](reading::Reading) into its parts (message, codes, parameter, shape), whatever envelope the
//! server uses; then the first [row](table::TABLE) that fits gives the kind; then numbers and the field are taken
//! out. Only errors come here, never what a model says, so no answer is ever mistaken for an overflow; the one error
//! that quotes what the model wrote is read without the quotation, which is kept as [`WireError::recovered`].

mod extract;
mod names;
mod reading;
mod table;

use std::time::Duration;

use serde_json::Value;
use yabby_core::ErrorKind;

use self::reading::{Reading, Shape};
use crate::{error::WireError, json};

/// The headers of a response that say something about an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeaders {
    /// `content-type`.
    pub content_type: Option<String>,
    /// `retry-after`: seconds or an HTTP date.
    pub retry_after: Option<String>,
    /// `retry-after-ms` (Anthropic, OpenAI; `wire-facts.md` §7.7).
    pub retry_after_ms: Option<String>,
    /// `date`: the server's clock, which an HTTP date in `retry-after` is measured against.
    pub date: Option<String>,
}

/// Classifies an answer that is not 2xx, or one whose body is a web page whatever its status.
pub fn classify(status: u16, headers: &ResponseHeaders, body: &[u8]) -> WireError {
    let reading = Reading::of_body(body, headers.content_type.as_deref());
    conclude((status >= 300).then_some(status), &reading, headers)
}

/// The error that a JSON value of a 2xx answer is, if it is one: `{"error":{…}}`, `{"error":"text"}`, the flat
/// `{"object":"error",…}` of SGLang and old vLLM, Anthropic's and OpenAI's `"type":"error"`, or an SSE event
/// named `error`.
pub(crate) fn inside(name: Option<&str>, value: &Value) -> Option<WireError> {
    let under_key = match value.get("error") {
        Some(Value::Object(error)) => !error.is_empty(),
        Some(Value::String(error)) => !error.is_empty(),
        Some(Value::Bool(error)) => *error,
        _ => false,
    };
    let is_error = under_key
        || name == Some("error")
        || json::text(value, "/object") == "error"
        || json::text(value, "/type") == "error";
    is_error.then(|| of_value(value))
}

/// Classifies an error that came inside a 2xx answer.
pub(crate) fn of_value(value: &Value) -> WireError {
    conclude(None, &Reading::of_value(value), &ResponseHeaders::default())
}

/// Classifies an error event whose data is plain text.
pub(crate) fn of_text(text: &str) -> WireError {
    conclude(
        None,
        &Reading::of_body(text.as_bytes(), None),
        &ResponseHeaders::default(),
    )
}

/// A 2xx body that was to be JSON and is not.
pub(crate) fn not_json(body: &[u8]) -> WireError {
    let reading = Reading::of_body(body, None);
    if reading.shape == Shape::Html {
        WireError::new(ErrorKind::NotAnApi, &reading.message)
    } else {
        WireError::malformed(&format!("the answer is not JSON: {}", reading.message))
    }
}

fn conclude(status: Option<u16>, reading: &Reading, headers: &ResponseHeaders) -> WireError {
    let status = status.or(reading.code);
    let kind = table::kind(status, reading);
    let mut error = WireError::new(kind, &reading.message);
    if error.message.is_empty() {
        error.message = status.map_or_else(
            || "an error without words".to_owned(),
            |status| format!("HTTP {status}"),
        );
    }
    let details = &mut error.details;
    details.status = status;
    if kind == ErrorKind::ContextOverflow {
        details.numbers.window = reading.window.or_else(|| extract::window(&reading.lower));
        details.numbers.prompt_tokens = reading.prompt_tokens.or_else(|| extract::prompt_tokens(&reading.lower));
    }
    details.numbers.retry_after = retry_after(headers)
        .or(reading.retry_after)
        .or_else(|| extract::retry_after(&reading.lower));
    error.recovered = reading
        .generated
        .clone()
        .filter(|generated| kind == ErrorKind::ToolParser && !generated.text.trim().is_empty());
    let details = &mut error.details;
    details.field = match kind {
        ErrorKind::UnsupportedField | ErrorKind::BadRequest | ErrorKind::Grammar => {
            names::field(&reading.message, reading.param.as_deref())
        }
        // vLLM: it was not the prompt but the limit of the answer that did not fit.
        ErrorKind::ContextOverflow => reading.param.clone().filter(|param| param.starts_with("max_")),
        _ => None,
    };
    if kind == ErrorKind::Grammar {
        details.tool = names::tool(&reading.message);
    }
    details.refused = names::refused(kind, &reading.lower);
    error
}

fn retry_after(headers: &ResponseHeaders) -> Option<Duration> {
    let millis = headers
        .retry_after_ms
        .as_deref()
        .and_then(|value| value.trim().parse::<f64>().ok());
    if let Some(wait) = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok()) {
        return Some(wait);
    }
    let value = headers.retry_after.as_deref()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(headers.date.as_deref()?.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

// === impl ResponseHeaders ===

impl ResponseHeaders {
    /// Takes the headers out of any map; `get` is asked with lower-case names.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let owned = |name: &str| get(name).map(str::to_owned);
        Self {
            content_type: owned("content-type"),
            retry_after: owned("retry-after"),
            retry_after_ms: owned("retry-after-ms"),
            date: owned("date"),
        }
    }
}

#[cfg(test)]
mod tests;
