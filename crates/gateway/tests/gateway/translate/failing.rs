//! What fails, before and in the middle of an answer.

use std::time::Duration;

use serde_json::{Value, json};
use yabby_core::{ErrorKind, Outcome};
use yabby_testkit::{Fault, Refusal, ServerKind, script};
use yabby_wire::{Dialect, clients::Api};

use super::{ask, chained, directions, message, path, read, scene, tools};
use crate::client::Open;

#[tokio::test]
async fn what_fails_before_its_first_word_is_passed_over() {
    // The second one is asked as the request came, or in other words again.
    for (first, second) in [(Dialect::Chat, Dialect::Messages), (Dialect::Responses, Dialect::Chat)] {
        for fault in [
            Fault::Status(500, "{\"error\":{\"message\":\"boom\"}}".to_owned()),
            Fault::Unauthorized,
            Fault::HtmlWith200,
            Fault::JsonErrorWith200,
            Fault::DieAfter(0),
        ] {
            for stream in [false, true] {
                let (servers, scene) = chained(&[first, second]).await;
                servers[0].fault(fault.clone());
                servers[1].default_reply("from the second");
                let body = ask(Api::Messages, json!({"stream": stream})).to_string();
                let answer = scene.post("/v1/messages", &body).await;
                assert_eq!(answer.status, 200, "{fault:?} {}", answer.text());
                assert_eq!(read(Api::Messages, &answer).text, "from the second", "{fault:?}");
                assert_eq!(answer.header("x-yabby-model"), "b/m");
                let failed = scene.attempts().len() - 1;
                assert_eq!(answer.header("x-yabby-attempts"), (failed + 1).to_string());
                assert!(failed >= 1 && !servers[0].model_calls().is_empty(), "{fault:?}");
            }
        }
    }
}

/// Nothing of it was seen, so that another model can answer.
#[tokio::test]
async fn an_answer_in_one_piece_that_breaks_off_is_another_models() {
    let (servers, scene) = chained(&[Dialect::Chat, Dialect::Chat]).await;
    servers[0].default_reply(script![text("half an ans"), rst()]);
    servers[1].default_reply("from the second");
    let answer = scene
        .post("/v1/responses", &ask(Api::Responses, json!({})).to_string())
        .await;
    assert_eq!(read(Api::Responses, &answer).text, "from the second");
    assert_eq!(answer.header("x-yabby-model"), "b/m");
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_in_its_shape() {
    for (api, dialect) in directions() {
        for broken in [
            script![text("Hel"), text("lo"), sleep_ms(50), rst()],
            script![text("Hel"), text("lo"), sleep_ms(50), close()],
            script![
                text("Hel"),
                text("lo"),
                sleep_ms(50),
                error_event(json!({"code": 500, "message": "boom", "type": "server_error"}))
            ],
        ] {
            let (servers, scene) = chained(&[dialect, Dialect::Chat]).await;
            servers[0].reply(broken.clone());
            let answer = scene
                .post(path(api), &ask(api, json!({"stream": true})).to_string())
                .await;
            let about = format!("{api:?} {dialect:?} {broken:?} {}", answer.text());
            assert_eq!((answer.status, answer.whole), (200, true), "{about}");
            let events: Vec<Value> = answer
                .text()
                .lines()
                .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
                .collect();
            let pieces = match api {
                Api::Chat => "/choices/0/delta/content",
                Api::Responses => "/delta",
                Api::Messages => "/delta/text",
            };
            let pieces = events.iter().filter_map(|event| event.pointer(pieces)?.as_str());
            assert_eq!(pieces.collect::<String>(), "Hello", "{about}");
            let last = events.last().unwrap();
            let told = match api {
                Api::Responses => last["response"]["error"]["message"].as_str().unwrap(),
                Api::Chat | Api::Messages => message(api, last),
            };
            assert!(told.starts_with("a/m: "), "{about}");
            assert!(
                !answer.text().contains("[DONE]") && !answer.text().contains("message_stop"),
                "{about}"
            );
            let [attempt] = scene.attempts().try_into().unwrap();
            assert!(
                matches!(
                    attempt.outcome,
                    Outcome::Failed {
                        error: ErrorKind::Interrupted | ErrorKind::Server,
                        ..
                    }
                ),
                "{attempt:?}"
            );
            assert!(servers[1].model_calls().is_empty(), "{about}");
        }
    }
}

#[tokio::test]
async fn an_error_is_told_in_the_shape_of_the_client() {
    for (api, dialect) in directions() {
        let (server, scene) = scene(dialect).await;
        server.fault(Fault::RateLimit {
            retry_after: Some(Duration::from_mins(10)),
        });
        let answer = scene.post(path(api), &ask(api, json!({})).to_string()).await;
        assert_eq!(answer.status, 429, "{api:?} {dialect:?} {}", answer.text());
        let error = answer.json();
        let told = message(api, &error);
        assert!(told.starts_with("a/m: "), "{told}");
        assert_eq!(
            error["error"]["type"], "rate_limit_error",
            "{api:?} {dialect:?} {error}"
        );
        assert_eq!(
            (answer.header("x-yabby-attempts"), answer.header("retry-after")),
            ("1", "601")
        );
    }
}

/// What a server refuses is left out, as in any turn, and remembered when it answers.
#[tokio::test]
async fn a_server_that_refuses_a_field_is_asked_without_it() {
    let (server, scene) = scene(Dialect::Chat).await;
    server.fault(Fault::Refuses(Refusal::Field("stream_options".to_owned())));
    let body = ask(Api::Messages, json!({})).to_string();
    for attempts in ["2", "1"] {
        let answer = scene.post("/v1/messages", &body).await;
        assert_eq!(
            (answer.status, answer.header("x-yabby-attempts")),
            (200, attempts),
            "{}",
            answer.text()
        );
    }
}

/// Of a server that has no Responses, Chat is asked from then on.
#[tokio::test]
async fn a_server_without_responses_is_asked_in_chat() {
    for stream in [false, true] {
        let (server, scene) = scene(Dialect::Responses).await;
        server.route("/v1/responses", 404, "text/plain", "404 page not found");
        server.default_reply("in chat");
        let body = ask(Api::Responses, json!({"stream": stream})).to_string();
        for attempts in ["2", "1"] {
            let answer = scene.post("/v1/responses", &body).await;
            assert_eq!(
                (answer.status, answer.header("x-yabby-attempts")),
                (200, attempts),
                "{}",
                answer.text()
            );
            assert_eq!(read(Api::Responses, &answer).text, "in chat");
        }
        // A client of Chat is passed on since.
        let answer = scene
            .post(path(Api::Chat), &ask(Api::Chat, json!({"extra": 1})).to_string())
            .await;
        assert_eq!(read(Api::Chat, &answer).text, "in chat");
    }
}

/// A model that knows no tools is told of them in words, whatever the API of the client.
#[tokio::test]
async fn tools_that_the_server_does_not_know_are_described() {
    let (server, scene) = scene(Dialect::Chat).await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    server.models(&["m"]);
    server.route(
        "/props",
        200,
        "application/json",
        json!({"chat_template_caps": {"supports_tools": false}}).to_string(),
    );
    server.default_reply(r#"{"tool":"weather","arguments":{"city":"Oslo"}}"#);
    let body = ask(
        Api::Messages,
        json!({"tools": tools(Api::Messages), "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
    );
    let answer = scene.post("/v1/messages", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = read(Api::Messages, &answer);
    let calls: Vec<(&str, &Value)> = said
        .calls
        .iter()
        .map(|call| (call.name.as_str(), &call.arguments["city"]))
        .collect();
    assert_eq!(calls, [("weather", &json!("Oslo"))]);
    let sent = server.model_calls().pop().unwrap().body;
    assert!(sent.get("response_format").is_some(), "{sent}");
    // Nothing is said of tools in fields that go with them.
    for field in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert!(sent.get(field).is_none(), "{sent}");
    }
}

#[tokio::test]
async fn who_leaves_closes_the_upstream_and_frees_its_slot() {
    for stream in [true, false] {
        let (server, scene) = scene(Dialect::Chat).await;
        server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
        server.models(&["m"]);
        server
            .wait_for(|log| log.iter().any(|request| request.path == "/props"))
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.fault_once(Fault::HangAfter(1));
        server.chat(script![text("Hel"), text("lo")]);
        let body = ask(Api::Messages, json!({"stream": stream})).to_string();
        let mut first = Open::send(scene.at, "POST", "/v1/messages", &[], &body).await;
        if stream {
            first.sees("Hel").await;
        } else {
            server
                .wait_for(|log| log.iter().any(|request| request.path == "/v1/chat/completions"))
                .await;
        }
        let second = Open::send(
            scene.at,
            "POST",
            "/v1/responses",
            &[],
            &ask(Api::Responses, json!({})).to_string(),
        )
        .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(server.model_calls().len(), 1);
        drop(first);
        let answer = second.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(server.wait_idle(Duration::from_secs(5)).await);
        let closed: Vec<bool> = server.model_calls().iter().map(|call| call.closed_early).collect();
        assert_eq!((closed, server.busy_peak()), (vec![true, false], 1), "{stream}");
    }
}
