use std::collections::BTreeSet;

use super::*;

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
    ] {
        let numbers = sample(text).numbers;
        assert_eq!((numbers.prompt_tokens, numbers.window), (prompt, window), "{text}");
    }
}

#[test]
fn fields_are_named() {
    for (text, name) in [
        ("Unsupported parameter: 'max_tokens'", "max_tokens"),
        ("tools.6.type", "tools.6.type"),
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
        ("parameter=max_tokens", "max_tokens"),
    ] {
        assert_eq!(sample(text).field.as_deref(), Some(name), "{text}");
    }
    for text in ["'loc': 'body.messages'", "Encrypted content", "JSON decode error"] {
        assert_eq!(sample(text).field, None, "{text}");
    }
    let body = br#"{"error":{"message":"Missing required parameter: 'max_tokens'."}}"#;
    let error = classify(400, &ResponseHeaders::default(), body);
    assert_eq!(error.field.as_deref(), Some("max_tokens"));
    let error = classify(
        400,
        &ResponseHeaders::default(),
        b"litellm.UnsupportedParamsError: smollm2 doesn't support `reasoning.effort` (its model",
    );
    assert_eq!(error.field.as_deref(), Some("reasoning.effort"));
}

#[test]
fn waits() {
    let wait = |headers: &[(&str, &'static str)], body: &str| {
        let headers =
            ResponseHeaders::read(|name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value));
        classify(429, &headers, body.as_bytes()).numbers.retry_after
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
