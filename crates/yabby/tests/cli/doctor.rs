//! `yabby doctor`: every fault with its fix.

use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url};

use crate::home::Home;

#[test]
fn names_the_fix_for_each_fault() {
    let good = ModelServer::start_on_thread();
    good.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    good.models(&["m1"]);
    let locked = ModelServer::start_on_thread();
    locked.fault(Fault::Unauthorized);
    let web = ModelServer::start_on_thread();
    web.fault(Fault::HtmlWith200);
    let deep = ModelServer::start_on_thread();
    deep.route("/proxy/models", 404, "application/json", r#"{"detail":"Not Found"}"#);
    deep.route(
        "/proxy/v1/models",
        200,
        "application/json",
        r#"{"object":"list","data":[{"id":"m1"}]}"#,
    );
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ model: {{ primary: "good/m1", fallbacks: ["openai/gpt-5"] }} }} }},
  models: {{ providers: {{
    good: {{ baseUrl: "{}", models: [{{ id: "m1", contextWindow: 131072 }}, {{ id: "m-1" }}] }},
    off: {{ baseUrl: "{}", models: [{{ id: "x" }}] }},
    locked: {{ baseUrl: "{}", apiKey: "wrong", models: [{{ id: "x" }}] }},
    web: {{ baseUrl: "{}", models: [{{ id: "x" }}] }},
    deep: {{ baseUrl: "{}/proxy", models: [{{ id: "m1" }}] }},
  }} }},
}}"#,
        good.base_url(),
        dead_url(),
        locked.base_url(),
        web.base_url(),
        deep.url(),
    ));
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(home.stable(&elsewhere(&ran.stdout)));
    assert_eq!(good.model_calls().len(), 0, "without --deep no model is asked");
    // The same in Traditional Chinese.
    let ran = home.var("YABBY_LANG", "zh-TW").run(&["doctor"]);
    assert!(ran.stdout.contains("模型伺服器"), "{}", ran.stdout);
}

/// Anthropic answers nothing, not even the list of its models, without this header.
#[test]
fn an_anthropic_server_is_asked_in_its_own_way() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Anthropic);
    server.models(&["m1"]);
    server.require_key("k-box");
    let home = Home::with_box(&server.base_url(), "anthropic-messages");
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let asked = server.requests();
    assert!(
        asked.iter().any(|request| request.line() == "GET /v1/models"),
        "{asked:?}"
    );
    for request in &asked {
        assert_eq!(
            request.header("anthropic-version"),
            Some("2023-06-01"),
            "{}",
            request.line()
        );
        assert_eq!(request.header("x-api-key"), Some("k-box"), "{}", request.line());
    }
}

#[test]
fn deep_asks_each_model_for_one_token() {
    let server = ModelServer::start_on_thread();
    server.models(&["m1"]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["doctor", "--deep"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    insta::assert_snapshot!(home.stable(&elsewhere(&ran.stdout)));
    let calls = server.model_calls();
    assert_eq!((calls.len(), &calls[0].body["max_tokens"]), (1, &1.into()));
}

/// What is said without the section about this machine, which is another one everywhere; of that only the kind of lines.
fn elsewhere(report: &str) -> String {
    let (before, rest) = report.split_once("This machine\n").unwrap();
    let (machine, after) = rest.split_once("Embedded model\n").unwrap();
    let says = |words: &str| machine.lines().any(|line| line.contains(words));
    assert!(says("free on the disk") && says("memory: "), "{machine}");
    format!("{before}Embedded model\n{after}")
}

/// What went wrong with the last question is told until one is answered.
#[test]
fn the_last_question_that_failed_is_told() {
    let server = ModelServer::start_on_thread();
    server.models(&["m1"]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    server.fault(Fault::Status(
        500,
        r#"{"error":{"message":"out of memory"}}"#.to_owned(),
    ));
    assert_eq!(home.run(&["ask", "Hello?"]).code, Some(3));
    let told = |ran: &str| ran.contains("the last question failed") && ran.contains("out of memory");
    let ran = home.run(&["doctor"]);
    assert!(told(&ran.stdout), "{}", ran.stdout);
    server.clear_faults();
    assert_eq!(home.run(&["ask", "Hello?"]).code, Some(0));
    let ran = home.run(&["doctor"]);
    assert!(!told(&ran.stdout), "{}", ran.stdout);
}

/// What `models probe` has found wanting is told with the flag that mends it.
#[test]
fn what_was_tried_out_is_told_with_its_fix() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Vllm { max_model_len: 4096 });
    server.models(&["m1"]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let before = home.run(&["doctor"]).stdout;
    assert!(!before.contains("--tool-call-parser"), "{before}");
    // It never calls a tool.
    home.run(&["models", "probe", "box/m1", "--seconds", "20"]);
    let after = home.run(&["doctor"]).stdout;
    assert!(
        after.contains("(`yabby models probe`)") && after.contains("--tool-call-parser"),
        "{after}"
    );
}
