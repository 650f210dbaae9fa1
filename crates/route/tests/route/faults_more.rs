//! Faults by their number, the later ones: fields that are refused, counts and calls in odd places, dialects in the
//! text, models that go, chains that fail, and streams without an end.

use std::time::Duration;

use serde_json::{Value, json};
use yabby_core::{Caller, EndReason, ErrorKind, Message, ModelEvent, ModelRequest, Tool, Usage};
use yabby_route::Deadlines;
use yabby_servers::Endpoint;
use yabby_testkit::{
    Fault, ModelServer, Refusal, Reply, ServerKind, Step, dead_url, script,
    step::{comment, data, sleep_ms, text},
};

use crate::{
    live::clock::fast,
    scene::{Scene, Seen, hello},
};

/// A question with the tool `add`.
fn sum() -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user("2 + 3?")],
        tools: vec![Tool {
            name: "add".to_owned(),
            description: "Adds".to_owned(),
            parameters: json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}),
        }],
        ..ModelRequest::default()
    }
}

/// One answer of a server that says these events.
async fn answered(request: ModelRequest, reply: impl Into<Reply>) -> Seen {
    let server = ModelServer::start().await;
    server.chat(reply);
    Scene::with(&[&server]).turn(request).await
}

/// A chunk of a chat stream.
fn chunk(delta: &Value, more: &Value) -> Step {
    let mut chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}],
    });
    for (name, value) in more.as_object().unwrap() {
        if name == "finish_reason" || name == "usage_in_choice" {
            chunk["choices"][0][name.trim_end_matches("_in_choice")] = value.clone();
        } else {
            chunk[name] = value.clone();
        }
    }
    data(chunk)
}

/// The rest of the row is in `ladder.rs`. Responses are kept by a server that is not told `store: false`, so this field
/// is never left out because of an error: the config says it, or the next candidate answers.
#[tokio::test]
async fn m19_a_refused_store_is_never_left_out_without_being_told_to() {
    let (server, next) = (ModelServer::start().await, ModelServer::start().await);
    server.fault(Fault::Refuses(Refusal::Field("store".to_owned())));
    let strict = format!("baseUrl: '{}', api: 'openai-responses'", server.base_url());
    let seen = Scene::of(&[strict, format!("baseUrl: '{}'", next.base_url())])
        .turn(hello())
        .await;
    assert_eq!(seen.outcomes(), ["unsupported_field", "answered"]);
    assert!(server.model_calls().iter().all(|call| call.body["store"] == false));
}

#[tokio::test]
async fn m20_counts_wherever_they_stand() {
    let counts = json!({"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15});
    let end = |more: Value| chunk(&json!({}), &more);
    let hi = || chunk(&json!({"content": "Hi."}), &json!({}));
    let stop = || end(json!({"finish_reason": "stop"}));
    let known = (Some(12), Some(3));
    let after = json!({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": counts});
    for (place, steps, expected) in [
        ("nowhere", vec![hi(), stop(), data("[DONE]")], (None, None)),
        ("at the end", vec![hi(), stop(), data(&after), data("[DONE]")], known),
        (
            "after the terminator",
            vec![hi(), stop(), data("[DONE]"), data(&after)],
            known,
        ),
        (
            "in a choice",
            vec![
                hi(),
                end(json!({"finish_reason": "stop", "usage_in_choice": counts})),
                data("[DONE]"),
            ],
            known,
        ),
        (
            "in the timings",
            vec![
                hi(),
                end(json!({"finish_reason": "stop", "timings": {"prompt_n": 12, "predicted_n": 3}})),
                data("[DONE]"),
            ],
            known,
        ),
    ] {
        let mut steps = steps;
        steps.push(Step::End);
        let seen = answered(hello(), steps).await;
        assert_eq!(seen.text(), "Hi.");
        let Usage {
            input_tokens,
            output_tokens,
            ..
        } = seen.end.unwrap().usage;
        assert_eq!((input_tokens, output_tokens), expected, "{place}");
    }
}

#[tokio::test]
async fn m21_calls_in_pieces_are_assembled_and_have_ids_of_their_own() {
    let call = |call: Value| chunk(&json!({"tool_calls": [call]}), &json!({}));
    let steps = vec![
        call(json!({"index": 0, "id": "same", "type": "function", "function": {"name": "", "arguments": ""}})),
        call(json!({"index": 0, "function": {"name": "add", "arguments": "{\"a\":"}})),
        call(json!({"index": 0, "function": {"arguments": "1,\"b\":2}"}})),
        // A gap, and an id that was used.
        call(json!({"index": 4, "id": "same", "function": {"name": "add", "arguments": "{\"a\":3,\"b\":4}"}})),
        call(json!({"index": 5, "id": "", "function": {"name": "add", "arguments": "{\"a\":5,\"b\":6}"}})),
        // Never finished.
        call(json!({"index": 6, "id": "half", "function": {"name": "add", "arguments": "{\"a\":7,"}})),
        chunk(&json!({}), &json!({"finish_reason": "tool_calls"})),
        data("[DONE]"),
        Step::End,
    ];
    let answer = answered(sum(), steps).await.end.unwrap();
    let sums: Vec<Value> = answer
        .tool_calls
        .iter()
        .map(|call| json!([call.name, call.arguments["a"], call.arguments["b"]]))
        .collect();
    assert_eq!(json!(sums), json!([["add", 1, 2], ["add", 3, 4], ["add", 5, 6]]));
    let mut ids: Vec<&str> = answer.tool_calls.iter().map(|call| call.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(ids.iter().all(|id| !id.is_empty()), "{ids:?}");
    assert_eq!(answer.malformed_calls.len(), 1, "{:?}", answer.malformed_calls);
}

/// A text in events of a character each.
fn letters(words: &str) -> Vec<Step> {
    words.chars().map(|letter| text(letter.to_string())).collect()
}

#[tokio::test]
async fn m22_a_call_in_the_text_is_no_text() {
    for call in [
        r#"<tool_call>{"name":"add","arguments":{"a":2,"b":3}}</tool_call>"#,
        "<tool_call>\n<function=add>\n<parameter=a>\n2\n</parameter>\n<parameter=b>\n3\n</parameter>\n</function>\n</tool_call>",
        r#"[TOOL_CALLS][{"name":"add","arguments":{"a":2,"b":3}}]"#,
    ] {
        let seen = answered(sum(), letters(&format!("Let me see.\n{call}"))).await;
        assert_eq!(seen.shown().trim(), "Let me see.", "{call}");
        let answer = seen.end.unwrap();
        assert_eq!(answer.text.as_str().trim(), "Let me see.", "{call}");
        assert_eq!(answer.end, EndReason::ToolCalls);
        let [made] = answer.tool_calls.as_slice() else {
            panic!("{call}: {:?}", answer.tool_calls);
        };
        assert_eq!((&made.arguments["a"], &made.arguments["b"]), (&json!(2), &json!(3)));
        // Nobody has such a tool.
        let other = call.replace("add", "rm");
        let seen = answered(sum(), letters(&other)).await;
        assert_eq!(seen.text(), other);
        assert!(seen.end.unwrap().tool_calls.is_empty());
    }
}

#[tokio::test]
async fn m23_reasoning_in_the_text_is_not_shown() {
    for (said, shown) in [
        ("<think>Hm, <b>.</think>\n\nFive.", "Five."),
        (
            "Five, in `<think>` tags:\n```\n<think>x</think>\n```",
            "Five, in `<think>` tags:\n```\n<think>x</think>\n```",
        ),
    ] {
        let seen = answered(hello(), letters(said)).await;
        assert_eq!(seen.shown().trim(), shown);
        assert_eq!(seen.text().trim(), shown);
    }
    // Only the beginning: there is no answer in it, and it is no answer.
    let server = ModelServer::start().await;
    server.default_reply(letters("<think>Hm, and on"));
    let failure = Scene::with(&[&server]).turn(hello()).await.end.unwrap_err();
    assert_eq!(failure.errors[0].1.kind, ErrorKind::Empty);
}

/// Calls that a server could not read are in `answer.rs` and `ladder.rs`.
#[tokio::test]
async fn m24_a_text_that_the_server_took_for_a_broken_call_is_the_answer() {
    let server = ModelServer::start().await;
    let body = json!({"error": {"code": 500, "type": "server_error",
        "message": "Failed to parse input at pos 0: The sum is five."}});
    server.fault(Fault::Status(500, body.to_string()));
    let seen = Scene::with(&[&server]).turn(sum()).await;
    assert_eq!(seen.text(), "The sum is five.", "{:?}", seen.outcomes());
}

#[tokio::test]
async fn m25_a_model_that_goes_is_left_for_the_next_and_used_when_it_is_back() {
    fast(async {
        let (server, next) = (ModelServer::start().await, ModelServer::start().await);
        server.kind(ServerKind::Vllm { max_model_len: 8192 });
        server.models(&["m"]);
        let scene = Scene::with(&[&server, &next]);
        assert_eq!(scene.turn(hello()).await.end.unwrap().model.provider(), "p0");
        server.models(&["another"]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.outcomes(), ["model_not_found", "answered"]);
        let answer = seen.end.unwrap();
        let hint = answer.errors[0].1.hint.as_ref().unwrap().english();
        assert_eq!(hint, "p0 has another: correct the name in the config");
        server.models(&["m"]);
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(scene.turn(hello()).await.end.unwrap().model.provider(), "p0");
    })
    .await;
}

#[tokio::test]
async fn m30_when_all_fail_each_says_why_and_what_to_do() {
    let [key, page, gone] = [
        ModelServer::start().await,
        ModelServer::start().await,
        ModelServer::start().await,
    ];
    key.fault(Fault::Unauthorized);
    page.fault(Fault::HtmlWith200);
    gone.fault(Fault::ModelNotFound);
    let urls = [dead_url(), key.base_url(), page.base_url(), gone.base_url()];
    let failure = Scene::chain(&urls).turn(hello()).await.end.unwrap_err();
    let errors: Vec<(String, ErrorKind)> = failure
        .errors
        .iter()
        .map(|(model, error)| (model.to_string(), error.kind))
        .collect();
    assert_eq!(
        errors,
        [
            ("p0/m".to_owned(), ErrorKind::Refused),
            ("p1/m".to_owned(), ErrorKind::Auth),
            ("p2/m".to_owned(), ErrorKind::NotAnApi),
            ("p3/m".to_owned(), ErrorKind::ModelNotFound),
        ]
    );
    for (model, error) in &failure.errors {
        let hint = error.hint.as_ref().map(yabby_core::Text::english);
        assert!(hint.is_some_and(|hint| hint.len() > 10), "{model} has no hint");
    }
    assert_eq!(failure.attempts.len(), 4);
}

#[tokio::test]
async fn m33_another_model_than_asked_is_told_and_recorded() {
    for (api, said) in [
        ("openai-completions", Some("other-7b")),
        ("openai-responses", Some("other-7b")),
        ("anthropic-messages", Some("other-7b")),
        ("openai-completions", None),
    ] {
        let server = ModelServer::start().await;
        if let Some(name) = said {
            server.served_as(name);
        }
        let scene = Scene::of(&[format!("baseUrl: '{}', api: '{api}'", server.base_url())]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.text(), "ok");
        if let Some(name) = said {
            assert!(seen.events.contains(&ModelEvent::ServedBy(name.to_owned())), "{api}");
        }
        assert_eq!(seen.end.unwrap().served_by.as_deref(), said, "{api}");
    }
}

#[tokio::test]
async fn m34_a_line_of_a_hundred_megabytes_is_not_kept() {
    let server = ModelServer::start().await;
    server.fault(Fault::HugeLine(100 << 20));
    let failure = Scene::with(&[&server]).turn(hello()).await.end.unwrap_err();
    assert_eq!(failure.errors.len(), 1);
    for attempt in &failure.attempts {
        assert!(attempt.bytes < 17 << 20, "{} bytes were read", attempt.bytes);
    }
    assert!(server.wait_closed(Duration::from_secs(5)).await);
}

/// Signs of life without a word: as long as the whole time of a request, and no longer.
#[tokio::test]
async fn m34_signs_of_life_for_ever_end_with_the_time() {
    fast(async {
        let (server, next) = (ModelServer::start().await, ModelServer::start().await);
        let pings = || (0..1000).flat_map(|_| [comment(""), sleep_ms(5000)]);
        server.default_reply(pings().collect::<Vec<Step>>());
        let minute = |endpoint: &Endpoint| Deadlines {
            total: Duration::from_mins(1),
            ..Deadlines::of(endpoint)
        };
        let scene = Scene::with(&[&server, &next]);
        let begin = tokio::time::Instant::now();
        let seen = Seen::of(scene.events(Caller::default(), hello(), minute)).await;
        assert_eq!(
            (seen.text(), seen.outcomes()),
            ("ok", vec!["timeout".to_owned(), "answered".to_owned()])
        );
        let took = begin.elapsed().as_secs();
        assert!((59..65).contains(&took), "{took}");
        assert!(server.wait_closed(Duration::from_secs(5)).await);
    })
    .await;
}

/// Not one byte, not even of a head, and the connection is never closed; the side channel works.
#[tokio::test]
async fn m34_nothing_at_all_ends_with_the_time() {
    fast(async {
        let (server, next) = (ModelServer::start().await, ModelServer::start().await);
        server.fault(Fault::HangModelCalls);
        let minute = |endpoint: &Endpoint| Deadlines {
            total: Duration::from_mins(1),
            ..Deadlines::of(endpoint)
        };
        let begin = tokio::time::Instant::now();
        let scene = Scene::with(&[&server, &next]);
        let seen = Seen::of(scene.events(Caller::default(), hello(), minute)).await;
        assert_eq!(seen.outcomes(), ["timeout", "answered"]);
        let took = begin.elapsed().as_secs();
        assert!((59..65).contains(&took), "{took}");
    })
    .await;
}

/// Complete, and still open: the answer is given at once.
#[tokio::test]
async fn m34_a_complete_answer_that_is_never_closed_is_not_waited_for() {
    fast(async {
        let server = ModelServer::start().await;
        server.chat(script![text("All."), finish("stop"), done(), hang()]);
        let begin = tokio::time::Instant::now();
        assert_eq!(Scene::with(&[&server]).turn(hello()).await.text(), "All.");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    })
    .await;
}
