use std::collections::BTreeSet;

use yabby_core::Refused;

use super::*;
use crate::{Dialect, ladder::droppable};

/// A text that a server really gave, and what it must become.
struct Sample {
    status: u16,
    kind: &'static str,
    body: &'static str,
}

fn samples() -> impl Iterator<Item = Sample> {
    let lines = include_str!("samples.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            Sample {
                status: parts.next().unwrap().parse().unwrap(),
                kind: parts.next().unwrap(),
                body: parts.next().unwrap_or_default(),
            }
        })
}

/// The classified sample whose body has `text`.
fn sample(text: &str) -> WireError {
    let sample = samples().find(|sample| sample.body.contains(text)).unwrap();
    classify(
        sample.status.max(300),
        &ResponseHeaders::default(),
        sample.body.as_bytes(),
    )
}

#[test]
fn every_sample_is_of_its_kind() {
    for Sample { status, kind, body } in samples() {
        let error = if status == 0 {
            inside(None, &serde_json::from_str(body).unwrap()).unwrap()
        } else {
            classify(status, &ResponseHeaders::default(), body.as_bytes())
        };
        assert_eq!(format!("{:?}", error.kind), kind, "{status} {body}");
        assert!(!error.message.is_empty(), "{body}");
    }
}

#[test]
fn every_row_has_a_sample() {
    let hit: BTreeSet<usize> = samples()
        .filter_map(|sample| {
            let reading = Reading::of_body(sample.body.as_bytes(), None);
            let status = (sample.status >= 300).then_some(sample.status);
            table::row(status.or(reading.code), &reading)
        })
        .collect();
    let missed: Vec<_> = table::TABLE
        .iter()
        .enumerate()
        .filter(|(row, _)| !hit.contains(row))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn numbers_are_taken_out() {
    for (text, prompt, window) in [
        ("\"n_ctx\":2048", Some(40031), Some(2048)),
        ("ContextWindowExceededError: litellm", Some(40031), Some(2048)),
        ("cannot be greater than", None, Some(2048)),
        ("180148 characters", None, Some(2048)),
        ("You passed 5000", Some(5000), Some(4096)),
        ("5000 in the messages", Some(5000), Some(4096)),
        ("213462", Some(213_462), Some(200_000)),
        ("exceed context window of 4096", Some(5000), Some(4096)),
        ("1048576", Some(1_200_000), Some(1_048_576)),
        ("n_keep: 13055", Some(13055), Some(4096)),
        ("keep the first 9000", Some(9000), Some(4096)),
        ("The input (5000 tokens)", Some(5000), Some(4096)),
        ("maximum prompt length is 131072", None, Some(131_072)),
        ("(requested: 9000)", Some(9000), Some(8192)),
        ("40000 tokens and 0 draft", Some(40000), Some(32768)),
        ("got -186", None, None),
        ("exceed context limit", Some(199_000), Some(200_000)),
    ] {
        let numbers = sample(text).details.numbers;
        assert_eq!((numbers.prompt_tokens, numbers.window), (prompt, window), "{text}");
    }
}

/// The field that would be dropped.
fn dropped(error: &WireError) -> Option<&str> {
    droppable(error.details.field.as_deref()?, Dialect::Messages)
}

#[test]
fn fields_are_named() {
    for (text, name) in [
        ("['verbosity']", "verbosity"),
        ("['reasoning_effort']", "reasoning_effort"),
        ("Unknown parameter: 'foo'", "foo"),
        ("supplied: return_progress", "return_progress"),
        ("return_progress: Extra", "return_progress"),
        ("'loc': 'body.store'", "store"),
        ("unknown field \\\"strict\\\"", "strict"),
        ("Unknown name", "store"),
        ("\"loc\":[\"body\",\"store\"]", "store"),
        ("'previous_response_id'", "previous_response_id"),
    ] {
        assert_eq!(dropped(&sample(text)), Some(name), "{text}");
    }
    for text in [
        "'loc': 'body.messages'",
        "Encrypted content",
        "JSON decode error",
        "Unsupported parameter: 'max_tokens'",
        "tools.6.type",
    ] {
        assert_eq!(dropped(&sample(text)), None, "{text}");
    }
    for (message, name) in [
        ("Missing required parameter: 'max_tokens'.", None),
        ("Unknown parameter: 'instructions'.", None),
        ("system: Extra inputs are not permitted", None),
        ("tools.0.custom.strict: Extra inputs are not permitted", None),
        ("Unknown parameter: 'tools[0].strict'.", None),
        ("Unknown parameter: 'input[1].id'.", None),
        // What is dropped is a field of the request itself.
        (
            "smollm2 doesn't support `reasoning.effort` (its model",
            Some("reasoning"),
        ),
        (
            "Unknown parameter: 'stream_options.include_usage'.",
            Some("stream_options"),
        ),
    ] {
        let body = serde_json::json!({"error": {"message": message}}).to_string();
        let error = classify(400, &ResponseHeaders::default(), body.as_bytes());
        assert_eq!(dropped(&error), name, "{message}");
    }
}

#[test]
fn paths_tools_and_what_was_refused_are_named() {
    let named = |text: &str| sample(text).details.field.unwrap_or_default();
    assert_eq!(named("parameter=max_tokens"), "max_tokens");
    assert_eq!(named("tools.6.type"), "tools.6.type");
    assert_eq!(named("'messages[0].role'"), "messages[0].role");
    assert_eq!(named("Invalid schema for function"), "tools[0].function.parameters");
    let nested =
        br#"{"detail":[{"type":"extra_forbidden","loc":["body","tools",0,"function","strict"],"msg":"Extra"}]}"#;
    let error = classify(422, &ResponseHeaders::default(), nested);
    assert_eq!(error.details.field.as_deref(), Some("tools.0.function.strict"));
    assert_eq!(sample("Invalid schema for function").details.tool.as_deref(), Some("f"));
    for (text, refused) in [
        ("\"System role not supported", Some(Refused::SystemRole)),
        ("System message must be", Some(Refused::SystemRole)),
        ("Conversation roles must alternate user", Some(Refused::Alternation)),
        ("No user query", Some(Refused::NoQuestion)),
        ("assistant message prefill", Some(Refused::Prefill)),
        ("must end with a user message.\"}}", Some(Refused::Prefill)),
        ("does not support tools", Some(Refused::Tools)),
        ("enable-auto-tool-choice", Some(Refused::Tools)),
        ("endpoints found that support tool use", Some(Refused::Tools)),
        ("tools param requires", Some(Refused::Tools)),
        ("does not support thinking", Some(Refused::Thinking)),
        ("image input", Some(Refused::Images)),
        ("not a multimodal", Some(Refused::Images)),
        ("Jinja Exception: System", Some(Refused::SystemRole)),
        ("roles are odd", None),
        ("raise_exception('bad')", None),
        ("does not support embeddings", None),
    ] {
        assert_eq!(sample(text).details.refused, refused, "{text}");
    }
}

#[test]
fn numbers_that_are_not_counted_in_tokens_are_left() {
    for (message, prompt, window) in [
        (
            "Bad Request (400): maximum context length is 4096 tokens",
            None,
            Some(4096),
        ),
        (
            "Bad request (400) tokens: maximum context length is 4096 tokens",
            None,
            Some(4096),
        ),
        (
            "maximum context length is 4096 tokens, request (5000 tokens) is longer",
            Some(5000),
            Some(4096),
        ),
    ] {
        let body = serde_json::json!({"error": {"message": message}}).to_string();
        let numbers = classify(400, &ResponseHeaders::default(), body.as_bytes())
            .details
            .numbers;
        assert_eq!((numbers.prompt_tokens, numbers.window), (prompt, window), "{message}");
    }
}

/// Not even by the order of the rows: none of the rows for overflow fits.
#[test]
fn ordinary_errors_are_no_overflow() {
    for (status, message) in [
        (
            400,
            "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude-x",
        ),
        (
            400,
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
        ),
        (
            400,
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got 200.",
        ),
        (
            400,
            "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a maximum length of 40.",
        ),
        (400, "`temperature` must be between 0 and 2"),
        (400, "Invalid 'stop': array too long"),
        (400, "messages: at least one message is required"),
        (400, "image exceeds 5 MB maximum: 6000000 bytes > 5242880 bytes"),
        (
            400,
            "thinking.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (400, "tools param requires --jinja flag"),
        (401, "Your token has expired or is too long"),
        (403, "Your organisation does not have access to the long context beta"),
        (404, "model 'long-context' not found"),
        (408, "context deadline exceeded"),
        (409, "context canceled"),
        (422, "Input should be a valid string"),
        (429, "Rate limit reached for requests per minute"),
        (429, "Number of request tokens has exceeded your per-minute rate limit"),
        (500, "error loading model: unable to allocate CUDA0 buffer"),
        (500, "failed to allocate the KV cache for the context"),
        (500, "CUDA out of memory"),
        (
            500,
            "The model produced output that does not match the expected peg-native format",
        ),
        (500, "failed to create context with model"),
        (502, "upstream connect error or disconnect/reset before headers"),
        (503, "Loading model"),
        (503, "server busy, please try again.  maximum pending requests exceeded"),
        (504, "upstream request timeout"),
        (529, "Overloaded"),
    ] {
        let body = serde_json::json!({"error": {"message": message}}).to_string();
        let reading = Reading::of_body(body.as_bytes(), None);
        for status in [Some(status), None] {
            let overflow = |row: &&table::Row| row.kind == ErrorKind::ContextOverflow && row.fits(status, &reading);
            let found = table::TABLE.iter().find(overflow);
            assert!(found.is_none(), "{status:?} {message}: {found:?}");
        }
    }
}

#[test]
fn waits() {
    let wait = |headers: &[(&str, &'static str)], body: &str| {
        let headers =
            ResponseHeaders::read(|name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value));
        classify(429, &headers, body.as_bytes()).details.numbers.retry_after
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(wait(&[("retry-after", "20")], ""), seconds(20));
    assert_eq!(
        wait(&[("retry-after", "20"), ("retry-after-ms", "1500")], ""),
        Some(Duration::from_millis(1500))
    );
    let date = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
    assert_eq!(
        wait(&[("retry-after", "Sun, 22 Nov 2026 12:01:30 GMT"), date], ""),
        seconds(90)
    );
    assert_eq!(
        wait(&[("retry-after", "Sun, 22 Nov 2026 11:00:00 GMT"), date], ""),
        seconds(0)
    );
    assert_eq!(wait(&[("retry-after", "Sun, 22 Nov 2026 12:01:30 GMT")], ""), None);
    assert_eq!(wait(&[("retry-after", "-5")], ""), None);
    assert_eq!(
        wait(&[], r#"{"error":{"message":"Please try again in 1.5s. Visit"}}"#),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(
        wait(&[], r#"{"error":{"message":"busy","availability":{"retry_after":7}}}"#),
        seconds(7)
    );
    assert_eq!(wait(&[], ""), None);
    for (text, expected) in [
        ("Please try again in 1m12s. Visit", Some(72_000)),
        ("Please try again in 1m12.5s.", Some(72_500)),
        ("Please try again in 1h2m3s", Some(3_723_000)),
        ("try again in 6m0s", Some(360_000)),
        ("try again in 2 minutes and 5 seconds.", Some(125_000)),
        ("try again in 1m 30s", Some(90_000)),
        ("try again in 850ms", Some(850)),
        ("try again in 1s500ms", Some(1_500)),
        ("try again in 2 hours", Some(7_200_000)),
        ("retry after 5 seconds, 3 tries left", Some(5_000)),
        ("retry after 20.", Some(20_000)),
        ("retry in 5 (attempt 2 of 3)", Some(5_000)),
        ("try again in a moment", None),
        ("try again in 99999999999999999999h", None),
    ] {
        let body = serde_json::json!({"error": {"message": text}}).to_string();
        assert_eq!(wait(&[], &body), expected.map(Duration::from_millis), "{text}");
    }
}

#[test]
fn bodies_without_words_still_say_something() {
    assert_eq!(classify(500, &ResponseHeaders::default(), b"").message, "HTTP 500");
    assert_eq!(classify(418, &ResponseHeaders::default(), b"{}").message, "HTTP 418");
    let page = classify(
        200,
        &ResponseHeaders::default(),
        b"\n<!DOCTYPE html><title>\n Hi &amp; bye </title>",
    );
    assert_eq!(
        (page.kind, page.message.as_str()),
        (ErrorKind::NotAnApi, "a web page: Hi &amp; bye")
    );
}

#[test]
fn ordinary_answers_are_no_errors() {
    for body in [
        r#"{"error":null,"output":[]}"#,
        r#"{"choices":[{"delta":{"content":"error: maximum context length is 5 tokens"}}]}"#,
        r#"{"type":"response.created","response":{"error":null}}"#,
        r#"{"error":""}"#,
    ] {
        assert_eq!(inside(None, &serde_json::from_str(body).unwrap()), None, "{body}");
    }
}

#[test]
fn numbers_are_not_taken_from_what_a_model_wrote() {
    let error = sample("maximum context length is 5 tokens");
    assert_eq!(error.details.numbers, yabby_core::ErrorDetails::default().numbers);
    assert_eq!(error.recovered, None);
    // Only a text that is whole is what the model wrote.
    assert_eq!(sample("maximum context length is 12").recovered, None);
}
