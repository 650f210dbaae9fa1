//! Answers of several items or blocks, and reasoning beside text.

use yabby_core::{EndReason, ModelEvent};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation};

use crate::fixtures::{self, Outcome, decode, text};

/// A stream of these `data:` lines.
fn stream(dialect: Dialect, data: &[&str]) -> Outcome {
    let events: Vec<String> = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    let body = events.concat();
    decode(
        dialect,
        BodyKind::EventStream,
        &Expectation::default(),
        [body.as_bytes()],
    )
}

fn whole(dialect: Dialect, body: &str) -> Outcome {
    decode(dialect, BodyKind::Json, &Expectation::default(), [body.as_bytes()])
}

fn said(text: &str) -> ModelEvent {
    ModelEvent::Text(text.into())
}

fn thought(text: &str) -> ModelEvent {
    ModelEvent::Reasoning(text.into())
}

const STOP: ModelEvent = ModelEvent::End(EndReason::Stop);
const COMPLETED: &str = r#"{"type":"response.completed","response":{"status":"completed"}}"#;

/// llama.cpp closes the reasoning only after the message has come
/// (`llama-server-b11669-reasoning/resp_tools_required_stream.txt`).
#[test]
fn items_that_are_open_together_are_told_once() {
    let fixtures = fixtures::folder("llama-server-b11669-reasoning");
    let fixture = fixtures
        .iter()
        .find(|fixture| fixture.name == "resp_tools_required_stream")
        .unwrap();
    let (events, error) = fixture.outcome([fixture.body.as_slice()]);
    assert_eq!(error, None);
    assert_eq!(events[0], thought("\n\nThe weather in Paris right now"));
    assert_eq!(text(&events).matches(" right now is").count(), 5);
    assert!(text(&events).ends_with("\n\nThe weather"));
}

#[test]
fn items_are_told_apart_by_their_position() {
    let (events, _) = stream(
        Dialect::Responses,
        &[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning"}}"#,
            r#"{"type":"response.reasoning_text.delta","output_index":0,"delta":"hm"}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message"}}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"delta":"Hi"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]}}"#,
            r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","content":[{"type":"output_text","text":"Hi"}]}}"#,
            COMPLETED,
        ],
    );
    assert_eq!(events, [thought("hm"), said("Hi"), STOP]);
}

#[test]
fn an_item_that_came_without_deltas_is_told_when_it_is_done() {
    let (events, _) = stream(
        Dialect::Responses,
        &[
            r#"{"type":"response.output_item.added","item":{"type":"message","id":"a"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"a","delta":"One. "}"#,
            r#"{"type":"response.output_item.done","item":{"type":"message","id":"b","content":[{"type":"output_text","text":"Two."}]}}"#,
            r#"{"type":"response.output_item.done","item":{"type":"message","id":"a","content":[{"type":"output_text","text":"One. "}]}}"#,
            COMPLETED,
        ],
    );
    assert_eq!(events, [said("One. Two."), STOP]);
}

#[test]
fn only_text_parts_are_text() {
    let body = r#"{"status":"completed","output":[{"type":"message","content":[
        {"type":"reasoning_text","text":"secret"},{"type":"output_audio","text":"beep"},
        {"type":"output_text","text":"a"},{"type":"text","text":"b"}]}]}"#;
    assert_eq!(whole(Dialect::Responses, body).0, [said("ab"), STOP]);
    let body = r#"{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}"#;
    assert_eq!(
        whole(Dialect::Responses, body).0,
        [said("No."), ModelEvent::End(EndReason::Refused)]
    );
}

/// Each block and item is text of its own, so that `<think>` at its beginning begins a line.
#[test]
fn a_later_block_may_begin_with_reasoning() {
    let expected = [said("One."), thought("hm"), said("Two."), STOP];
    let (events, _) = stream(
        Dialect::Messages,
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"One."}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"<think>hm</think>\nTwo."}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        ],
    );
    assert_eq!(events, expected);
    let (events, _) = stream(
        Dialect::Responses,
        &[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"a"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"a","delta":"One."}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"b"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"b","delta":"<think>hm</think>\nTwo."}"#,
            COMPLETED,
        ],
    );
    assert_eq!(events, expected);
    let (events, _) = stream(
        Dialect::Responses,
        &[
            r#"{"type":"response.content_part.added","item_id":"a","part":{"type":"output_text"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"a","delta":"One."}"#,
            r#"{"type":"response.content_part.added","item_id":"a","part":{"type":"output_text"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"a","delta":"<think>hm</think>\nTwo."}"#,
            COMPLETED,
        ],
    );
    assert_eq!(events, expected);
    let body = r#"{"stop_reason":"end_turn","content":[
        {"type":"text","text":"One."},{"type":"text","text":"<think>hm</think>\nTwo."}]}"#;
    assert_eq!(whole(Dialect::Messages, body).0, expected);
    let body = r#"{"status":"completed","output":[{"type":"message","content":[
        {"type":"output_text","text":"One."},{"type":"output_text","text":"<think>hm</think>\nTwo."}]}]}"#;
    assert_eq!(whole(Dialect::Responses, body).0, expected);
}

#[test]
fn reasoning_in_its_own_field_lets_text_stream() {
    let expect = Expectation {
        may_start_in_reasoning: true,
        ..Expectation::default()
    };
    let mut decoder = Decoder::new(Dialect::Chat, BodyKind::EventStream, &expect);
    let mut push = |delta: &str| {
        let mut out = Vec::new();
        let chunk = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        decoder.push(chunk.as_bytes(), &mut out).unwrap();
        out
    };
    assert_eq!(push(r#"{"reasoning_content":"hm"}"#), [thought("hm")]);
    for piece in ["Hel", "lo, ", "world"] {
        assert_eq!(push(&format!("{{\"content\":\"{piece}\"}}")), [said(piece)]);
    }
    // Without such a field everything is held back until the end.
    let mut decoder = Decoder::new(Dialect::Chat, BodyKind::EventStream, &expect);
    let mut out = Vec::new();
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n";
    decoder.push(chunk.as_bytes(), &mut out).unwrap();
    assert!(!out.contains(&said("Hello")), "{out:?}");
    decoder.finish(&mut out).unwrap();
    assert!(out.ends_with(&[said("Hello"), STOP]), "{out:?}");
}

#[test]
fn of_very_many_calls_the_rest_is_one() {
    let call = |n: usize| {
        format!(
            "{{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":{n},\"id\":\"c{n}\",\"function\":{{\"name\":\"f\"}}}}]}}}}]}}"
        )
    };
    let calls = |count: usize| {
        let mut lines: Vec<String> = (0..count).map(call).collect();
        lines.push("[DONE]".to_owned());
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        stream(Dialect::Chat, &lines)
    };
    let (events, error) = calls(128);
    assert_eq!((events.len(), error), (129, None));
    let (events, error) = calls(200_000);
    assert_eq!((events.len(), error), (130, None));
    let problem = |events: &[ModelEvent]| {
        let malformed = events.iter().filter_map(|event| match event {
            ModelEvent::MalformedCall(call) => Some(call.problem.clone()),
            _ => None,
        });
        malformed.collect::<Vec<_>>().join("; ")
    };
    let left_out = "an answer may have at most 128 calls; this one and all after it were left out";
    assert!(problem(&events).ends_with(left_out), "{}", problem(&events));
    // Whole, and with the calls as items.
    let items: Vec<_> = (0..129)
        .map(|n| serde_json::json!({"type": "function_call", "id": format!("i{n}"), "name": "f", "arguments": ""}))
        .collect();
    let body = serde_json::json!({"status": "completed", "output": items}).to_string();
    let (events, error) = whole(Dialect::Responses, &body);
    assert_eq!(error, None);
    assert!(problem(&events).ends_with(left_out), "{}", problem(&events));
}
