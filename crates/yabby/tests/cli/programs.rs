//! The assistant behind the model APIs.

use std::{fs, io::Read as _};

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, script};

use crate::{client::Served, home::Home};

fn desk() -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    fs::create_dir(home.path().join("workspace")).unwrap();
    fs::write(home.path().join("workspace/notes.txt"), "The code word is marmalade.\n").unwrap();
    (server, home)
}

fn chat(messages: &Value) -> Value {
    json!({"model": "yabby", "messages": messages})
}

#[test]
fn three_apis_are_answered_by_the_assistant() {
    let (server, home) = desk();
    server.chat(script![tool_call("c1", "read", r#"{"path":"notes.txt"}"#)]);
    server.chat("It is marmalade.");
    server.chat("Two.");
    server.chat("Three.");
    let served = Served::start(&home);
    let messages = json!([
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "what is the code word?"},
    ]);
    let (status, answer) = served.call("POST", "/v1/chat/completions", Some(&chat(&messages)));
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"], &answer["object"]),
        (200, &json!("It is marmalade."), &json!("chat.completion"))
    );
    // The tools are ours; what the client has said before, and what it wants, is there.
    let sent = server.model_calls()[0].body["messages"].to_string();
    for said in ["Be short.", "\"hi\"", "hello", "what is the code word?"] {
        assert!(sent.contains(said), "{said} is not in {sent}");
    }
    let (status, answer) = served.call(
        "POST",
        "/v1/responses",
        Some(&json!({"model": "openclaw/main", "input": "two"})),
    );
    assert_eq!(
        (status, &answer["output"][0]["content"][0]["text"]),
        (200, &json!("Two."))
    );
    let (status, answer) = served.call(
        "POST",
        "/v1/messages",
        Some(&json!({"model": "yabby/main", "max_tokens": 9, "messages": [{"role": "user", "content": "three"}]})),
    );
    assert_eq!((status, &answer["content"][0]["text"]), (200, &json!("Three.")));
}

#[test]
fn a_session_goes_on_and_a_response_too() {
    let (server, home) = desk();
    for answer in ["One.", "Two.", "Three.", "Four."] {
        server.chat(answer);
    }
    let served = Served::start(&home);
    let say = |text: &str| {
        let body = chat(&json!([{"role": "user", "content": text}]));
        served.call_with(
            "POST",
            "/v1/chat/completions",
            "x-openclaw-session-key: project\r\n",
            Some(&body),
        )
    };
    assert_eq!(say("first").0, 200);
    assert_eq!(say("second").0, 200);
    let sent = server.model_calls()[1].body["messages"].to_string();
    assert!(
        sent.contains("first") && sent.contains("One.") && sent.contains("second"),
        "{sent}"
    );
    let respond = |text: &str, previous: Option<&str>| {
        let mut body = json!({"model": "yabby", "input": text});
        if let Some(previous) = previous {
            body["previous_response_id"] = previous.into();
        }
        served.call("POST", "/v1/responses", Some(&body))
    };
    let (status, third) = respond("third", None);
    assert_eq!(status, 200, "{third}");
    let id = third["id"].as_str().unwrap();
    let (status, fourth) = respond("fourth", Some(id));
    assert_eq!(status, 200, "{fourth}");
    let sent = server.model_calls()[3].body["messages"].to_string();
    assert!(sent.contains("third") && !sent.contains("second"), "{sent}");
    // It has been gone on from already: another end would be mixed up with it.
    let (status, error) = respond("fifth", Some(id));
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("previous_response_not_found"))
    );
}

#[test]
fn a_stream_is_complete_and_a_failure_is_told_in_it() {
    let (server, home) = desk();
    server.chat(script![text("Hel"), text("lo.")]);
    let served = Served::start(&home);
    let mut body = chat(&json!([{"role": "user", "content": "hi"}]));
    body["stream"] = true.into();
    let mut answer = String::new();
    served
        .ask("POST", "/v1/chat/completions", "", Some(&body))
        .read_to_string(&mut answer)
        .unwrap();
    assert!(
        answer.contains("\"Hel\"") && answer.contains("lo.") && answer.contains("data: [DONE]"),
        "{answer}"
    );
    // Nobody is there any more.
    drop(server);
    let (status, error) = served.call(
        "POST",
        "/v1/chat/completions",
        Some(&chat(&json!([{"role": "user", "content": "again"}]))),
    );
    assert_eq!((status, &error["error"]["code"]), (502, &json!("no_answer")), "{error}");
}

#[test]
fn whoever_leaves_frees_the_server() {
    let (server, home) = desk();
    server.chat(script![text("Hel"), sleep_ms(20_000), text("lo.")]);
    server.chat("After.");
    let served = Served::start(&home);
    let mut body = chat(&json!([{"role": "user", "content": "hi"}]));
    body["stream"] = true.into();
    let mut stream = served.ask(
        "POST",
        "/v1/chat/completions",
        "x-yabby-session-key: left\r\n",
        Some(&body),
    );
    let mut seen = Vec::new();
    while !seen.windows(3).any(|three| three == b"Hel") {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).unwrap();
        seen.extend_from_slice(&piece[..read]);
    }
    drop(stream);
    // The conversation is free again long before the slow answer would have been.
    let there = "/api/conversations/agent%3Amain%3Aleft";
    for _ in 0..500 {
        if served.get(there)["running"] == false {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let next = chat(&json!([{"role": "user", "content": "next"}]));
    let (status, answer) = served.call_with(
        "POST",
        "/v1/chat/completions",
        "x-yabby-session-key: left\r\n",
        Some(&next),
    );
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"]),
        (200, &json!("After.")),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_is_refused_in_the_shape_of_the_api() {
    let (_server, home) = desk();
    let served = Served::start(&home);
    let user = json!([{"role": "user", "content": "x"}]);
    let told = [
        (
            "/v1/chat/completions",
            json!({"model": "yabby/nobody", "messages": user}),
        ),
        (
            "/v1/chat/completions",
            json!({"model": "yabby", "messages": [{"role": "assistant", "content": "x"}]}),
        ),
        (
            "/v1/chat/completions",
            json!({"model": "yabby", "messages": user, "tool_choice": "required",
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "yabby", "input": "x", "previous_response_id": "resp_none"}),
        ),
        ("/v1/messages", json!({"model": "yabby", "messages": 7})),
    ];
    let told: Vec<String> = told
        .iter()
        .map(|(path, body)| {
            let (status, answer) = served.call("POST", path, Some(body));
            format!("{status} {answer}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_model_that_is_not_known_leaves_the_conversation_free() {
    let (server, home) = desk();
    server.chat("Hello.");
    let served = Served::start(&home);
    let say = |model: &str| {
        let headers = format!("x-yabby-session-key: s\r\nx-yabby-model: {model}\r\n");
        let body = chat(&json!([{"role": "user", "content": "hi"}]));
        served
            .call_with("POST", "/v1/chat/completions", &headers, Some(&body))
            .0
    };
    assert_eq!((say("nobody"), say("box/m1")), (404, 200));
}

/// What is said to an agent counts as said by its owner.
#[test]
fn only_a_key_that_may_operate_talks_to_an_agent() {
    let (server, home) = desk();
    server.chat("Hello.");
    let mut served = Served::start(&home);
    let body = chat(&json!([{"role": "user", "content": "/approve all"}]));
    for (arguments, expected) in [
        (&["--operate"][..], 200),
        (&[], 403),
        (&["--operate", "--agents", "other"], 403),
    ] {
        let made = home.run(&[&["keys", "add", "--json", "--name", "a"], arguments].concat());
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        made["key"].as_str().unwrap().clone_into(&mut served.key);
        // The gateway hears of a new key within half a second.
        let status = || served.call("POST", "/v1/chat/completions", Some(&body)).0;
        for _ in 0..100 {
            if status() != 401 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(status(), expected, "{arguments:?}");
    }
}

#[test]
fn an_answer_that_was_cut_is_no_whole_one() {
    let (server, home) = desk();
    let served = Served::start(&home);
    let cut = || server.chat(script![text("Once upon a"), finish("length")]);
    let user = json!([{"role": "user", "content": "tell me a story"}]);
    cut();
    let (_, answer) = served.call("POST", "/v1/chat/completions", Some(&chat(&user)));
    assert_eq!(answer["choices"][0]["finish_reason"], "length", "{answer}");
    cut();
    let (_, answer) = served.call(
        "POST",
        "/v1/responses",
        Some(&json!({"model": "yabby", "input": "go on"})),
    );
    assert_eq!(
        (&answer["status"], &answer["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens")),
        "{answer}"
    );
    cut();
    let body = json!({"model": "yabby", "max_tokens": 99, "messages": user});
    let (_, answer) = served.call("POST", "/v1/messages", Some(&body));
    assert_eq!(answer["stop_reason"], "max_tokens", "{answer}");
}
