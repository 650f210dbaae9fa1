//! A question to each service: text, reasoning, a call, counts, streamed and whole, and its errors.

use serde_json::{Value, json};
use yabby_core::{Delivery, EndReason, ErrorKind, Message, ModelEvent, ModelRequest, Tool, Usage};
use yabby_testkit::{Documented, Fault, ServerKind, script};

use super::{SERVICES, keys_of, provider, service};
use crate::scene::{Scene, hello};

fn request(delivery: Delivery) -> ModelRequest {
    ModelRequest {
        system: Some("Be brief.".to_owned()),
        tools: vec![Tool {
            name: "weather".to_owned(),
            description: "Tells the weather".to_owned(),
            parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
        }],
        max_output_tokens: Some(500),
        delivery,
        ..hello()
    }
}

/// A call and what follows it: the history that goes back is one that the service takes.
#[tokio::test]
async fn a_question_with_a_call() {
    for (kind, api) in SERVICES {
        for delivery in [Delivery::Stream, Delivery::Whole] {
            let server = service(kind.clone()).await;
            server.accept_key("k");
            server.reply(script![
                reasoning("They want "),
                reasoning("the weather."),
                tool_call("call_1", "weather", r#"{"city": "Taipei"}"#),
                usage_cached(20, 5, 16),
            ]);
            server.reply(script![
                reasoning("Rain."),
                text("It "),
                text("rains."),
                usage_cached(40, 7, 32)
            ]);
            let scene = Scene::of(&[provider(&server, api, &["k"])]);
            let mut asked = request(delivery);
            let seen = scene.turn(asked.clone()).await;
            let answer = seen
                .end
                .unwrap_or_else(|failure| panic!("{kind:?}: {:?}", failure.errors));
            assert_eq!(
                (answer.end, answer.text.as_str()),
                (EndReason::ToolCalls, ""),
                "{kind:?}"
            );
            let [call] = &answer.tool_calls[..] else {
                panic!("{kind:?}: {:?}", answer.tool_calls)
            };
            assert_eq!(
                (call.id.as_str(), call.name.as_str(), &call.arguments["city"]),
                ("call_1", "weather", &json!("Taipei"))
            );
            let thought: String = seen
                .events
                .iter()
                .filter_map(|event| match event {
                    ModelEvent::Reasoning(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(thought, "They want the weather.");
            asked.messages.push(Message::Assistant {
                text: answer.text.as_str().to_owned(),
                tool_calls: answer.tool_calls,
                opaque: answer.opaque,
            });
            asked.messages.push(Message::ToolResult {
                call_id: "call_1".to_owned(),
                name: "weather".to_owned(),
                content: "rain".to_owned(),
            });
            let seen = scene.turn(asked).await;
            assert_eq!(seen.text(), "It rains.", "{kind:?} {delivery:?}");
            let usage = seen.end.unwrap().usage;
            let counts = Usage {
                cache_write_tokens: None,
                reasoning_tokens: None,
                cost: None,
                ..usage
            };
            let expected = Usage {
                input_tokens: Some(40),
                cached_tokens: Some(32),
                output_tokens: Some(7),
                ..Usage::default()
            };
            assert_eq!(counts, expected, "{kind:?} {delivery:?}");
            assert_eq!(usage.cost.is_some(), matches!(kind, ServerKind::OpenRouter { .. }));
            assert_eq!(keys_of(&server), ["k", "k"]);
            let streamed: Vec<bool> = server
                .model_calls()
                .iter()
                .map(|call| call.body["stream"] == true)
                .collect();
            assert_eq!(streamed, [delivery == Delivery::Stream; 2]);
        }
    }
}

/// Each documented error is of its kind, says where the key is, and leaves the person with the next candidate.
#[tokio::test]
async fn each_error_leads_on() {
    use ErrorKind as E;
    let rows = [
        (Documented::BadKey, [E::Auth; 3]),
        (Documented::NoCredit, [E::Billing; 3]),
        (Documented::TooLarge, [E::ContextOverflow; 3]),
        (Documented::Limited { retry_after: None }, [E::RateLimit; 3]),
        (Documented::Failed, [E::Server; 3]),
        (Documented::Overloaded, [E::Overloaded; 3]),
        (Documented::Flagged, [E::BadRequest; 3]),
        (Documented::Forbidden, [E::Auth; 3]),
    ];
    for (what, kinds) in rows {
        for ((kind, api), expected) in SERVICES.into_iter().zip(kinds) {
            let server = service(kind.clone()).await;
            server.fault(Fault::Documented(what.clone()));
            let other = service(ServerKind::Plain).await;
            let scene = Scene::of(&[
                provider(&server, api, &["k"]),
                format!("baseUrl: '{}'", other.base_url()),
            ]);
            let seen = scene.turn(hello()).await;
            assert_eq!(seen.text(), "ok", "{kind:?} {what:?}");
            let kind_of = |outcome: &String| serde_json::from_value::<ErrorKind>(json!(outcome)).unwrap();
            assert_eq!(kind_of(&seen.outcomes()[0]), expected, "{kind:?} {what:?}");
            if expected == E::Auth || expected == E::Billing {
                let trouble = &seen.notices.join(" ");
                assert!(!trouble.contains("apiKeys: ['k']"), "{trouble}");
            }
        }
    }
}

/// An error inside a 200: before anything was seen the next candidate answers, after it the next one goes on.
#[tokio::test]
async fn an_error_in_the_middle() {
    for (kind, api) in SERVICES {
        let error = match kind {
            ServerKind::Anthropic => json!({"type": "overloaded_error", "message": "Overloaded"}),
            // `response.error.code` (openai/openai-openapi, `ResponseErrorCode`).
            ServerKind::OpenAi => json!({"code": "server_error", "message": "The model failed"}),
            // openrouter.ai, "Streaming", "Mid-stream errors".
            _ => json!({"code": "server_error", "message": "Provider disconnected unexpectedly"}),
        };
        for delivery in [Delivery::Stream, Delivery::Whole] {
            let server = service(kind.clone()).await;
            server.default_reply(script![error_event(error.clone())]);
            let other = service(ServerKind::Plain).await;
            let scene = Scene::of(&[
                provider(&server, api, &["k"]),
                format!("baseUrl: '{}'", other.base_url()),
            ]);
            let asked = ModelRequest { delivery, ..hello() };
            let seen = scene.turn(asked).await;
            assert_eq!(seen.text(), "ok", "{kind:?} {delivery:?}");
            assert_eq!(seen.tried.last().map(String::as_str), Some("p1/m"));
        }
    }
}

/// What only a server near by takes is not sent, and what these require is.
#[tokio::test]
async fn nothing_is_sent_that_is_not_documented() {
    for (kind, api) in SERVICES {
        let server = service(kind.clone()).await;
        let scene = Scene::of(&[provider(&server, api, &["k"])]);
        assert_eq!(scene.turn(request(Delivery::Stream)).await.text(), "ok", "{kind:?}");
        let [call] = server.model_calls().try_into().unwrap();
        let names: Vec<&String> = call.body.as_object().unwrap().keys().collect();
        assert!(!names.contains(&&"cache_prompt".to_owned()), "{names:?}");
        if kind == ServerKind::Anthropic {
            assert_eq!(call.header("anthropic-version"), Some("2023-06-01"));
            assert_eq!(call.body["max_tokens"], 500);
            assert_eq!(call.body["system"], Value::from("Be brief."));
        }
    }
}
