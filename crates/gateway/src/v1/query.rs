//! What stands in an address.

use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

/// A part of a path as it is meant.
pub(super) fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// A parameter behind the question mark.
pub(super) fn parameter(head: &Parts, name: &str) -> Option<String> {
    let query = head.uri.query()?;
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(named, _)| decoded(named) == name)?;
    Some(decoded(&value.replace('+', " ")))
}

/// Whether the client is one of Anthropic's (docs.claude.com/en/api/versioning).
pub(super) fn is_anthropic(head: &Parts) -> bool {
    head.headers.contains_key("anthropic-version")
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let (head, ()) = Request::get("/v1/models?limit=2&after_id=box%2Fa+b&stream")
            .body(())
            .unwrap()
            .into_parts();
        let read = |name| parameter(&head, name);
        assert_eq!(
            [read("limit"), read("after_id"), read("stream"), read("order")],
            [
                Some("2".to_owned()),
                Some("box/a b".to_owned()),
                Some(String::new()),
                None
            ]
        );
    }
}
