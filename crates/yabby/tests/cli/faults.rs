//! Servers that break: an answer or an honest error in bounded time, never a hang.

use std::time::{Duration, Instant};

use yabby_testkit::{Fault, ModelServer, script, step::error_event};

use crate::home::Home;

#[test]
fn a_server_that_dies_in_the_middle_of_an_answer() {
    for (api, ends) in [
        (
            "openai-completions",
            vec![
                script![text("Half an "), rst()],
                script![text("Half an "), close()],
                script![text("Half an "), end()],
            ],
        ),
        ("openai-responses", vec![script![text("Half an "), end()]]),
        ("anthropic-messages", vec![script![text("Half an "), rst()]]),
    ] {
        let server = ModelServer::start_on_thread();
        let home = Home::with_box(&server.base_url(), api);
        // It breaks, is asked to go on, and breaks again.
        let breaks = |end: yabby_testkit::Reply| {
            server.reply(end);
            server.reply(script![rst()]);
            server.reply(script![rst()]);
        };
        for end in ends {
            breaks(end);
            let ran = home.run(&["ask", "Hello?"]);
            assert_eq!(
                (ran.code, ran.stdout.as_str()),
                (Some(3), "Half an \n"),
                "{api}: {}",
                ran.stderr
            );
            assert!(
                ran.stderr.contains("the answer above is not complete"),
                "{}",
                ran.stderr
            );
        }
        breaks(script![text("Half an "), rst()]);
        let json = home.run(&["ask", "Hello?", "--json"]);
        let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(object["errors"][0]["kind"], "interrupted", "{api} {object}");
        assert_eq!(object["partial"], "Half an ", "{api}");
        server.reply(script![text("Half an "), rst()]);
        server.reply(script![text("answer."), finish("stop")]);
        let ran = home.run(&["ask", "Hello?"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Half an answer.\n"), "{api}");
    }
}

#[test]
fn an_error_inside_the_stream() {
    let server = ModelServer::start_on_thread();
    let crash =
        || error_event(serde_json::json!({"message": "the engine crashed", "type": "server_error", "code": 500}));
    server.chat(script![text("Half "), crash()]);
    // It is asked to go on, twice.
    server.chat(script![crash()]);
    server.chat(script![crash()]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "Half \n"));
    insta::assert_snapshot!(home.stable(&ran.stderr));
}

#[test]
fn a_model_that_is_being_loaded_is_waited_for() {
    let server = ModelServer::start_on_thread();
    server.fault(Fault::LoadingFor(2));
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
}

#[test]
fn an_empty_answer_is_an_error() {
    let server = ModelServer::start_on_thread();
    for _ in 0..4 {
        server.chat(script![reasoning("Hm."), finish("stop")]);
    }
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!(ran.code, Some(3));
    insta::assert_snapshot!(ran.stderr, @r"
    · box/m1 thought without answering; asked again without thinking
    error: box/m1: the model gave an empty answer
    hint: ask again, or raise maxTokens for this model
    ");
}

#[test]
fn a_server_that_hangs_on_every_path_is_given_up_after_ten_seconds() {
    let server = ModelServer::start_on_thread();
    server.fault(Fault::HangAllPaths);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let start = Instant::now();
    let ran = home.run(&["ask", "Hello?"]);
    let took = start.elapsed();
    assert_eq!(ran.code, Some(3));
    // The time is the feature; the margin is for a busy machine.
    assert!(took < Duration::from_secs(30), "{took:?}");
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    · waiting for m1
    error: box/m1: http://127.0.0.1:PORT/v1 gave no sign of life within 4 s
    hint: look into the server's log, or restart it
    ");
}

#[test]
fn timeout_seconds_of_the_config_is_the_whole_time() {
    let server = ModelServer::start_on_thread();
    server.fault(Fault::HangModelCalls);
    let home = Home::with_config(&format!(
        r#"{{ models: {{ providers: {{ box: {{ baseUrl: "{}", timeoutSeconds: 1, models: [{{ id: "m1" }}] }} }} }} }}"#,
        server.base_url()
    ));
    let start = Instant::now();
    let ran = home.run(&["ask", "Hello?"]);
    let took = start.elapsed();
    assert_eq!(ran.code, Some(3));
    // One second was asked for; the margin is for a busy machine.
    assert!(took < Duration::from_secs(15), "{took:?}");
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    error: box/m1: http://127.0.0.1:PORT/v1 did not finish within 1 s
    hint: raise models.providers.box.timeoutSeconds, or use a faster model
    ");
}

#[test]
fn ctrl_c_stops_the_answer_and_closes_the_connection() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("On and "), hang()]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut running = home.spawn(&["ask", "Hello?"]);
    running.has_printed(7);
    let stopped = std::process::Command::new("kill")
        .args(["-INT", &running.child().id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    let ran = running.ran();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""));
    let log = server.model_calls();
    assert_eq!(log.len(), 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.model_calls()[0].closed_early {
        assert!(Instant::now() < deadline, "the connection is still open");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Once in a chat, in both languages; and with `--explain`.
#[test]
fn m33_another_model_than_asked_is_told() {
    let server = ModelServer::start_on_thread();
    server.served_as("other-7b");
    for lang in ["en", "zh-TW"] {
        let home = Home::with_box(&server.base_url(), "openai-completions").var("YABBY_LANG", lang);
        let asked = home.run(&["ask", "--explain", "Hello?"]);
        let chatted = home.pipe(&["up"], "Hello?\nAgain?\n");
        // The time differs.
        let last = asked.stderr.lines().last().unwrap_or_default();
        let end = last.find("other-7b").map_or(0, |at| at + "other-7b".len());
        let last = last.get(..end).unwrap_or_default();
        let notice = asked.stderr.lines().next().unwrap_or_default();
        insta::assert_snapshot!(format!("m33_{lang}"), format!("{notice}\n{last}\n\n{}", chatted.stderr));
    }
}
