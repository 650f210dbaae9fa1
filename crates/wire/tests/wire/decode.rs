//! Faults and peculiarities that no recording has, by hand.

use yabby_core::{EndReason, ErrorKind, ModelEvent, ModelRequest, Progress, ToolCall, Usage};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation};

use crate::fixtures::{Outcome, decode, text};

/// Of a request that offers the tool `f`.
fn expect() -> Expectation {
    Expectation {
        tools: vec!["f".into()],
        ..Expectation::default()
    }
}

fn stream(dialect: Dialect, body: &str) -> Outcome {
    decode(dialect, BodyKind::EventStream, &expect(), [body.as_bytes()])
}

fn whole(dialect: Dialect, body: &str) -> Outcome {
    decode(dialect, BodyKind::Json, &expect(), [body.as_bytes()])
}

/// A Chat stream of these `choices[0]` objects, and `[DONE]`.
fn chat(choices: &[&str]) -> Outcome {
    let chunks: Vec<String> = choices
        .iter()
        .map(|choice| format!("data: {{\"choices\":[{choice}]}}\n\n"))
        .collect();
    let chunks = chunks.concat();
    stream(Dialect::Chat, &format!("{chunks}data: [DONE]\n\n"))
}

fn kind(outcome: &Outcome) -> Option<ErrorKind> {
    outcome.1.as_ref().map(|error| error.kind)
}

fn said(text: &str) -> ModelEvent {
    ModelEvent::Text(text.into())
}

fn thought(text: &str) -> ModelEvent {
    ModelEvent::Reasoning(text.into())
}

#[test]
fn reasoning_fields_are_read_once() {
    for (delta, expected) in [
        (r#"{"reasoning_content":"a","reasoning":"a"}"#, "a"),
        (r#"{"reasoning_content":"","reasoning":"b"}"#, "b"),
        (r#"{"reasoning_text":"c"}"#, "c"),
        (
            r#"{"reasoning":"d","reasoning_details":[{"type":"reasoning.text","text":"d"}]}"#,
            "d",
        ),
        (r#"{"reasoning_details":[{"text":"e"},{"summary":"f"}]}"#, "ef"),
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"g"}]}]}"#,
            "g",
        ),
    ] {
        let (events, _) = chat(&[
            &format!("{{\"delta\":{delta}}}"),
            r#"{"delta":{},"finish_reason":"stop"}"#,
        ]);
        let told: Vec<_> = events
            .into_iter()
            .filter(|event| !matches!(event, ModelEvent::Opaque(_)))
            .collect();
        assert_eq!(told, [thought(expected), ModelEvent::End(EndReason::Stop)], "{delta}");
    }
}

#[test]
fn inline_reasoning_over_chunks() {
    let (events, _) = chat(&[
        r#"{"delta":{"content":"\n<thi"}}"#,
        r#"{"delta":{"content":"nk>hm</thi"}}"#,
        r#"{"delta":{"content":"nk>\n\nHello"}}"#,
        r#"{"delta":{},"finish_reason":"stop"}"#,
    ]);
    assert_eq!(events, [thought("hm"), said("Hello"), ModelEvent::End(EndReason::Stop)]);
    let expect = Expectation {
        may_start_in_reasoning: true,
        ..Expectation::default()
    };
    let body = r#"{"choices":[{"message":{"content":"hm</think>\nHello"},"finish_reason":"stop"}]}"#;
    let (events, _) = decode(Dialect::Chat, BodyKind::Json, &expect, [body.as_bytes()]);
    assert_eq!(events, [thought("hm"), said("Hello"), ModelEvent::End(EndReason::Stop)]);
}

#[test]
fn progress() {
    let mut decoder = Decoder::new(Dialect::Chat, BodyKind::EventStream, &Expectation::default());
    let mut out = Vec::new();
    let body = ": OPENROUTER PROCESSING\n\n: keepalive 512/2048\n\n\
        data: {\"choices\":[],\"prompt_progress\":{\"total\":100,\"cache\":10,\"processed\":60,\"time_ms\":5}}\n\n\
        data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n";
    decoder.push(body.as_bytes(), &mut out).unwrap();
    let prefill = |done, total| ModelEvent::Progress(Progress::Prefill { done, total });
    let alive = ModelEvent::Progress(Progress::Alive);
    assert_eq!(out, [alive.clone(), prefill(512, 2048), prefill(60, 100), alive]);
    assert!(!decoder.is_complete());
    assert_eq!(decoder.finish(&mut out).unwrap_err().kind, ErrorKind::Interrupted);
}

#[test]
fn where_a_chat_stream_may_end() {
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(kind(&stream(Dialect::Chat, chunk)), Some(ErrorKind::Interrupted));
    assert_eq!(kind(&stream(Dialect::Chat, "")), Some(ErrorKind::Interrupted));
    assert_eq!(
        kind(&stream(Dialect::Chat, &format!("{chunk}data: {{\"choi"))),
        Some(ErrorKind::Interrupted)
    );
    assert_eq!(
        stream(Dialect::Chat, &format!("{chunk}{stop}")).0,
        [said("hi"), ModelEvent::End(EndReason::Stop)]
    );
    assert_eq!(
        stream(Dialect::Chat, &format!("{chunk}data: [DONE]")).0,
        [said("hi"), ModelEvent::End(EndReason::Unknown)]
    );
    // LM Studio after an overflow: a stream without a delta (§7.3). That it is empty is for the caller to see.
    assert_eq!(
        stream(Dialect::Chat, "data: [DONE]\n\n").0,
        [ModelEvent::End(EndReason::Unknown)]
    );
    // Counts after [DONE], and an early [DONE].
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n";
    let (events, error) = stream(Dialect::Chat, &format!("data: [DONE]\n\n{chunk}{stop}{usage}"));
    let counts = Usage {
        input_tokens: Some(3),
        output_tokens: Some(1),
        ..Usage::default()
    };
    assert_eq!(
        (events, error),
        (
            vec![said("hi"), ModelEvent::Usage(counts), ModelEvent::End(EndReason::Stop)],
            None
        )
    );
}

#[test]
fn finish_reasons() {
    for (reason, expected) in [
        ("stop", EndReason::Stop),
        ("length", EndReason::Length),
        ("content_filter", EndReason::Refused),
        ("repetition", EndReason::Unknown),
        // Calls that never came.
        ("tool_calls", EndReason::Unknown),
    ] {
        let (events, _) = chat(&[&format!("{{\"delta\":{{}},\"finish_reason\":\"{reason}\"}}")]);
        assert_eq!(events, [ModelEvent::End(expected)], "{reason}");
    }
    assert_eq!(
        kind(&chat(&[r#"{"delta":{},"finish_reason":"abort"}"#])),
        Some(ErrorKind::Interrupted)
    );
    let (events, _) = chat(&[
        r#"{"delta":{"refusal":"No."}}"#,
        r#"{"delta":{},"finish_reason":"stop"}"#,
    ]);
    assert_eq!(events, [said("No."), ModelEvent::End(EndReason::Refused)]);
}

#[test]
fn errors_inside_answers() {
    for dialect in Dialect::ALL {
        for body in [
            "data: {\"error\":{\"message\":\"Loading model\",\"code\":503}}\n\ndata: [DONE]\n\n",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"Loading model\"}}\n\n",
            "event: error\ndata: {\"message\":\"Loading model\"}\n\n",
            "event: error\ndata: Loading model\n\n",
            "data: {\"type\":\"error\",\"code\":null,\"message\":\"Loading model\"}\n\n",
            "data: {\"object\":\"error\",\"message\":\"Loading model\"}\n\n",
            "data: {\"error\":\"Loading model\"}\n\n",
            "error: {\"code\":503,\"message\":\"Loading model\"}\n\n",
            // announced as a stream, and plain JSON
            "{\"error\":{\"message\":\"Loading model\"}}",
            "{\"error\":\"Loading model\"}\n",
        ] {
            for announced in [BodyKind::EventStream, BodyKind::Json] {
                let outcome = decode(dialect, announced, &Expectation::default(), [body.as_bytes()]);
                assert_eq!(kind(&outcome), Some(ErrorKind::Loading), "{dialect:?} {body}");
            }
        }
        let page = whole(dialect, "<!DOCTYPE html><title>Open WebUI</title>");
        assert_eq!(kind(&page), Some(ErrorKind::NotAnApi));
        assert_eq!(
            kind(&whole(dialect, "{\"id\":\"x\",\"choi")),
            Some(ErrorKind::Interrupted)
        );
        assert_eq!(kind(&whole(dialect, "{\"status\":\"ok\"}")), Some(ErrorKind::Malformed));
        assert_eq!(kind(&whole(dialect, "pong")), Some(ErrorKind::Malformed));
        assert_eq!(
            kind(&stream(dialect, "data: {\"a\": nonsense}\n\ndata: x\n\n")),
            Some(ErrorKind::Malformed)
        );
    }
}

#[test]
fn text_about_errors_is_text() {
    let (events, error) = chat(&[
        r#"{"delta":{"content":"{\"error\": \"maximum context length is 5 tokens\"}"}}"#,
        r#"{"delta":{},"finish_reason":"stop"}"#,
    ]);
    assert_eq!(
        (text(&events).as_str(), error),
        ("{\"error\": \"maximum context length is 5 tokens\"}", None)
    );
}

#[test]
fn events_without_an_empty_line_between() {
    let (events, error) = stream(
        Dialect::Chat,
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\
         data: {\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\ndata: [DONE]\n\n",
    );
    assert_eq!((text(&events).as_str(), error), ("ab", None));
}

#[test]
fn a_stream_announced_as_json() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(
        whole(Dialect::Chat, body).0,
        [said("a"), ModelEvent::End(EndReason::Stop)]
    );
}

#[test]
fn other_choices_are_left_out() {
    let (events, _) = stream(
        Dialect::Chat,
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n\
         data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n\n",
    );
    assert_eq!(events, [said("a"), ModelEvent::End(EndReason::Length)]);
}

fn call(id: &str) -> ModelEvent {
    let arguments = serde_json::json!({"a": 1}).as_object().unwrap().clone();
    ModelEvent::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments,
    })
}

#[test]
fn calls_in_every_dialect() {
    let end = ModelEvent::End(EndReason::ToolCalls);
    // A named choice ends with "stop" on vLLM (§7.1).
    let (events, _) = chat(&[
        r#"{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"a\""}}]}}"#,
        r#"{"delta":{"tool_calls":[{"index":0,"function":{"name":"","arguments":":1}"}}]},"finish_reason":"stop"}"#,
    ]);
    assert_eq!(events, [call("call_1"), end.clone()]);
    // No output_index, no `done` for the arguments, as on llama.cpp (§6.3).
    let (events, _) = stream(
        Dialect::Responses,
        "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"x\",\"name\":\"f\",\"arguments\":\"\"}}\n\n\
         data: {\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc\",\"delta\":\"{\\\"a\\\":1}\"}\n\n\
         data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n",
    );
    assert_eq!(events, [call("x"), end.clone()]);
    let (events, _) = stream(
        Dialect::Messages,
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"x\",\"name\":\"f\",\"input\":{\"a\":1}}}\n\n\
         data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}\n\n",
    );
    assert_eq!(events, [call("x"), end]);
}

#[test]
fn the_end_of_a_responses_answer() {
    let close = |event: &str, response: &str| {
        stream(
            Dialect::Responses,
            &format!("data: {{\"type\":\"response.{event}\",\"response\":{response}}}\n\n"),
        )
    };
    let item = r#""output":[{"type":"message","content":[{"type":"output_text","text":"hi"}]}]"#;
    // The text stands only in the closing response.
    assert_eq!(
        close("completed", &format!("{{\"status\":\"completed\",{item}}}")).0,
        [said("hi"), ModelEvent::End(EndReason::Stop)]
    );
    assert_eq!(
        close(
            "incomplete",
            r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}"#
        )
        .0,
        [ModelEvent::End(EndReason::Refused)]
    );
    let failed = close(
        "failed",
        r#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}"#,
    );
    assert_eq!(kind(&failed), Some(ErrorKind::RateLimit));
    let body = r#"{"object":"response","status":"failed","error":{"code":"server_error","message":"x"},"output":[]}"#;
    assert_eq!(kind(&whole(Dialect::Responses, body)), Some(ErrorKind::Server));
    assert_eq!(
        kind(&stream(
            Dialect::Responses,
            "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"
        )),
        Some(ErrorKind::Interrupted)
    );
}

#[test]
fn summary_beside_reasoning_is_left_out() {
    let (events, _) = stream(
        Dialect::Responses,
        "data: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"full\"}\n\n\
         data: {\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"short\"}\n\n\
         data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"short\"}]}}\n\n\
         data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
    );
    assert_eq!(events, [thought("full"), ModelEvent::End(EndReason::Stop)]);
}

#[test]
fn a_body_without_end_is_bounded() {
    for kind in [BodyKind::EventStream, BodyKind::Json] {
        let mut decoder = Decoder::new(Dialect::Chat, kind, &Expectation::default());
        let mut out = Vec::new();
        let chunk = vec![b'['; 1 << 20];
        let error = (0..64).find_map(|_| decoder.push(&chunk, &mut out).err()).unwrap();
        assert_eq!((error.kind, out.len()), (ErrorKind::Malformed, 0));
        assert_eq!(decoder.push(b"data: x", &mut out), Ok(()));
        assert_eq!(decoder.finish(&mut out), Err(error));
    }
}

#[test]
fn expectation_of_a_request() {
    let request = ModelRequest {
        max_output_tokens: Some(5),
        messages: vec![yabby_core::Message::Assistant {
            text: String::new(),
            tool_calls: vec![ToolCall {
                id: "call_1".into(),
                name: "f".into(),
                arguments: serde_json::Map::new(),
            }],
            opaque: Vec::new(),
        }],
        ..ModelRequest::default()
    };
    let mut expect = Expectation::of(&request);
    expect.tools.push("f".into());
    assert_eq!(
        (expect.max_output_tokens, expect.call_ids.as_slice()),
        (Some(5), ["call_1".to_owned()].as_slice())
    );
    let body = r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}}]}"#;
    let (events, _) = decode(Dialect::Chat, BodyKind::Json, &expect, [body.as_bytes()]);
    assert_eq!(events, [call("call_2"), ModelEvent::End(EndReason::ToolCalls)]);
}

#[test]
fn kinds_of_bodies() {
    for (content_type, kind) in [
        (Some("text/event-stream; charset=utf-8"), BodyKind::EventStream),
        (Some("Text/Event-Stream"), BodyKind::EventStream),
        (Some("application/x-ndjson; charset=utf-8"), BodyKind::Lines),
        (Some("application/json"), BodyKind::Json),
        (None, BodyKind::Json),
    ] {
        assert_eq!(BodyKind::from_content_type(content_type), kind);
    }
}

/// LiteLLM's Messages end an answer that the limit cut with `end_turn` (seen on 1.106.2 in front of llama.cpp).
#[test]
fn an_end_at_the_limit_is_a_cut() {
    let request = ModelRequest {
        max_output_tokens: Some(8),
        ..ModelRequest::default()
    };
    let end = |counted: u32| {
        let body = format!(
            r#"{{"type":"message","content":[{{"type":"text","text":"Once"}}],"stop_reason":"end_turn","usage":{{"input_tokens":9,"output_tokens":{counted}}}}}"#
        );
        let mut events = Vec::new();
        let mut decoder = Decoder::new(Dialect::Messages, BodyKind::Json, &Expectation::of(&request));
        decoder.push(body.as_bytes(), &mut events).unwrap();
        decoder.finish(&mut events).unwrap();
        events.pop()
    };
    assert_eq!(end(8), Some(ModelEvent::End(EndReason::Length)));
    assert_eq!(end(7), Some(ModelEvent::End(EndReason::Stop)));
}

const WRITTEN: &str = r#"<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"1\"}}</tool_call>"#;

#[test]
fn calls_in_the_text() {
    let schema = serde_json::json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let request = ModelRequest {
        tools: vec![yabby_core::Tool {
            name: "f".into(),
            description: String::new(),
            parameters: schema,
        }],
        ..ModelRequest::default()
    };
    let expect = Expectation::of(&request);
    let body = |reason: &str, native: &str| {
        let content = format!("<think>so</think>\nOne moment. {WRITTEN}\\n{WRITTEN}").replace('\n', "\\n");
        format!(
            "{{\"choices\":[{{\"message\":{{\"content\":\"{content}\"{native}}},\"finish_reason\":\"{reason}\"}}]}}"
        )
    };
    let answer = |reason: &str, native: &str| {
        decode(
            Dialect::Chat,
            BodyKind::Json,
            &expect,
            [body(reason, native).as_bytes()],
        )
        .0
    };
    let end = ModelEvent::End(EndReason::ToolCalls);
    let expected = [
        thought("so"),
        said("One moment."),
        call("call_1"),
        call("call_2"),
        end.clone(),
    ];
    assert_eq!(answer("stop", ""), expected);
    assert_eq!(answer("length", ""), expected);
    // The server reads calls itself: what stands in the text is text.
    let native = r#","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{\"a\":1}"}}]"#;
    let events = answer("tool_calls", native);
    assert_eq!(text(&events).matches("<tool_call>").count(), 2);
    assert_eq!(events[events.len() - 2..], [call("x"), end]);
    let in_text = |native: &str| {
        let mut decoder = Decoder::new(Dialect::Chat, BodyKind::Json, &expect);
        let mut events = Vec::new();
        decoder.push(body("stop", native).as_bytes(), &mut events).unwrap();
        decoder.finish(&mut events).unwrap();
        decoder.called_in_text()
    };
    assert_eq!((in_text(""), in_text(native)), (true, false));
}
