//! `yabby up` without a terminal: it answers the lines that it reads.

use std::time::Duration;

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, ServerKind, dead_url, script, step::data};

use crate::{
    home::{Home, spoken},
    running::Running,
};

/// No run takes as long, also on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn lines_are_a_conversation() {
    let server = ModelServer::start_on_thread();
    server.chat("One.");
    server.chat(script![text("Two.\n")]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.pipe(&["up"], "first\n\nsecond\n/new\nthird\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "One.\nTwo.\nok\n"),
        "{}",
        ran.stderr
    );
    let calls = server.model_calls();
    assert_eq!(
        spoken(&calls[1].body["messages"]),
        json!([
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "One."},
            {"role": "user", "content": "second"},
        ])
    );
    assert_eq!(
        spoken(&calls[2].body["messages"]),
        json!([{"role": "user", "content": "third"}])
    );
    // The second request begins with the bytes of the first one's conversation: a server's prefix cache serves it.
    let first = calls[0].raw.strip_suffix(b"]}").unwrap();
    assert!(calls[1].raw.starts_with(first));
}

#[test]
fn a_failed_line_is_told_and_the_next_one_is_tried() {
    let server = ModelServer::start_on_thread();
    server.answer_with(400, "application/json", r#"{"error":{"message":"out of memory"}}"#);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.pipe(&["up"], "first\nsecond\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "ok\n"));
    assert!(ran.stderr.contains("out of memory"), "{}", ran.stderr);
    assert_eq!(
        spoken(&server.model_calls()[1].body["messages"]),
        json!([{"role": "user", "content": "second"}])
    );
}

#[test]
fn input_that_is_not_text_is_told() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.pipe(&["up"], b"first\n\xff\xfe\nthird\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), "ok\n"), "{}", ran.stderr);
    insta::assert_snapshot!(ran.stderr, @r"
    error: standard input cannot be read: stream did not contain valid UTF-8
    hint: it must be UTF-8 text
    ");
    assert_eq!(server.model_calls().len(), 1);
}

#[test]
fn a_configured_server_that_is_off_is_told() {
    let home = Home::with_box(&dead_url(), "openai-completions");
    let ran = home.pipe(&["up"], "hello\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(home.stable(&ran.stderr), @"· I could not answer: box/m1: nothing listens at http://127.0.0.1:PORT/v1; start the model server, or correct the port in baseUrl (http://127.0.0.1:PORT/v1)");
}

#[test]
fn a_model_path_must_be_a_gguf_file() {
    let home = Home::new();
    let path = home.write("notes.txt", "not a model");
    let ran = home.run(&["up", "--model-path", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    error: HOME/notes.txt is not a model that can be served: it does not begin with GGUF
    hint: give the path of a GGUF file: yabby up --model-path FILE.gguf
    ");
}

/// Events as in platform.claude.com, "Extended thinking"; not recorded. Another model of the chain must not get what
/// this one signed.
#[test]
fn signed_thoughts_go_back_to_the_model_that_signed_them() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Anthropic);
    server.models(&["m1"]);
    let block = |block: Value| data(json!({"type": "content_block_start", "index": 0, "content_block": block}));
    let delta = |delta: Value| data(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let stop = || data(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}));
    server.messages(script![
        data(json!({"type": "message_start", "message": {"model": "m1"}})),
        block(json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(json!({"type": "thinking_delta", "thinking": "They greet me."})),
        delta(json!({"type": "signature_delta", "signature": "c2lnbmVk"})),
        block(json!({"type": "text", "text": ""})),
        delta(json!({"type": "text_delta", "text": "Hello."})),
        stop(),
    ]);
    server.messages("Bye.");
    let home = Home::with_box(&server.base_url(), "anthropic-messages");
    let ran = home.pipe(&["up"], "Hi\nBye\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "Hello.\nBye.\n"),
        "{}",
        ran.stderr
    );
    let calls = server.model_calls();
    assert_eq!(
        calls[1].body["messages"][1],
        json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "They greet me.", "signature": "c2lnbmVk"},
            {"type": "text", "text": "Hello."},
        ]})
    );
}

#[test]
fn a_named_conversation_goes_on() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    for line in ["one\n", "two\n"] {
        let ran = home.pipe(&["up", "--session", "work"], line);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    }
    assert_eq!(
        spoken(&server.model_calls()[1].body["messages"]),
        json!([
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "two"},
        ])
    );
}

/// Who opens the chat again gets the answer, and need not ask for it.
#[test]
fn what_a_killed_chat_was_asked_is_answered_by_the_next_one() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("On and "), hang()]);
    server.chat("There.");
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let arguments = ["up", "--session", "work"];
    let mut killed = Running::with_input(&mut home.command(&arguments), b"are you there?\n", LIMIT);
    killed.has_printed("On and".len());
    killed.child().kill().unwrap();
    drop(killed);

    let ran = home.pipe(&arguments, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "There.\n"), "{}", ran.stderr);
    insta::assert_snapshot!(home.stable(&ran.stderr), @"· I go on with what I was doing");
    let calls = server.model_calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].raw, calls[1].raw);
    // There is nothing to go on with now.
    let ran = home.pipe(&arguments, "and now?\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
}

/// What makes the chat private is said behind what is gone on with, and takes nothing of it away.
#[test]
fn a_private_chat_goes_on_with_what_a_killed_one_was_asked() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("On and "), hang()]);
    server.chat("There.");
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let arguments = ["up", "--private", "--session", "work"];
    let mut killed = Running::with_input(&mut home.command(&arguments), b"are you there?\n", LIMIT);
    killed.has_printed("On and".len());
    killed.child().kill().unwrap();
    drop(killed);

    let ran = home.pipe(&arguments, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "There.\n"), "{}", ran.stderr);
    insta::assert_snapshot!(home.stable(&ran.stderr), @"· I go on with what I was doing");
    let ran = home.pipe(&arguments, "and now?\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
}
