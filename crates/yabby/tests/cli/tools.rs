//! Settings of tools, as a model meets them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use yabby_testkit::{ModelServer, script};

use crate::home::{Home, Ran};

/// A server, and a home with more of a config.
fn desk(more: &str) -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        r#"{{ {more} models: {{ providers: {{ box: {{ baseUrl: "{}", api: "openai-completions", models: [{{ id: "m1" }}] }} }} }} }}"#,
        server.base_url()
    ));
    let workspace = home.path().join("workspace");
    fs::create_dir_all(&workspace).unwrap();
    (server, home)
}

/// The result of the only call of a turn, as the model gets it.
fn result(server: &ModelServer) -> String {
    let calls = server.model_calls();
    let messages = calls.last().unwrap().body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

fn calls(server: &ModelServer, home: &Home, name: &str, arguments: &serde_json::Value) -> Ran {
    server.chat(script![tool_call("c1", name, &arguments.to_string())]);
    server.chat("So it is.");
    home.pipe(&["up", "--session", "s"], "look\n")
}

#[test]
fn notes_are_found_by_what_they_mean() {
    let (server, home) = desk("");
    server.models(&["m1", "nomic-embed-text"]);
    server.means(&[&["dog", "corgi"], &["rent", "landlord"]]);
    fs::write(
        home.path().join("workspace/MEMORY.md"),
        "# Pets\nMochi is a corgi.\n# Home\nThe landlord is Mr. Huang.\n",
    )
    .unwrap();
    let ran = calls(&server, &home, "memory_search", &json!({"query": "which dog"}));
    assert_eq!(ran.stdout, "So it is.\n", "{}", ran.stderr);
    assert_eq!(result(&server), "MEMORY.md:1-2\n# Pets\nMochi is a corgi.");
    let mut asked: Vec<String> = server
        .requests()
        .iter()
        .filter(|request| request.path == "/v1/embeddings")
        .flat_map(|request| {
            let texts = request.body["input"].as_array().unwrap().clone();
            texts.into_iter().map(|text| text.as_str().unwrap().to_owned())
        })
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "search_document: Home\n# Home\nThe landlord is Mr. Huang.",
            "search_document: Pets\n# Pets\nMochi is a corgi.",
            "search_query: which dog",
        ]
    );
}

#[test]
fn without_an_embedding_model_notes_are_found_by_their_words() {
    let (server, home) = desk("");
    fs::write(home.path().join("workspace/MEMORY.md"), "Mochi is a corgi.\n").unwrap();
    calls(&server, &home, "memory_search", &json!({"query": "corgi"}));
    assert_eq!(
        result(&server),
        "MEMORY.md:1-1\nMochi is a corgi.\n\n(searched by words only)"
    );
    assert_eq!(server.asked("/v1/embeddings"), 0);
}

/// What a private conversation asks for stays near, whomever the config names.
#[test]
fn what_is_private_is_not_embedded_outside() {
    let (server, home) = desk(
        "agents: { defaults: { memorySearch: { remote: { baseUrl: 'https://embeddings.invalid/v1' }, model: 'm' } } },",
    );
    fs::write(home.path().join("workspace/MEMORY.md"), "Mochi is a corgi.\n").unwrap();
    server.chat(script![tool_call("c1", "memory_search", r#"{"query":"corgi"}"#)]);
    server.chat("So it is.");
    let ran = home.pipe(&["up", "--session", "s"], "/private on\nlook\n");
    assert_eq!(ran.stdout, "So it is.\n", "{}", ran.stderr);
    assert_eq!(
        result(&server),
        "MEMORY.md:1-1\nMochi is a corgi.\n\n(searched by words only: the embedding model is away)"
    );
}

#[test]
fn a_model_can_ask_how_its_conversation_is() {
    let (server, home) = desk("");
    let home = home.var("TZ", "UTC");
    server.chat("Hello.");
    home.pipe(&["up", "--session", "s"], "hi\n/queue collect\n/think high\n");
    let ran = calls(&server, &home, "session_status", &json!({}));
    assert_eq!(ran.stdout, "So it is.\n", "{}", ran.stderr);
    let told = result(&server);
    let lines: Vec<&str> = told.lines().collect();
    let [time, model, window, cache, session, queue, thinking] = lines.as_slice() else {
        panic!("{told}")
    };
    assert!(time.starts_with("time: ") && time.ends_with(" +00:00"), "{told}");
    assert_eq!(
        (*model, *cache, *queue, *thinking),
        (
            "model: box/m1",
            "cache: 0 % of the last request were read before",
            "queue: collect",
            "thinking: high"
        ),
        "{told}"
    );
    assert!(
        window.starts_with("window: ") && session.starts_with("session: 2 requests, "),
        "{told}"
    );
}

#[test]
fn a_host_that_cannot_be_blocked_takes_the_tool_away() {
    let has_fetch = |blocked: &str| {
        let (_server, home) = desk(&format!(
            "tools: {{ web: {{ fetch: {{ ssrfPolicy: {{ blockedHostnames: [{blocked}] }} }} }} }},"
        ));
        let ran = home.pipe(&["up", "--session", "s"], "/tools\n");
        assert!(ran.stderr.contains("memory_get"), "{}", ran.stderr);
        ran.stderr.contains("web_fetch")
    };
    assert!(has_fetch("'tracker.example', '*.ads.example'"));
    assert!(!has_fetch("'https://tracker.example/'"));
}

/// A program of the list with plain words is run, once nothing of others was read; anything else is asked about.
#[test]
fn a_program_of_the_owners_list_is_run_without_a_question() {
    let more = r#"tools: { exec: { security: "allowlist", ask: "on-miss", pathPrepend: ["~/programs"] } },"#;
    let run = |more: &str, command: &str, before: Option<&str>| {
        let (server, home) = desk(more);
        let programs = home.path().join("programs");
        fs::create_dir(&programs).unwrap();
        fs::write(programs.join("measure"), "#!/bin/sh\necho \"measured $1\"\n").unwrap();
        fs::set_permissions(programs.join("measure"), fs::Permissions::from_mode(0o755)).unwrap();
        let approvals = json!({"version": 1, "agents": {"main": {"allowlist": [{"pattern": "~/programs/*"}]}}});
        fs::create_dir_all(home.path().join(".openclaw")).unwrap();
        fs::write(home.path().join(".openclaw/exec-approvals.json"), approvals.to_string()).unwrap();
        fs::write(home.path().join("workspace/notes.txt"), "x\n").unwrap();
        if let Some(before) = before {
            server.chat(script![tool_call(
                "c0",
                "exec",
                &json!({"command": before}).to_string()
            )]);
        }
        let ran = calls(&server, &home, "exec", &json!({"command": command}));
        ran.stderr.contains("May I run this command?")
    };
    assert!(!run(more, "measure 5", None));
    for command in [
        "measure 5; touch a",
        "measure $HOME",
        "cat notes.txt",
        "~/programs/measure 5",
    ] {
        assert!(run(more, command, None), "{command}");
    }
    // What a program has said may be anybody's words.
    assert!(run(more, "measure 6", Some("measure 5")));
    assert!(run("", "measure 5", None));
    assert!(run(&more.replace("on-miss", "always"), "measure 5", None));
}
