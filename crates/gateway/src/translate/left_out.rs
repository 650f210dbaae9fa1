//! What of a request its model was not told, by the names that its client knows.

use hyper::header::{HeaderName, HeaderValue};
use yabby_servers::Withheld;
use yabby_wire::clients::Api;

/// What of the request the model was not told.
pub(crate) const LEFT_OUT: HeaderName = HeaderName::from_static("x-yabby-left-out");
/// No longer than this.
const LONGEST: usize = 1024;

/// What a client calls something that its model was not told.
pub(super) fn name(api: Api, withheld: Withheld) -> String {
    match withheld {
        Withheld::Tool(name) => return format!("tools ({name})"),
        Withheld::Pictures => "pictures",
        Withheld::Thinking => match api {
            Api::Chat => "reasoning_effort",
            Api::Responses => "reasoning",
            Api::Messages => "thinking",
        },
        Withheld::Limit => match api {
            Api::Responses => "max_output_tokens",
            Api::Chat | Api::Messages => "max_tokens",
        },
        Withheld::Schema => match api {
            Api::Chat => "response_format",
            Api::Responses => "text.format",
            Api::Messages => "output_config.format",
        },
        Withheld::Field(field) => match (field.as_str(), api) {
            ("stop", Api::Messages) => "stop_sequences",
            ("stop_sequences", Api::Chat | Api::Responses) => "stop",
            _ => return field,
        },
    }
    .to_owned()
}

/// What a client calls calling one tool at a time.
pub(super) const fn one_call(api: Api) -> &'static str {
    match api {
        Api::Chat | Api::Responses => "parallel_tool_calls",
        Api::Messages => "tool_choice.disable_parallel_tool_use",
    }
}

/// Names in a header. They may be a client's own words, of which only plain ones are repeated.
pub(super) fn header(left_out: &[String]) -> Option<HeaderValue> {
    let mut line = left_out.join(", ");
    line.retain(|c| (' '..='~').contains(&c));
    line.truncate(LONGEST);
    (!line.is_empty()).then(|| HeaderValue::from_str(&line).ok())?
}
