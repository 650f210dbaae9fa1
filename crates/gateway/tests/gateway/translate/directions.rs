//! From each API to each other one.

use serde_json::{Map, Value, json};
use yabby_core::{EndReason, Outcome, ToolCall, Usage};
use yabby_testkit::{ModelServer, script};
use yabby_wire::{Dialect, clients::Api};

use super::{Said, ask, directions, path, read, scene, tools};

#[tokio::test]
async fn every_api_reaches_every_dialect() {
    for (api, dialect) in directions() {
        let (server, scene) = scene(dialect).await;
        for stream in [false, true] {
            let about = format!("{api:?} {dialect:?} {stream}");
            server.reply(script![
                text("It is "),
                text("sunny."),
                usage_cached(90, 7, 40),
                finish("stop")
            ]);
            let mut body = ask(api, json!({"stream": stream}));
            if api == Api::Chat && stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            let answer = scene.post(path(api), &body.to_string()).await;
            assert_eq!((answer.status, answer.whole), (200, true), "{about} {}", answer.text());
            let said = read(api, &answer);
            // Ollama tells nothing of its cache.
            let cached = (dialect != Dialect::Ollama).then_some(40);
            assert_eq!(
                (said.text.as_str(), said.end, said.usage.output_tokens),
                ("It is sunny.", Some(EndReason::Stop), Some(7)),
                "{about}"
            );
            assert_eq!(said.usage.input_tokens, Some(90), "{about}");
            assert!(
                said.usage
                    .cached_tokens
                    .is_none_or(|found| found == cached.unwrap_or(0)),
                "{about}"
            );
            for (name, value) in [("model", "a/m"), ("attempts", "1"), ("zone", "machine")] {
                assert_eq!(answer.header(&format!("x-yabby-{name}")), value, "{about}");
            }
            let kind = if stream {
                "text/event-stream"
            } else {
                "application/json"
            };
            assert_eq!(answer.header("content-type"), kind);
        }
        let records: Vec<(Outcome, Option<u32>, bool)> = scene
            .attempts()
            .into_iter()
            .map(|attempt| (attempt.outcome, attempt.usage.output_tokens, attempt.bytes > 0))
            .collect();
        let answered = (Outcome::Answered, Some(7), true);
        assert_eq!(records, [answered.clone(), answered], "{api:?} {dialect:?}");
        let paths: Vec<String> = server.model_calls().iter().map(|call| call.path.clone()).collect();
        assert!(paths.iter().all(|path| path.ends_with(dialect.path())), "{paths:?}");
    }
}

/// The second half of a turn with a tool: the call and its result go there, and another call comes back.
#[tokio::test]
async fn calls_go_both_ways() {
    for (api, dialect) in directions() {
        let (server, scene) = scene(dialect).await;
        for stream in [false, true] {
            let about = format!("{api:?} {dialect:?} {stream}");
            server.reply(script![
                tool_call("call_2", "weather", r#"{"city":"Oslo"}"#),
                usage(9, 3),
                finish("tool_calls")
            ]);
            let body = ask(api, history(api, stream));
            let answer = scene.post(path(api), &body.to_string()).await;
            assert_eq!(answer.status, 200, "{about} {}", answer.text());
            let said = read(api, &answer);
            let [call] = said.calls.try_into().unwrap();
            let ToolCall { id, name, arguments } = call;
            assert_eq!(
                (name.as_str(), &arguments, said.end),
                (
                    "weather",
                    &Map::from_iter([("city".to_owned(), "Oslo".into())]),
                    Some(EndReason::ToolCalls)
                ),
                "{about}"
            );
            // Ollama's calls have no ids.
            assert!(
                id == "call_2" || dialect == Dialect::Ollama && !id.is_empty(),
                "{about} {id}"
            );
            let sent = server.model_calls().pop().unwrap();
            assert_eq!(conversation(dialect, &sent.body), told(dialect), "{about}");
        }
    }
}

/// Fields with a conversation in which a tool was called.
fn history(api: Api, stream: bool) -> Value {
    let arguments = r#"{"city":"Rome"}"#;
    match api {
        Api::Chat => json!({"stream": stream, "tools": tools(api), "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Rome?"},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "18 C"},
        ]}),
        Api::Responses => json!({"stream": stream, "tools": tools(api), "instructions": "Be brief.", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Rome?"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": arguments},
            {"type": "function_call_output", "call_id": "call_1", "output": "18 C"},
        ]}),
        Api::Messages => json!({"stream": stream, "tools": tools(api), "system": "Be brief.", "messages": [
            {"role": "user", "content": "Rome?"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "18 C"}]},
        ]}),
    }
}

/// The same as a server gets it.
fn told(dialect: Dialect) -> Value {
    let arguments = r#"{"city":"Rome"}"#;
    match dialect {
        Dialect::Chat => json!([null, [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Rome?"},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "18 C"},
        ], "weather"]),
        Dialect::Ollama => json!([null, [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Rome?"},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"function": {"name": "weather", "arguments": {"city": "Rome"}}}]},
            {"role": "tool", "tool_name": "weather", "content": "18 C"},
        ], "weather"]),
        Dialect::Responses => json!(["Be brief.", [
            {"role": "user", "content": "Rome?"},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": arguments},
            {"type": "function_call_output", "call_id": "call_1", "output": "18 C"},
        ], "weather"]),
        Dialect::Messages => json!(["Be brief.", [
            {"role": "user", "content": [{"type": "text", "text": "Rome?"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "18 C"}]},
        ], "weather"]),
    }
}

/// Instructions beside the conversation, the conversation, and the name of the tool.
fn conversation(dialect: Dialect, body: &Value) -> Value {
    let tool = &body["tools"][0];
    let (beside, conversation, tool) = match dialect {
        Dialect::Chat | Dialect::Ollama => (&Value::Null, &body["messages"], &tool["function"]),
        Dialect::Responses => (&body["instructions"], &body["input"], tool),
        Dialect::Messages => (&body["system"], &body["messages"], tool),
    };
    json!([beside, conversation, tool["name"]])
}

/// Reasoning comes as the API has it: unasked in Chat, as a summary where one is wanted in Responses, and in Messages not at
/// all, because nobody has signed it.
#[tokio::test]
async fn reasoning_is_shown_as_the_api_has_it() {
    for (api, more, wanted) in [
        (Api::Chat, json!({}), "Hm."),
        (Api::Chat, json!({"reasoning": {"exclude": true}}), ""),
        (Api::Responses, json!({}), ""),
        (Api::Responses, json!({"reasoning": {"summary": "auto"}}), "Hm."),
        (
            Api::Messages,
            json!({"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000}}),
            "",
        ),
    ] {
        let dialect = if api == Api::Chat {
            Dialect::Responses
        } else {
            Dialect::Chat
        };
        let (server, scene) = scene(dialect).await;
        for stream in [false, true] {
            server.reply(script![reasoning("Hm."), text("Yes."), usage(9, 3), finish("stop")]);
            let mut body = ask(api, more.clone());
            body["stream"] = stream.into();
            let answer = scene.post(path(api), &body.to_string()).await;
            assert_eq!(
                Said {
                    usage: Usage::default(),
                    ..read(api, &answer)
                },
                Said {
                    text: "Yes.".to_owned(),
                    reasoning: wanted.to_owned(),
                    end: Some(EndReason::Stop),
                    ..Said::default()
                },
                "{api:?} {more} {stream} {}",
                answer.text()
            );
            assert!(
                api != Api::Messages || !answer.text().contains("thinking"),
                "{}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn what_the_config_says_of_a_model_goes_along() {
    let server = ModelServer::start().await;
    let config = json!({
        "models": {"providers": {"openrouter": {
            "baseUrl": server.base_url(), "api": "openai-completions", "apiKey": "k",
            "models": [{"id": "x/m", "params": {"provider": {"only": ["eu"]}, "extra_body": {"min_p": 0.1}}}],
        }}},
    });
    let scene = crate::scene::Scene::with_config(&config.to_string()).await;
    let mut body = ask(Api::Messages, json!({"provider": {"only": ["us"]}, "temperature": 0.5}));
    body["model"] = "openrouter/x/m".into();
    let answer = scene.post("/v1/messages", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = server.model_calls()[0].body.clone();
    assert_eq!(
        (
            &sent["provider"],
            &sent["min_p"],
            &sent["temperature"],
            &sent["max_tokens"]
        ),
        (&json!({"only": ["eu"]}), &json!(0.1), &json!(0.5), &json!(99))
    );
    assert_eq!(server.model_calls()[0].header("authorization"), Some("Bearer k"));
    // It is told what the model was not.
    assert_eq!(answer.header("x-yabby-left-out"), "provider");
}
