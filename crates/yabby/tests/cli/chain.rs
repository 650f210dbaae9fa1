//! Primary, fallbacks, aliases: which model is asked.

use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url};

use crate::home::Home;

/// `near` first, then `far`.
fn chain(near: &str, far: &str) -> Home {
    Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{
    model: {{ primary: "near/m1", fallbacks: ["Far"] }},
    models: {{ "far/m2": {{ alias: "Far" }} }},
  }} }},
  models: {{ providers: {{
    near: {{ baseUrl: "{near}", apiKey: "n", models: [{{ id: "m1" }}] }},
    far: {{ baseUrl: "{far}", apiKey: "f", models: [{{ id: "m2" }}] }},
  }} }},
}}"#
    ))
}

#[test]
fn a_refused_connection_moves_on_at_once() {
    let far = ModelServer::start_on_thread();
    far.chat("From far.");
    let home = chain(&dead_url(), &far.base_url());
    let ran = home.run(&["ask", "Hello?", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (answer["text"].as_str(), answer["model"].as_str()),
        (Some("From far."), Some("far/m2"))
    );
    let attempts = answer["attempts"].as_array().unwrap();
    assert_eq!(
        (attempts.len(), &attempts[0]["outcome"], &attempts[0]["error"]),
        (2, &"failed".into(), &"refused".into())
    );
    assert_eq!(attempts[0]["phase"], "connect");
    assert!(attempts[0]["total_ms"].as_u64().unwrap() < 1000, "{}", attempts[0]);
    insta::assert_snapshot!(
        home.stable(&ran.stderr),
        @"· near/m1 failed (nothing listens at http://127.0.0.1:PORT/v1); trying far/m2"
    );
}

#[test]
fn a_named_model_is_strict() {
    let far = ModelServer::start_on_thread();
    let home = chain(&dead_url(), &far.base_url());
    let ran = home.run(&["ask", "Hello?", "-m", "near/m1"]);
    assert_eq!((ran.code, far.model_calls().len()), (Some(3), 0));
    insta::assert_snapshot!(home.stable(&ran.stderr), @r"
    error: near/m1: nothing listens at http://127.0.0.1:PORT/v1
    hint: start the model server, or correct the port in baseUrl (http://127.0.0.1:PORT/v1)
    ");
}

#[test]
fn aliases_know_no_case_and_bare_ids_are_found() {
    let far = ModelServer::start_on_thread();
    let home = chain(&dead_url(), &far.base_url());
    for name in ["FAR", "far/m2", "m2"] {
        assert_eq!(home.run(&["ask", "x", "-m", name]).code, Some(0), "{name}");
    }
    assert_eq!(far.model_calls().len(), 3);
}

#[test]
fn an_unknown_model_is_a_usage_error() {
    let home = chain(&dead_url(), &dead_url());
    let ran = home.run(&["ask", "x", "-m", "farr/m2"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
    let ran = home.run(&["ask", "x", "-m", "farr/m2", "--json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let object: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(object["errors"][0]["kind"], "unknown_model");
}

#[test]
fn every_candidate_failed() {
    let near = ModelServer::start_on_thread();
    near.fault(Fault::Unauthorized);
    let far = ModelServer::start_on_thread();
    far.fault(Fault::HtmlWith200);
    let home = chain(&near.base_url(), &far.base_url());
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(home.stable(&ran.stderr));
    let json = home.run(&["ask", "Hello?", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &object["text"]), (Some(3), &serde_json::Value::Null));
    assert_eq!(
        (&object["errors"][0]["kind"], &object["errors"][1]["kind"]),
        (&"auth".into(), &"not_an_api".into())
    );
}

#[test]
fn a_server_without_responses_is_asked_through_chat() {
    let server = ModelServer::start_on_thread();
    server.route("/v1/responses", 404, "application/json", r#"{"detail":"Not Found"}"#);
    server.chat("Hello.");
    let home = Home::with_box(&server.base_url(), "openai-responses");
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"));
    insta::assert_snapshot!(ran.stderr, @"· box has no /v1/responses; asked through /v1/chat/completions instead (set api to openai-completions to skip this step)");
}

/// LM Studio has no 404 for a path that it does not know.
#[test]
fn lm_studio_without_responses_is_asked_through_chat() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::LmStudio {
        loaded: Some(4096),
        max: 8192,
    });
    server.models(&["m1"]);
    server.route(
        "/v1/responses",
        200,
        "application/json",
        r#"{"error":"Unexpected endpoint or method. (POST /v1/responses)"}"#,
    );
    let home = Home::with_box(&server.base_url(), "openai-responses");
    let notice = "box has no /v1/responses";
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains(notice), "{}", ran.stderr);
    // A chat learns it once.
    let ran = home.pipe(&["up"], "one\ntwo\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\nok\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches(notice).count(), 1, "{}", ran.stderr);
    let lines: Vec<String> = server.model_calls().iter().map(yabby_testkit::Recorded::line).collect();
    let (responses, chat) = ("POST /v1/responses", "POST /v1/chat/completions");
    assert_eq!(lines, [responses, chat, responses, chat, chat]);
}

#[test]
fn a_hosted_model_without_a_key_is_left_out_and_told() {
    let near = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ model: {{ primary: "anthropic/claude-sonnet-4-5", fallbacks: ["near/m1"] }} }} }},
  models: {{ providers: {{ near: {{ baseUrl: "{}", models: [{{ id: "m1" }}] }} }} }},
}}"#,
        near.base_url()
    ));
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"));
    insta::assert_snapshot!(ran.stderr, @"· anthropic/claude-sonnet-4-5 is left out: anthropic has no key");
}
