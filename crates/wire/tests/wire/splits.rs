//! However the bytes are cut, the events are the same.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;
use yabby_core::{ErrorKind, ToolMode};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation};

use crate::fixtures::{self, Fixture, decode};

static STREAMS: LazyLock<Vec<Fixture>> =
    LazyLock::new(|| fixtures::all().into_iter().filter(Fixture::is_stream).collect());

#[test]
fn byte_by_byte() {
    assert!(STREAMS.len() > 25, "{}", STREAMS.len());
    for fixture in STREAMS.iter() {
        let whole = fixture.outcome([fixture.body.as_slice()]);
        assert_eq!(fixture.outcome(fixture.body.chunks(1)), whole, "{}", fixture.name);
    }
}

#[test]
fn whole_answers_byte_by_byte() {
    for fixture in fixtures::all().iter().filter(|fixture| !fixture.is_stream()) {
        let whole = fixture.outcome([fixture.body.as_slice()]);
        assert_eq!(fixture.outcome(fixture.body.chunks(1)), whole, "{}", fixture.name);
    }
}

#[test]
fn a_document_over_several_lines_stays_as_it_is() {
    let done = r#"{"message":{"content":"a"},"done":true,"eval_count":1"#;
    // Two numbers; an escape sequence that takes a line end with it; white space that is none in JSON.
    for rest in ["\n2}", "\n\u{1b}\n\nb", "\n\u{c}\r\n"] {
        let body = format!("{done}{rest}").into_bytes();
        let outcome = |size| {
            let pieces = body.chunks(size);
            decode(Dialect::Ollama, BodyKind::Lines, &Expectation::default(), pieces)
        };
        let whole = outcome(body.len());
        assert_eq!(whole.1.as_ref().map(|error| error.kind), Some(ErrorKind::Malformed));
        assert_eq!(outcome(1), whole);
    }
}

#[test]
fn a_stream_cut_short_is_an_error_or_complete() {
    for fixture in STREAMS.iter().filter(|fixture| fixture.body.len() < 4_000) {
        let whole = fixture.outcome([fixture.body.as_slice()]);
        for end in (0..fixture.body.len()).step_by(7) {
            let (events, error) = fixture.outcome([&fixture.body[..end]]);
            assert!(
                fixtures::text(&whole.0).starts_with(&fixtures::text(&events)),
                "{} at {end}",
                fixture.name
            );
            if error.is_none() {
                assert_eq!(
                    fixtures::text(&events),
                    fixtures::text(&whole.0),
                    "{} at {end}",
                    fixture.name
                );
            }
        }
    }
}

/// One tool has a schema and one has none.
fn with_tools(tool_mode: ToolMode) -> Expectation {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    Expectation {
        tools: vec!["f".to_owned(), "now".to_owned()],
        schemas: [("f".to_owned(), schema)].into(),
        tool_mode,
        may_start_in_reasoning: tool_mode == ToolMode::Text,
        ..Expectation::default()
    }
}

proptest! {
    #[test]
    fn cut_anywhere(
        fixture in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let fixture = fixture.get(&STREAMS);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(fixture.body.len() + 1)).collect();
        at.extend([0, fixture.body.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &fixture.body[pair[0]..pair[1]]);
        prop_assert_eq!(fixture.outcome(pieces), fixture.outcome([fixture.body.as_slice()]));
    }

    #[test]
    fn nothing_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in r#"(data: |event: |\{"(choices|error|type|output|content|message|done)": ?|\[|\]|\}|"|[0-9]|<think>|\n| ){0,30}"#,
        said in r#"(\{|\}|"|answer|tool|arguments|name|f|now|a|:|,|[0-9]|```|json|\n| |\\|u0|</?think>|</?tool_call>|<function=|\[|\]){0,30}"#,
        mode in prop::sample::select(vec![ToolMode::Native, ToolMode::Text, ToolMode::Constrained, ToolMode::None]),
    ) {
        let expect = with_tools(mode);
        let chat = json!({"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}).to_string();
        for dialect in Dialect::ALL {
            for kind in [BodyKind::EventStream, BodyKind::Lines, BodyKind::Json] {
                for body in [&bytes, text.as_bytes(), chat.as_bytes()] {
                    let mut decoder = Decoder::new(dialect, kind, &expect);
                    let mut out = Vec::new();
                    let pushed = decoder.push(body, &mut out);
                    let finished = decoder.finish(&mut out);
                    prop_assert!(pushed.is_ok() || finished.is_err());
                }
            }
        }
    }
}
