//! The assistant in the chat: tools, questions, commands, as a person sees them.

use std::fs;

use yabby_testkit::{ModelServer, script};

use crate::home::Home;

/// A server that says this, and a home whose workspace has a file.
fn desk() -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    fs::create_dir(home.path().join("workspace")).unwrap();
    fs::write(home.path().join("workspace/notes.txt"), "The code word is marmalade.\n").unwrap();
    (server, home)
}

#[test]
fn a_file_is_read_and_changed_and_that_is_shown() {
    let (server, home) = desk();
    server.chat(script![tool_call("c1", "read", r#"{"path":"notes.txt"}"#)]);
    server.chat(script![tool_call(
        "c2",
        "edit",
        r#"{"path":"notes.txt","oldText":"marmalade","newText":"honey"}"#
    )]);
    server.chat("It was marmalade, and is honey now.");
    let ran = home.pipe(&["up"], "change the code word to honey\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "It was marmalade, and is honey now.\n"),
        "{}",
        ran.stderr
    );
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    · read …
    · edit …
    · edit: 1 line changed in notes.txt
    ");
    let changed = fs::read_to_string(home.path().join("workspace/notes.txt")).unwrap();
    assert_eq!(changed, "The code word is honey.\n");
    let calls = server.model_calls();
    let result = calls[1].body["messages"].as_array().unwrap().last().unwrap();
    assert!(result["content"].as_str().unwrap().contains("marmalade"), "{result}");
    // Each request goes on where the one before has ended.
    let begin = |at: usize| calls[at].body["messages"].as_array().unwrap().clone();
    assert!(begin(1).starts_with(&begin(0)) && begin(2).starts_with(&begin(1)));
    assert_eq!(calls[0].body["tools"], calls[2].body["tools"]);
}

#[test]
fn a_command_waits_for_the_owner() {
    let (server, home) = desk();
    server.chat(script![tool_call(
        "c1",
        "exec",
        r#"{"command":"cat notes.txt; touch ran"}"#
    )]);
    let ran = home.pipe(&["up"], "read it with cat\n");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("May I run this command?\ncat notes.txt; touch ran"),
        "{}",
        ran.stderr
    );
    assert!(!home.path().join("workspace/ran").exists());

    server.chat(script![tool_call(
        "c1",
        "exec",
        r#"{"command":"cat notes.txt; touch ran"}"#
    )]);
    server.chat("Done as you allowed.");
    let ran = home.pipe(&["up"], "again\n是\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "Done as you allowed.\n"),
        "{}",
        ran.stderr
    );
    assert!(home.path().join("workspace/ran").exists());
    let calls = server.model_calls();
    let result = calls.last().unwrap().body["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    assert!(result["content"].as_str().unwrap().contains("marmalade"), "{result}");
}

#[test]
fn commands_are_obeyed_and_what_they_set_stays() {
    let (_server, home) = desk();
    let ran = home.pipe(
        &["up", "--session", "work"],
        "/queue collect\n/status\n/model nothing\n/tools\n",
    );
    let again = home.pipe(&["up", "--session", "work"], "/queue\n");
    insta::assert_snapshot!(home.stable(&format!("{}{}", ran.stderr, again.stderr)));
    assert_eq!((ran.code, again.code), (Some(0), Some(0)));
}
