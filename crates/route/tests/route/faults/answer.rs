//! Answers without a word, and prompts that do not fit: M14, M15, M17.

use serde_json::{Value, json};
use yabby_core::{ErrorKind, Message, ModelRequest};
use yabby_testkit::{Dialect, Fault, ModelServer, Reply, script};

use super::{calls, kinds, seconds, timed, two};
use crate::{
    live::clock::fast,
    scene::{Process, hello},
};

/// The bodies that a server saw, each with what it has beyond the first; `nudged` when its last message says that the answer
/// was empty.
fn bodies(server: &ModelServer) -> Vec<Value> {
    let calls = server.model_calls();
    let first = calls[0].body.as_object().unwrap().clone();
    let more = |body: &Value| {
        let mut more = body.as_object().unwrap().clone();
        for (name, value) in &first {
            let mut now = more.remove(name).unwrap_or_default();
            if name == "messages" && now != *value {
                let last = now.as_array_mut().unwrap().last_mut().unwrap();
                let said = last["content"].as_str().unwrap();
                let before = said.strip_suffix("\n\n[The last answer was empty. Answer now.]");
                last["content"] = json!(before.unwrap());
                more.insert("nudged".to_owned(), json!(true));
            }
            assert_eq!(now, *value, "{name} was changed");
        }
        Value::Object(more)
    };
    calls.iter().map(|call| more(&call.body)).collect()
}

#[tokio::test]
async fn m14_thoughts_without_an_answer() {
    let off = json!({"chat_template_kwargs": {"enable_thinking": false}});
    let effort = json!({"reasoning_effort": "none"});
    for reason in ["stop", "length"] {
        let silent = || -> Reply { script![reasoning("Hm, "), reasoning("well."), finish(reason)] };
        // Without thoughts it answers.
        let (server, other) = two().await;
        server.chat(silent());
        let seen = Process::of(&[&server, &other], "").turn(hello()).await;
        assert_eq!((seen.text(), calls([&server, &other])), ("ok", [2, 0]), "{reason}");
        assert_eq!(bodies(&server), [json!({}), off.clone()], "{reason}");
        assert_eq!(
            seen.notices,
            ["p0/m thought without answering; asked again without thinking"]
        );
        // It never does: the other switch, once more, and the next.
        let (server, other) = two().await;
        server.default_reply(silent());
        let seen = Process::of(&[&server, &other], "").turn(hello()).await;
        assert_eq!((seen.text(), kinds(&seen)), ("ok", vec![ErrorKind::Empty]), "{reason}");
        assert_eq!(
            bodies(&server),
            [
                json!({}),
                off.clone(),
                effort.clone(),
                json!({"reasoning_effort": "none", "nudged": true})
            ],
            "{reason}"
        );
        assert_eq!(other.model_calls()[0].body, server.model_calls()[0].body, "{reason}");
        // Nobody does: it is told.
        let seen = Process::of(&[&server], "").turn(hello()).await;
        assert_eq!(
            (kinds(&seen), seen.shown().as_str()),
            (vec![ErrorKind::Empty], ""),
            "{reason}"
        );
        assert_eq!(server.model_calls().len(), 8, "{reason}");
    }
}

#[tokio::test]
async fn m14_nothing_at_all() {
    let nothing: [Reply; 4] = [
        script![finish("stop")],
        script![usage(0, 0), finish("stop")],
        script![text(""), no_usage(), finish("stop")],
        script![text(" \n\n"), finish("stop")],
    ];
    for reply in nothing {
        // Once more, with a word about it.
        let (server, other) = two().await;
        server.chat(reply.clone());
        let seen = Process::of(&[&server, &other], "").turn(hello()).await;
        assert_eq!((seen.text(), calls([&server, &other])), ("ok", [2, 0]), "{reply:?}");
        assert_eq!(bodies(&server), [json!({}), json!({"nudged": true})], "{reply:?}");
        // Then the next, and then the truth.
        let (server, other) = two().await;
        server.default_reply(reply.clone());
        let seen = Process::of(&[&server, &other], "").turn(hello()).await;
        assert_eq!((seen.text(), seen.shown().as_str()), ("ok", "ok"), "{reply:?}");
        assert_eq!(
            (kinds(&seen), calls([&server, &other])),
            (vec![ErrorKind::Empty], [2, 1]),
            "{reply:?}"
        );
        other.default_reply(reply.clone());
        let seen = Process::of(&[&server, &other], "").turn(hello()).await;
        assert_eq!(
            (kinds(&seen), calls([&server, &other])),
            (vec![ErrorKind::Empty; 2], [4, 3]),
            "{reply:?}"
        );
        assert_eq!(seen.shown(), "", "{reply:?}");
    }
}

/// What leaves nothing to chance would be answered the same.
#[tokio::test]
async fn m14_a_cold_model_is_asked_warmer() {
    let server = ModelServer::start().await;
    server.chat(script![finish("stop")]);
    let cold = ModelRequest {
        temperature: Some(0.0),
        ..hello()
    };
    let seen = Process::of(&[&server], "").turn(cold).await;
    let sent = server.model_calls();
    let temperatures: Vec<&Value> = sent.iter().map(|call| &call.body["temperature"]).collect();
    assert_eq!((seen.text(), temperatures), ("ok", vec![&json!(0.0), &json!(0.7)]));
}

/// A conversation with something to leave out.
fn conversation() -> ModelRequest {
    let long = "The quick brown fox jumps over the lazy dog, again and again and again. ".repeat(20);
    let mut messages = Vec::new();
    for _ in 0..8 {
        messages.extend([Message::user(long.clone()), Message::assistant("Yes.")]);
    }
    messages.push(Message::user("And now?"));
    ModelRequest {
        messages,
        ..ModelRequest::default()
    }
}

/// A server that refuses whatever is left: it is asked at most twice more, and not at all without a number.
#[tokio::test]
async fn m15_too_long_however_short() {
    fast(async {
        for (dialect, most) in [(Dialect::LlamaCpp, 3), (Dialect::OpenAi, 1)] {
            let (server, other) = two().await;
            server.fault(Fault::Overflow {
                dialect,
                prompt: 9000,
                window: 2048,
            });
            let process = Process::of(&[&server, &other], "");
            let (seen, took) = timed(&process, conversation()).await;
            assert_eq!(
                (seen.text(), kinds(&seen)),
                ("ok", vec![ErrorKind::ContextOverflow]),
                "{dialect:?}"
            );
            assert_eq!(calls([&server, &other]), [most, 1], "{dialect:?}");
            assert!(took < seconds(2), "{dialect:?}: {took:?}");
            let lengths: Vec<usize> = server.model_calls().iter().map(|call| call.raw.len()).collect();
            assert!(lengths.windows(2).all(|pair| pair[1] < pair[0]), "{lengths:?}");
            // What the next one gets is whole.
            let sent = other.model_calls()[0].body["messages"].as_array().unwrap().len();
            assert_eq!(sent, 17, "{dialect:?}");
            // Alone: an honest end.
            let seen = Process::of(&[&server], "").turn(conversation()).await;
            assert_eq!(kinds(&seen), [ErrorKind::ContextOverflow], "{dialect:?}");
            assert_eq!(server.model_calls().len(), most + 3, "{dialect:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn m15_too_long_once() {
    for dialect in [Dialect::LlamaCpp, Dialect::Vllm] {
        let server = ModelServer::start().await;
        server.fault_once(Fault::Overflow {
            dialect,
            prompt: 9000,
            window: 2048,
        });
        let process = Process::of(&[&server], "");
        let seen = process.turn(conversation()).await;
        assert_eq!((seen.text(), server.model_calls().len()), ("ok", 2), "{dialect:?}");
        let window = process.fleet.endpoint("p0").unwrap().window("m").unwrap();
        assert_eq!(window.value, 2048, "{dialect:?}");
        // It is known now: nothing is refused again.
        let seen = process.turn(conversation()).await;
        assert_eq!((seen.text(), server.model_calls().len()), ("ok", 3), "{dialect:?}");
    }
}

/// The steps themselves are in `ladder`.
#[tokio::test]
async fn m17_template_errors_are_no_overflow() {
    for words in [
        "System message must be at the beginning.",
        "No user query found in messages.",
        "Conversation roles must alternate user/assistant/user/assistant/...",
    ] {
        let (server, other) = two().await;
        let body = json!({"error": {"code": 500, "message": words, "type": "server_error"}});
        server.fault_once(Fault::Status(500, body.to_string()));
        let process = Process::of(&[&server, &other], "");
        let mut request = conversation();
        request.system = Some("Be brief.".to_owned());
        let seen = process.turn(request).await;
        assert_eq!(
            (seen.text(), seen.outcomes()),
            ("ok", ["template", "answered"].map(String::from).to_vec()),
            "{words}"
        );
        assert!(calls([&server, &other]).iter().sum::<usize>() == 2, "{words}");
        // Nothing was left out, and no window is believed.
        let last = if other.model_calls().is_empty() {
            &server
        } else {
            &other
        };
        let sent = last.model_calls().last().unwrap().raw.len();
        assert!(sent + 200 > server.model_calls()[0].raw.len(), "{words}");
        assert!(process.fleet.endpoint("p0").unwrap().window("m").is_none(), "{words}");
    }
}
