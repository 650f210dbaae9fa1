//! Silence, signs of life, and what follows them, against the scripted server with short deadlines.

use std::{pin::pin, time::Duration};

use futures_util::StreamExt;
use serde_json::{Value, json};
use yabby_config::{Environment, load_text};
use yabby_core::{Caller, Delivery, EndReason, ErrorKind, Message, ModelEvent, ModelRequest, Phase, Progress, Tool};
use yabby_route::{Deadlines, RouteEvent, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http};
use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url, script};

use crate::scene::{Scene, Seen, hello, person, upkeep};

const MS: Duration = Duration::from_millis(1);

/// Short enough for a test, long enough for a busy machine to answer on a loopback connection.
fn short(endpoint: &Endpoint) -> Deadlines {
    Deadlines {
        silence: 150 * MS,
        sign_of_life: 2000 * MS,
        total: 20_000 * MS,
        ..Deadlines::of(endpoint)
    }
}

async fn ask(urls: &[String], deadlines: fn(&Endpoint) -> Deadlines) -> Seen {
    ask_for(hello(), urls, deadlines).await
}

async fn ask_for(request: ModelRequest, urls: &[String], deadlines: fn(&Endpoint) -> Deadlines) -> Seen {
    let scene = Scene::chain(urls);
    Seen::of(scene.events(Caller::default(), request, deadlines)).await
}

#[tokio::test]
async fn a_long_silence_of_a_living_server_is_waited_for() {
    let server = ModelServer::start().await;
    // Several stretches of silence, before the head and before the first token.
    server.chat(script![sleep_ms(600), headers(), sleep_ms(600), text("At last.")]);
    let seen = ask(&[server.base_url()], short).await;
    assert_eq!(seen.end.unwrap().text.as_str(), "At last.");
    assert_eq!(server.model_calls().len(), 1, "never retried from the beginning");
    let asked = server
        .requests()
        .iter()
        .filter(|request| request.path == "/v1/models")
        .count();
    assert!(asked >= 2, "asked {asked} times whether it lives");
}

/// `ggml-org/llama.cpp#23838`
#[tokio::test]
async fn a_call_that_the_server_could_not_read_is_taken_out_of_its_error() {
    let server = ModelServer::start().await;
    let body = r#"{"error":{"code":500,"message":"Failed to parse input at pos 395: <|tool_call_start|>[web_search_exa(query='weather', numResults=5)]<|tool_call_end|>","type":"server_error"}}"#;
    let request = ModelRequest {
        messages: vec![Message::user("Hello?")],
        tools: vec![Tool {
            name: "web_search_exa".into(),
            description: String::new(),
            parameters: serde_json::json!({"type": "object", "properties": {"numResults": {"type": "string"}}}),
        }],
        ..ModelRequest::default()
    };
    server.fault(Fault::Status(500, body.to_owned()));
    let answer = ask_for(request, &[server.base_url()], short).await.end.unwrap();
    assert_eq!(answer.end, EndReason::ToolCalls);
    assert_eq!(answer.tool_calls[0].arguments["numResults"], "5");
    // Nothing was offered.
    let failure = ask(&[server.base_url()], short).await.end.unwrap_err();
    assert_eq!(failure.errors[0].1.kind, ErrorKind::ToolParser);
}

#[tokio::test]
async fn comments_are_signs_of_life() {
    let server = ModelServer::start().await;
    server.chat(script![
        comment(""),
        sleep_ms(60),
        comment(""),
        sleep_ms(60),
        comment(""),
        text("Hi.")
    ]);
    let seen = ask(&[server.base_url()], short).await;
    assert!(seen.events.contains(&ModelEvent::Progress(Progress::Alive)));
    assert_eq!(seen.end.unwrap().text.as_str(), "Hi.");
}

#[tokio::test]
async fn a_server_that_hangs_everywhere_is_left_for_the_next() {
    let hung = ModelServer::start().await;
    hung.fault(Fault::HangAllPaths);
    let good = ModelServer::start().await;
    let quick = |endpoint: &Endpoint| Deadlines {
        silence: 100 * MS,
        sign_of_life: 300 * MS,
        total: 20_000 * MS,
        ..Deadlines::of(endpoint)
    };
    let answer = ask(&[hung.base_url(), good.base_url()], quick).await.end.unwrap();
    let outcomes = serde_json::to_value(&answer.attempts).unwrap();
    assert_eq!(
        (&outcomes[0]["error"], &outcomes[1]["outcome"]),
        (&"hung".into(), &"answered".into())
    );
    assert!(
        hung.wait_closed(Duration::from_secs(5)).await,
        "its connection is given back"
    );
}

#[tokio::test]
async fn a_stream_that_stops_in_the_middle_is_noticed() {
    let server = ModelServer::start().await;
    server.chat(script![text("Half "), hang()]);
    server.route("/v1/models", 200, "application/json", "{}");
    let brief = |endpoint: &Endpoint| Deadlines {
        silence: 100 * MS,
        sign_of_life: 2000 * MS,
        total: 700 * MS,
        ..Deadlines::of(endpoint)
    };
    let failure = ask(&[server.base_url(), dead_url()], brief).await.end.unwrap_err();
    assert_eq!(failure.partial, "Half ");
    let kinds: Vec<(ErrorKind, Phase)> = failure
        .errors
        .iter()
        .map(|(_, error)| (error.kind, error.phase))
        .collect();
    assert_eq!(
        kinds,
        [
            (ErrorKind::Timeout, Phase::Streaming),
            (ErrorKind::Refused, Phase::Connect)
        ]
    );
}

#[tokio::test]
async fn a_server_that_loads_for_ever_is_left_in_the_end() {
    let loading = ModelServer::start().await;
    loading.fault(Fault::LoadingFor(1000));
    let good = ModelServer::start().await;
    let brief = |endpoint: &Endpoint| Deadlines {
        silence: 100 * MS,
        sign_of_life: 2000 * MS,
        total: 1200 * MS,
        ..Deadlines::of(endpoint)
    };
    let seen = ask(&[loading.base_url(), good.base_url()], brief).await;
    assert!(
        seen.events
            .contains(&ModelEvent::Progress(Progress::Loading { usual: None }))
    );
    let answer = seen.end.unwrap();
    assert_eq!(
        (answer.model.provider(), answer.attempts.len()),
        ("p1", 2),
        "{:?}",
        answer.attempts
    );
}

#[tokio::test]
async fn an_endless_stream_ends_with_the_time() {
    let server = ModelServer::start().await;
    server.fault(Fault::Endless);
    let brief = |endpoint: &Endpoint| Deadlines {
        silence: 100 * MS,
        sign_of_life: 2000 * MS,
        total: 500 * MS,
        ..Deadlines::of(endpoint)
    };
    let failure = ask(&[server.base_url()], brief).await.end.unwrap_err();
    assert_eq!(failure.errors[0].1.kind, ErrorKind::Timeout);
    assert!(server.wait_closed(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_reset_before_the_answer_begins_is_tried_once_more() {
    let server = ModelServer::start().await;
    server.fault_once(Fault::Reset);
    let answer = ask(&[server.base_url()], short).await.end.unwrap();
    assert_eq!((answer.text.as_str(), answer.attempts.len()), ("ok", 2));
    server.fault(Fault::Reset);
    let failure = ask(&[server.base_url()], short).await.end.unwrap_err();
    assert_eq!(
        (failure.errors[0].1.kind, failure.attempts.len()),
        (ErrorKind::Interrupted, 3)
    );
}

/// The mode of the config decides the dialect, the request and how the answer is read.
#[tokio::test]
async fn constrained_calls_go_through_chat() {
    let server = ModelServer::start().await;
    server.chat(script![text("{\"tool\": \"f\", "), text("\"arguments\": {\"n\": 5}}")]);
    let config = format!(
        "{{ agents: {{ defaults: {{ model: 'p/m' }} }}, models: {{ providers: {{ p: {{ baseUrl: '{}', api: \
         'openai-responses', models: [{{ id: 'm', params: {{ toolMode: 'constrained', chat_template_kwargs: {{ a: 1 \
         }} }} }}] }} }} }} }}",
        server.base_url()
    );
    let loaded = load_text(&config, &Environment::default());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
    let request = ModelRequest {
        messages: vec![Message::user("Call f.")],
        tools: vec![Tool {
            name: "f".to_owned(),
            description: "Does it".to_owned(),
            parameters: json!({"type": "object", "properties": {"n": {"type": "integer"}}}),
        }],
        ..ModelRequest::default()
    };
    let plan = plan(&loaded.config, &fleet, &Wanted::default()).unwrap();
    let mut stream = pin!(
        Router::new(&Http::default(), &loaded.config)
            .with_deadlines(short)
            .answer(plan, request)
    );
    let done = loop {
        if let RouteEvent::Done(answer) = stream.next().await.unwrap() {
            break answer;
        }
    };
    assert_eq!(done.end, EndReason::ToolCalls);
    assert_eq!(
        (done.tool_calls[0].name.as_str(), &done.tool_calls[0].arguments["n"]),
        ("f", &json!(5))
    );
    let [asked] = server.model_calls().try_into().unwrap();
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.body.get("tools"), None);
    assert_eq!(asked.body["response_format"]["type"], "json_schema");
    assert_eq!(asked.body["chat_template_kwargs"], json!({"a": 1}));
}

/// Only a stream ends when its client leaves, and background work may have to make room.
#[tokio::test]
async fn background_work_is_streamed_from_a_server_near_by() {
    let server = ModelServer::start().await;
    let scene = Scene::with(&[&server]);
    let whole = ModelRequest {
        delivery: Delivery::Whole,
        ..hello()
    };
    for (caller, streamed) in [(upkeep(), true), (person("one"), false)] {
        server.chat("A title");
        assert_eq!(scene.turn_of(caller, whole.clone()).await.text(), "A title");
        let calls = server.model_calls();
        assert_eq!(calls.last().unwrap().body["stream"] == true, streamed);
    }
}

#[tokio::test]
async fn a_model_that_rambles_near_by_comes_to_an_end() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 8192, slots: 1 });
    server.models(&["m"]);
    let scene = Scene::with(&[&server]);
    scene.look("p0").await;
    let bounded = |max_output_tokens| ModelRequest {
        bounded: true,
        max_output_tokens,
        ..hello()
    };
    for request in [hello(), bounded(None), bounded(Some(100))] {
        assert_eq!(scene.turn(request).await.text(), "ok");
    }
    let sent = server.model_calls();
    let limits: Vec<&Value> = sent.iter().map(|call| &call.body["max_tokens"]).collect();
    assert_eq!(limits, [&Value::Null, &json!(4096), &json!(100)]);
}
