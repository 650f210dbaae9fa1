//! Answers as clients get them, whole.

use serde_json::{Map, Value, json};
use yabby_core::{EndReason, ErrorKind, MalformedCall, ModelEvent, Progress, ToolCall, Usage};
use yabby_wire::clients::{Api, EncodingFormat, Failure, Meta, StreamEncoder, WholeEncoder};
use yabby_wire::clients::{embeddings, input_tokens, message_tokens, response_found};

const REQUEST: &str = r#"{
    "model": "yabby", "input": "Weather?", "instructions": "Be brief.", "max_output_tokens": 100, "store": false,
    "metadata": {"a": "b"}, "reasoning": {"effort": "low", "summary": "auto"}, "user": "u",
    "tools": [{"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}},
              {"type": "custom", "name": "patch", "format": {"type": "grammar", "definition": "start: X"}}]
}"#;

pub(super) fn meta(api: Api) -> Meta {
    let (body, id) = match api {
        Api::Chat => (
            r#"{"messages": [{"role": "user", "content": "Weather?"}], "include_reasoning": true,
                "stream_options": {"include_usage": true}}"#,
            "chatcmpl-1",
        ),
        Api::Responses => (REQUEST, "resp_1"),
        Api::Messages => (
            r#"{"messages": [{"role": "user", "content": "Weather?"}], "thinking": {"type": "adaptive"}}"#,
            "msg_1",
        ),
    };
    let request = api.parse(body.as_bytes()).unwrap();
    Meta::new(&request, id, "yabby", 1_790_000_000)
}

fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall {
        id: format!("call_{name}"),
        name: name.to_owned(),
        arguments: serde_json::from_value(arguments).unwrap(),
    }
}

const USAGE: Usage = Usage {
    input_tokens: Some(120),
    cached_tokens: Some(100),
    cache_write_tokens: Some(5),
    output_tokens: Some(30),
    reasoning_tokens: Some(10),
    cost: None,
};

/// One of everything.
fn events() -> Vec<ModelEvent> {
    let text = |text: &str| ModelEvent::Text(text.to_owned());
    vec![
        ModelEvent::Progress(Progress::Loading { usual: None }),
        ModelEvent::Progress(Progress::Prefill { done: 60, total: 120 }),
        ModelEvent::ServedBy("real-model".to_owned()),
        ModelEvent::Reasoning("Look it ".to_owned()),
        ModelEvent::Reasoning("up.".to_owned()),
        text("I look"),
        text(" it \"up\".\n"),
        ModelEvent::Usage(USAGE),
        ModelEvent::ToolCall(call("weather", json!({"city": "臺北"}))),
        ModelEvent::ToolCall(call("patch", json!({"input": "*** Begin\n"}))),
        ModelEvent::End(EndReason::ToolCalls),
    ]
}

fn streamed(api: Api, events: &[ModelEvent]) -> String {
    let mut encoder = StreamEncoder::new(meta(api));
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn whole(api: Api, events: &[ModelEvent], end: EndReason) -> Value {
    let mut encoder = WholeEncoder::new(meta(api));
    for event in events {
        encoder.event(event);
    }
    serde_json::from_slice(&encoder.end(end, Usage::default())).unwrap()
}

#[test]
fn streams() {
    insta::assert_snapshot!("chat_stream", streamed(Api::Chat, &events()));
    insta::assert_snapshot!("responses_stream", streamed(Api::Responses, &events()));
    insta::assert_snapshot!("messages_stream", streamed(Api::Messages, &events()));
}

#[test]
fn whole_answers() {
    for (name, api) in [
        ("chat_whole", Api::Chat),
        ("responses_whole", Api::Responses),
        ("messages_whole", Api::Messages),
    ] {
        insta::assert_json_snapshot!(name, whole(api, &events(), EndReason::ToolCalls));
    }
}

/// The last response of a stream is the whole answer.
#[test]
fn a_stream_ends_with_the_whole() {
    for (events, end) in [
        (events(), EndReason::ToolCalls),
        (
            vec![ModelEvent::Text("Cut o".to_owned()), ModelEvent::End(EndReason::Length)],
            EndReason::Length,
        ),
        (vec![ModelEvent::End(EndReason::Stop)], EndReason::Stop),
    ] {
        let stream = streamed(Api::Responses, &events);
        let last = stream.lines().rfind(|line| line.starts_with("data: ")).unwrap();
        let last: Value = serde_json::from_str(&last["data: ".len()..]).unwrap();
        assert_eq!(last["response"], whole(Api::Responses, &events, end));
    }
}

/// Every event has the number after that of the one before.
#[test]
fn events_of_a_response_are_numbered() {
    let mut encoder = StreamEncoder::new(meta(Api::Responses));
    let mut out = Vec::new();
    for event in events().iter().take(7) {
        encoder.event(event, &mut out);
    }
    encoder.fail(&Failure::of_kind(ErrorKind::ContextOverflow, "too long"), &mut out);
    let stream = String::from_utf8(out).unwrap();
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["sequence_number"].as_u64())
        .collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let (error, failed) = (&events[events.len() - 2], &events[events.len() - 1]["response"]);
    assert_eq!(
        (
            &error["type"],
            &error["error"]["code"],
            &failed["status"],
            &failed["error"],
            &failed["output"][1]["status"]
        ),
        (
            &json!("error"),
            &json!("context_length_exceeded"),
            &json!("failed"),
            &json!({"code": "context_length_exceeded", "message": "too long"}),
            &json!("incomplete"),
        )
    );
}

/// Nothing of an answer that has not begun: it may still be another's, or an error with a status of its own.
#[test]
fn progress_does_not_begin_an_answer() {
    let loading = ModelEvent::Progress(Progress::Loading { usual: None });
    for api in Api::ALL {
        let mut encoder = StreamEncoder::new(meta(api));
        let mut out = Vec::new();
        encoder.event(&loading, &mut out);
        assert!(!encoder.is_open());
        let expected = match api {
            Api::Chat | Api::Responses => ": loading\n\n",
            Api::Messages => ": loading\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
        };
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

/// The client runs its tools, so it is told what the model wrote.
#[test]
fn a_call_that_cannot_be_run_is_the_clients_affair() {
    let malformed = ModelEvent::MalformedCall(MalformedCall {
        id: "c".to_owned(),
        name: "weather".to_owned(),
        arguments: "{\"city\":".to_owned(),
        problem: "not JSON".to_owned(),
    });
    let events = [malformed, ModelEvent::End(EndReason::ToolCalls)];
    let chat = whole(Api::Chat, &events, EndReason::ToolCalls);
    assert_eq!(
        chat["choices"][0]["message"],
        json!({
            "role": "assistant", "content": null, "refusal": null, "annotations": [],
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":"}}],
        })
    );
    let messages = whole(Api::Messages, &events, EndReason::ToolCalls);
    assert_eq!(
        messages["content"],
        json!([{"type": "tool_use", "id": "c", "name": "weather", "input": {}}])
    );
}

/// Signed and encrypted reasoning goes to the client, which sends it back.
#[test]
fn what_only_a_server_can_read_is_passed_on() {
    let signed = json!({"type": "thinking", "thinking": "Look.", "signature": "sig"});
    let redacted = json!({"type": "redacted_thinking", "data": "xyz"});
    let events = [
        ModelEvent::Reasoning("Look.".to_owned()),
        ModelEvent::Opaque(signed.clone()),
        ModelEvent::Opaque(redacted.clone()),
        ModelEvent::Text("Hi".to_owned()),
        ModelEvent::End(EndReason::Stop),
    ];
    let body = whole(Api::Messages, &events, EndReason::Stop);
    assert_eq!(
        body["content"],
        json!([signed, redacted, {"type": "text", "text": "Hi"}])
    );
    insta::assert_snapshot!("messages_signed", streamed(Api::Messages, &events));

    let events = [
        ModelEvent::Reasoning("Look.".to_owned()),
        ModelEvent::Opaque(json!({"type": "reasoning", "id": "rs_theirs", "summary": [], "encrypted_content": "gAAA"})),
        ModelEvent::End(EndReason::Stop),
    ];
    let body = whole(Api::Responses, &events, EndReason::Stop);
    let item = json!({
        "id": "rs_1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Look."}],
        "encrypted_content": "gAAA",
    });
    assert_eq!(body["output"], json!([item]));
    let stream = streamed(Api::Responses, &events);
    assert!(
        stream.contains(&format!("\"output_index\":0,\"item\":{item}")),
        "{stream}"
    );
}

#[test]
fn an_empty_answer_is_complete() {
    for (api, text) in [
        (Api::Chat, "/choices/0/message/content"),
        (Api::Messages, "/content"),
        (Api::Responses, "/output"),
    ] {
        let body = whole(api, &[], EndReason::Stop);
        let found = body.pointer(text).unwrap();
        assert!(found == "" || found == &json!([]), "{body}");
    }
}

#[test]
fn embeddings_and_counts() {
    let vectors = [vec![0.5, -1.0], vec![0.1, 2e-3]];
    let text = |encoding| String::from_utf8(embeddings(encoding, "m", &vectors, 6)).unwrap();
    assert_eq!(
        text(EncodingFormat::Float),
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]},{"object":"embedding","index":1,"embedding":[0.1,0.002]}],"model":"m","usage":{"prompt_tokens":6,"total_tokens":6}}"#
    );
    assert_eq!(
        text(EncodingFormat::Base64),
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL8="},{"object":"embedding","index":1,"embedding":"zczMPW8SAzs="}],"model":"m","usage":{"prompt_tokens":6,"total_tokens":6}}"#
    );
    assert_eq!(
        input_tokens(7),
        br#"{"object":"response.input_tokens","input_tokens":7}"#
    );
    assert_eq!(message_tokens(7), br#"{"input_tokens":7}"#);
}

/// A response says what was asked, before anything was added.
#[test]
fn a_response_repeats_its_request() {
    assert_eq!(meta(Api::Chat).echo, Map::new());
    insta::assert_json_snapshot!("responses_echo", meta(Api::Responses).echo);
}

/// A response that is asked for while it is answered, and one that has come to nothing.
#[test]
fn a_response_says_how_far_it_has_come() {
    let read = |body: Vec<u8>| -> Value { serde_json::from_slice(&body).unwrap() };
    let begun = read(WholeEncoder::begun(meta(Api::Responses)));
    assert_eq!(
        (
            &begun["status"],
            &begun["output"],
            &begun["usage"],
            &begun["error"],
            &begun["store"]
        ),
        (
            &json!("in_progress"),
            &json!([]),
            &Value::Null,
            &Value::Null,
            &json!(false)
        )
    );
    // With an answer that is found later it is as if it had been followed, but for what it has used.
    for reason in [EndReason::Stop, EndReason::Length] {
        let mut encoder = WholeEncoder::new(meta(Api::Responses));
        encoder.event(&ModelEvent::Text("Hello.".to_owned()));
        let followed = read(encoder.end(reason, Usage::default()));
        assert_eq!(response_found(begun.clone(), "Hello.", reason), followed);
    }
    let mut encoder = WholeEncoder::new(meta(Api::Responses));
    encoder.event(&ModelEvent::Text("Hel".to_owned()));
    let failed = read(encoder.failed(&Failure::new(502, "no_answer", "nobody has answered"), USAGE));
    assert_eq!(
        (&failed["status"], &failed["error"], &failed["usage"]["total_tokens"]),
        (
            &json!("failed"),
            &json!({"code": "server_error", "message": "nobody has answered"}),
            &json!(150)
        )
    );
    assert_eq!(
        failed["output"],
        json!([{
            "id": "msg_1_0", "type": "message", "status": "incomplete", "role": "assistant",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hel"}],
        }])
    );
}
