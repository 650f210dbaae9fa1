//! What passes, byte for byte.

use std::time::Duration;

use serde_json::json;
use yabby_core::{Attempt, Outcome, Phase, Usage, Zone};
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use crate::scene::{CHAT, Scene, chain};

#[tokio::test]
async fn a_request_keeps_every_byte_but_its_model() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    for (name, model) in [
        ("a/m", "m"),
        ("Opus", "m"),
        ("route/default", "m"),
        ("yabby", "m"),
        ("a/other", "other"),
    ] {
        let body = |model: &str| {
            format!(
                "{{ \"z\":1.50,\"unknown\":{{\"model\":\"x\"}},\n\"model\" : \"{model}\",\"messages\":[ {{\"role\":\"user\",\"content\":\"h\\u00e9\"}} ],\"a\":\"\u{1f998}\" }}"
            )
        };
        let answer = scene.post(CHAT, &body(name)).await;
        assert_eq!((answer.status, answer.whole), (200, true), "{}", answer.text());
        let sent = server.model_calls().pop().unwrap();
        assert_eq!(String::from_utf8(sent.raw.to_vec()).unwrap(), body(model), "{name}");
        assert_eq!(answer.header("x-yabby-model"), format!("a/{model}"));
        assert_eq!(answer.header("x-yabby-attempts"), "1");
        assert_eq!(answer.header("x-yabby-zone"), "machine");
    }
    let answer = scene.post(CHAT, r#"{"messages":[]}"#).await;
    assert_eq!(answer.status, 200);
    let sent = server.model_calls().pop().unwrap();
    assert_eq!(sent.raw, r#"{"model":"m","messages":[]}"#);
}

#[tokio::test]
async fn a_large_prompt_arrives_whole() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let prompt = "He said \\\"so\\\" [1,2}. ".repeat(20_000);
    let body = |model: &str| {
        format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}],\"model\":\"{model}\"}}")
    };
    let answer = scene.post(CHAT, &body("Opus")).await;
    assert_eq!(answer.status, 200);
    assert!(server.model_calls()[0].raw == body("m"));
}

#[tokio::test]
async fn an_answer_passes_as_it_is() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let said = "{ \"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}, \"x\" : [ 1 ],\"model\":\"whatever\" }\n";
    server.answer_with(201, "application/json; charset=utf-8", said);
    let answer = scene.post(CHAT, r#"{"model":"a/m"}"#).await;
    assert_eq!((answer.status, answer.text(), answer.whole), (201, said, true));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("content-length"), said.len().to_string());

    let events = ": hello\n\ndata: {\"a\":1}\r\n\r\nid: 7\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    server.chat(script![
        headers(),
        raw(&events[..12]),
        sleep_ms(20),
        raw(&events[12..40]),
        sleep_ms(20),
        raw(&events[40..]),
        end()
    ]);
    let answer = scene.post(CHAT, r#"{"model":"a/m","stream":true}"#).await;
    assert_eq!((answer.status, answer.text(), answer.whole), (200, events, true));
    assert!(answer.header("content-type").starts_with("text/event-stream"));

    let usage = |input, output| Usage {
        input_tokens: input,
        output_tokens: output,
        ..Usage::default()
    };
    let records = scene.attempts().into_iter().map(|attempt| Attempt {
        queued_ms: 0,
        head_ms: None,
        first_token_ms: None,
        total_ms: 0,
        ..attempt
    });
    let records: Vec<Attempt> = records.collect();
    let record = |bytes: usize, usage| Attempt {
        model: "a/m".parse().unwrap(),
        endpoint: server.base_url(),
        zone: Zone::Machine,
        outcome: Outcome::Answered,
        decision: None,
        phase: Phase::Done,
        queued_ms: 0,
        sent_ms: None,
        cost: None,
        head_ms: None,
        first_token_ms: None,
        total_ms: 0,
        bytes: bytes as u64,
        usage,
    };
    assert_eq!(
        records,
        [
            record(said.len(), usage(Some(7), Some(2))),
            record(events.len(), usage(None, None))
        ]
    );
}

#[tokio::test]
async fn each_api_is_passed_on_in_its_own_dialect() {
    for (path, api, kind) in [
        (CHAT, "openai-completions", ServerKind::Plain),
        ("/v1/responses", "openai-responses", ServerKind::Plain),
        ("/v1/messages", "anthropic-messages", ServerKind::Anthropic),
    ] {
        let server = ModelServer::start().await;
        server.kind(kind);
        server.models(&["m"]);
        server.default_reply("Hello.");
        let scene = Scene::with_config(&chain(api, &[server.base_url()])).await;
        for stream in [false, true] {
            let mut body = json!({"model": "a/m", "stream": stream, "max_tokens": 9, "messages": []});
            if path == CHAT && stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            let answer = scene.post(path, &body.to_string()).await;
            assert_eq!((answer.status, answer.whole), (200, true), "{path} {}", answer.text());
            assert!(answer.text().contains("Hello."), "{}", answer.text());
        }
        let ends: Vec<_> = scene
            .attempts()
            .iter()
            .map(|attempt| (attempt.outcome.clone(), attempt.usage.output_tokens.is_some()))
            .collect();
        assert_eq!(ends, [(Outcome::Answered, true), (Outcome::Answered, true)], "{path}");
    }
}

#[tokio::test]
async fn connections_are_kept_and_replaced_when_the_server_has_closed_them() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    for _ in 0..3 {
        assert_eq!(scene.post(CHAT, r#"{"model":"a/m"}"#).await.status, 200);
    }
    let connections: Vec<u64> = server.model_calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [connections[0]; 3]);
    let at = server.stop().await;
    let server = ModelServer::start_at(at).await;
    let answer = scene.post(CHAT, r#"{"model":"a/m"}"#).await;
    assert_eq!((answer.status, answer.header("x-yabby-attempts")), (200, "1"));
    assert_eq!(server.model_calls().len(), 1);
    // What lies idle for longer than llama.cpp keeps it is closed from here.
    let probes = server.open_connections();
    assert!(server.wait_closed(Duration::from_secs(8)).await, "{probes} stayed open");
}

#[tokio::test]
async fn another_config_keeps_what_it_says_the_same_of() {
    let [one, other] = [ModelServer::start().await, ModelServer::start().await];
    let scene = Scene::chain(&[one.base_url(), other.base_url()]).await;
    let ask = async |model: &str| {
        let answer = scene.post(CHAT, &format!("{{\"model\":\"{model}\"}}")).await;
        (answer.status, answer.header("x-yabby-attempts").to_owned())
    };
    for model in ["a/m", "b/m"] {
        assert_eq!(ask(model).await.0, 200);
    }
    // The same two in another order, and another key for the second one.
    let config = |key: &str| {
        json!({"models": {"providers": {
            "b": {"baseUrl": other.base_url(), "api": "openai-completions", "apiKey": key, "models": [{"id": "m"}]},
            "a": {"baseUrl": one.base_url(), "api": "openai-completions", "apiKey": "key-a", "models": [{"id": "m"}]},
        }}})
        .to_string()
    };
    scene.change(&config("another-key"));
    for model in ["a/m", "b/m"] {
        assert_eq!(ask(model).await.0, 200);
    }
    let connections = |server: &ModelServer| -> Vec<u64> {
        let calls = server.model_calls();
        calls.iter().map(|call| call.connection).collect()
    };
    let (kept, new) = (connections(&one), connections(&other));
    assert_eq!((kept[0] == kept[1], new[0] == new[1]), (true, false));
    assert_eq!(
        other.model_calls()[1].header("authorization"),
        Some("Bearer another-key")
    );
    // What was counted and tried stays.
    assert_eq!(scene.attempts().len(), 4);
    let metrics = scene.get("/metrics").await;
    let metrics = metrics.text();
    assert!(
        metrics.contains("yabby_attempts_total{endpoint=\"a\",outcome=\"answered\"} 2"),
        "{metrics}"
    );
    // One that is gone cannot be asked for, and one that comes back is asked again.
    scene.change("{models: {mode: 'replace', providers: {}}}");
    assert_eq!(ask("a/m").await.0, 404);
    scene.change(&config("key-b"));
    assert_eq!(ask("a/m").await, (200, "1".to_owned()));
}

#[tokio::test]
async fn openrouter_is_told_where_a_prompt_may_go() {
    let server = ModelServer::start().await;
    let config = json!({
        "models": {"providers": {"openrouter": {
            "baseUrl": server.base_url(), "api": "openai-completions", "apiKey": "k",
            "models": [{"id": "x/m", "params": {"provider": {"only": ["eu"], "zdr": true}}}],
        }}},
    });
    let scene = Scene::with_config(&config.to_string()).await;
    let answer = scene
        .post(CHAT, r#"{"model":"openrouter/x/m","provider":{"only":["us"]}}"#)
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        server.model_calls()[0].raw,
        r#"{"model":"x/m","provider":{"only":["eu"],"zdr":true}}"#
    );
    assert_eq!(answer.header("x-yabby-left-out"), "provider");
    let said_nothing = scene.post(CHAT, r#"{"model":"openrouter/x/m"}"#).await;
    assert_eq!(said_nothing.header("x-yabby-left-out"), "");
}

#[tokio::test]
async fn who_leaves_closes_the_upstream_and_frees_its_slot() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    let scene = Scene::one(&server).await;
    // So that the gateway knows the slots.
    server
        .wait_for(|log| log.iter().any(|request| request.path == "/props"))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.fault_once(Fault::HangAfter(1));
    server.chat(script![text("Hel"), text("lo")]);
    let mut first = scene.open(r#"{"model":"a/m","stream":true}"#).await;
    first.sees("Hel").await;
    // Both wait for the slot; one leaves.
    let second = scene.open(r#"{"model":"a/m"}"#).await;
    let third = scene.open(r#"{"model":"a/m"}"#).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.model_calls().len(), 1);
    drop(second);
    drop(first);
    let answer = third.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = server
        .wait_for(|log| {
            log.iter()
                .filter(|request| request.path == CHAT)
                .all(|call| call.complete || call.closed_early)
        })
        .await;
    let closed: Vec<bool> = calls
        .iter()
        .filter(|call| call.path == CHAT)
        .map(|call| call.closed_early)
        .collect();
    assert_eq!(closed, [true, false]);
    assert_eq!(server.busy_peak(), 1);
}

#[tokio::test]
async fn a_slow_reader_slows_the_upstream() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    server.fault(Fault::Endless);
    let mut open = scene.open(r#"{"model":"a/m","stream":true}"#).await;
    open.sees("again").await;
    // It reads no more. What fits into the buffers of sockets is written, and then nothing more.
    let mut before = u64::MAX;
    let stalled = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let passed = memory();
            if passed == before {
                break passed;
            }
            before = passed;
        }
    };
    let passed = tokio::time::timeout(Duration::from_secs(20), stalled).await.unwrap();
    assert!(passed < 200 << 20, "{passed}");
    drop(open);
    assert!(server.wait_idle(Duration::from_secs(5)).await);
}

/// Resident memory of this process, where the system tells it.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}
