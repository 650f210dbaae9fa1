//! The assistant in the chat: tools, questions, commands, as a person sees them.

use std::fs;

use yabby_testkit::{ModelServer, script};

use crate::{
    home::{Home, provider},
    setup::llama_cpp,
};

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

/// A small model writes a call as its answer, of a tool that there is not or that it does not see.
#[test]
fn a_call_in_words_is_no_answer() {
    let (server, home) = desk();
    server.chat(r#"{"name": "get_weather", "arguments": {"city": "Taipei"}}"#);
    server.chat("```json\n{\"name\": \"session_status\", \"arguments\": {}}\n```");
    server.chat("All is well.");
    let ran = home.pipe(&["up"], "how are you?\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "All is well.\n"),
        "{}",
        ran.stderr
    );
    let calls = server.model_calls();
    let result = |at: usize| calls[at].body["messages"].as_array().unwrap().last().unwrap()["content"].to_string();
    assert!(
        result(1).contains("[not run: the tool `get_weather` does not exist; there are: "),
        "{}",
        result(1)
    );
    assert!(
        result(2).contains("box/m1") && !result(2).contains("not run"),
        "{}",
        result(2)
    );
    // Who asks for it gets it.
    let call = r#"{"name": "get_weather", "arguments": {}}"#;
    server.chat(call);
    let ran = home.pipe(&["up"], "show me a call as JSON\n");
    assert_eq!(ran.stdout.trim_end(), call, "{}", ran.stderr);
}

/// The very same call that cannot be run comes to an end.
#[test]
fn a_call_that_cannot_be_run_is_not_made_for_ever() {
    let (server, home) = desk();
    server.default_reply(r#"{"name": "get_weather", "arguments": {}}"#);
    let ran = home.pipe(&["up"], "how is the weather?\n");
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("the model made the same call again and again"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.model_calls().len(), 3);
}

#[test]
fn who_says_that_it_cannot_is_told_to_look_whatever_way_tools_are_offered() {
    let server = ModelServer::start_on_thread();
    let config = provider("box", &server.base_url(), "openai-completions");
    let home = Home::with_config(&config.replace("maxTokens", "params: { toolMode: 'constrained' }, maxTokens"));
    fs::create_dir(home.path().join("workspace")).unwrap();
    fs::write(home.path().join("workspace/notes.txt"), "The code word is marmalade.\n").unwrap();
    server.chat(r#"{"answer": "I'm sorry, but I don't have the ability to read files."}"#);
    server.chat(r#"{"tool": "read", "arguments": {"path": "notes.txt"}}"#);
    server.chat(r#"{"answer": "It is marmalade."}"#);
    let ran = home.pipe(&["up"], "which code word is in notes.txt?\n");
    assert!(
        ran.stdout.ends_with("\nIt is marmalade.\n"),
        "{}\n{}",
        ran.stdout,
        ran.stderr
    );
    let calls = server.model_calls();
    let hint = calls[1].body["messages"].as_array().unwrap().last().unwrap();
    assert!(hint["content"].as_str().unwrap().contains("You have tools"), "{hint}");
}

#[test]
fn what_was_done_is_told_where_no_answer_comes() {
    let (server, home) = desk();
    server.chat(script![tool_call("c1", "read", r#"{"path":"notes.txt"}"#)]);
    server.default_reply(script![finish("stop")]);
    let ran = home.pipe(&["up"], "read it\n");
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    · read …
    · I could not answer: box/m1: the model gave an empty answer; ask again, or raise maxTokens for this model
    these tools had done their work before: read
    ");
}

#[test]
fn an_answer_that_was_cut_says_so() {
    let (server, home) = desk();
    server.chat(script![text("On and on"), finish("length")]);
    let ran = home.pipe(&["up"], "tell me\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "On and on\n"),
        "{}",
        ran.stderr
    );
    insta::assert_snapshot!(home.stable(&ran.stderr), @"· the answer was cut: it reached the most tokens that it may have; say “go on” to have it continued, or raise maxTokens for box/m1");
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

#[test]
fn the_clock_and_the_window_are_those_of_the_config() {
    let server = ModelServer::start_on_thread();
    let config = provider("box", &server.base_url(), "openai-completions");
    let defaults = "agents: { defaults: { userTimezone: 'CST-8', timeFormat: '12', contextTokens: 4096 } },";
    let home = Home::with_config(&config.replacen('{', &format!("{{ {defaults}"), 1));
    server.chat("Hello.");
    let ran = home.pipe(&["up"], "hi\n/status\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains(" of 4096 tokens"), "{}", ran.stderr);
    let said = server.model_calls()[0].body["messages"].to_string();
    assert!(said.contains("M +08:00]"), "{said}");
}

/// The server as it is played has a model of 97 MB.
#[test]
fn a_tiny_model_gets_tools_when_the_config_says_so() {
    let server = llama_cpp(8192);
    server.default_reply("Hello.");
    let config = provider("box", &server.base_url(), "openai-completions").replace("m1", "qwen3-8b");
    let home = Home::with_config(&config);
    let ran = home.pipe(&["up"], "/tools\nhi\n");
    assert!(ran.stderr.contains("this agent has no tools"), "{}", ran.stderr);
    // What the same conversation shows another model, it gets with its tools.
    home.write(
        "yabby.json5",
        &config.replace("maxTokens", "compat: { supportsTools: true }, maxTokens"),
    );
    let ran = home.pipe(&["up"], "/tools\nhi\n");
    assert!(ran.stderr.contains("tools: "), "{}", ran.stderr);
    let calls = server.model_calls();
    let tools = |at: usize| calls[at].body["tools"].as_array().map_or(0, Vec::len);
    assert!(
        tools(0) == 0 && tools(calls.len() - 1) > 2,
        "{} {}",
        tools(0),
        tools(calls.len() - 1)
    );
}
