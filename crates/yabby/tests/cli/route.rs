//! `yabby ask --explain` and `yabby route`: what became of a question, and what would.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use yabby_testkit::{Fault, ModelServer, Refusal, ServerKind, dead_url, script};

use crate::home::{Home, Ran};

/// `near` first, then `Far`; an agent with a model of its own.
fn chain(near: &str, far: &str) -> Home {
    Home::with_config(&format!(
        r#"{{
  agents: {{
    defaults: {{
      model: {{ primary: "near/m1", fallbacks: ["Far"] }},
      models: {{ "far/m2": {{ alias: "Far" }} }},
    }},
    entries: {{ writer: {{ model: "far/m2" }} }},
  }},
  models: {{ providers: {{
    near: {{ baseUrl: "{near}", apiKey: "n", models: [{{ id: "m1", contextWindow: 8192 }}] }},
    far: {{ baseUrl: "{far}", apiKey: "f", models: [{{ id: "m2" }}] }},
  }} }},
}}"#
    ))
}

/// What was printed, with one mark for every time and id, and columns that are no wider for it.
fn steady(home: &Home, text: &str) -> String {
    let is_number = |word: &str| word.chars().all(|char| char.is_ascii_digit());
    let is_id = |word: &str| word.len() == 8 && word.chars().all(|char| char.is_ascii_hexdigit());
    let steady = |line: &str| {
        let words = line.split_whitespace().enumerate().map(|(at, word)| match word {
            word if is_id(word) => "ID",
            word if at > 0 && is_number(word) => "N",
            word => word,
        });
        words.collect::<Vec<_>>().join(" ")
    };
    home.stable(text).lines().map(steady).collect::<Vec<_>>().join("\n")
}

fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr))
}

fn turns(home: &Home) -> Vec<Value> {
    object(&home.run(&["route", "--json"])).as_array().unwrap().clone()
}

#[test]
fn a_fallback_is_explained() {
    let far = ModelServer::start_on_thread();
    far.chat("From far.");
    let home = chain(&dead_url(), &far.base_url());
    let ran = home.run(&["ask", "Hello?", "--explain"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "From far.\n"));
    insta::assert_snapshot!(steady(&home, &ran.stderr));
    let id = turns(&home)[0]["id"].as_str().unwrap().to_owned();
    // The same again, whenever it is wanted.
    let again = home.run(&["route", "explain", &id[..6]]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(ran.stderr.ends_with(&again.stdout), "{}{}", ran.stderr, again.stdout);
    let json = object(&home.run(&["route", "explain", &id, "--json"]));
    assert_eq!(
        (
            &json["turn"]["id"],
            &json["turn"]["attempts"][0]["error"],
            &json["plan"]["candidates"][1]["model"]
        ),
        (&json!(id), &json!("refused"), &json!("far/m2"))
    );
}

#[test]
fn in_traditional_chinese() {
    let far = ModelServer::start_on_thread();
    let home = chain(&dead_url(), &far.base_url()).var("YABBY_LANG", "zh-TW");
    let ran = home.run(&["ask", "Hello?", "--explain"]);
    assert_eq!(ran.code, Some(0));
    let now = home.run(&["route", "explain"]);
    assert_eq!(now.code, Some(0));
    let list = home.run(&["route"]);
    insta::assert_snapshot!(
        [ran.stderr, now.stdout, list.stdout]
            .map(|text| steady(&home, &text))
            .join("\n\n")
    );
}

#[test]
fn a_chain_in_which_all_fail_is_explained() {
    let near = ModelServer::start_on_thread();
    near.fault(Fault::Unauthorized);
    let home = chain(&near.base_url(), &dead_url());
    let ran = home.run(&["ask", "Hello?", "--explain"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(steady(&home, &ran.stderr));
}

#[test]
fn a_step_of_the_ladder_is_explained() {
    let near = ModelServer::start_on_thread();
    near.fault(Fault::Refuses(Refusal::Field("stream_options".to_owned())));
    let home = chain(&near.base_url(), &dead_url());
    let ran = home.run(&["ask", "Hello?", "--explain"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!(steady(&home, &ran.stderr));
}

#[test]
fn an_answer_at_once_and_what_was_left_out() {
    let near = ModelServer::start_on_thread();
    near.input_tokens(23);
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ model: {{ primary: "anthropic/claude-sonnet-4-5", fallbacks: ["near/m1", "nowhere/m"] }} }} }},
  models: {{ providers: {{ near: {{ baseUrl: "{}", models: [{{ id: "m1" }}] }} }} }},
}}"#,
        near.base_url()
    ));
    let ran = home.run(&["ask", "Hello?", "--explain"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!(steady(&home, &ran.stderr));

    let ran = home.run(&["ask", "Hello?", "--explain", "--json"]);
    let answer = object(&ran);
    assert!(!ran.stderr.contains("attempts"), "{}", ran.stderr);
    assert_eq!(
        (
            &answer["plan"]["left_out"][0]["kind"],
            &answer["plan"]["left_out"][1]["kind"]
        ),
        (&json!("no_endpoint"), &json!("unknown_model"))
    );
    assert_eq!(answer["plan"]["candidates"][0]["why"], json!({"fallback": 1}));
    assert_eq!(answer["turn"]["end"]["model"], "near/m1");
    assert_eq!(answer["turn"]["attempts"], answer["attempts"]);
    let asked: Vec<Value> = turns(&home).iter().map(|turn| turn["id"].clone()).collect();
    assert_eq!((asked.len(), &asked[0]), (2, &answer["turn"]["id"]));
    // Nothing of it is printed unless it is asked for.
    let plain = object(&home.run(&["ask", "Hello?", "--json"]));
    assert_eq!((plain.get("plan"), plain.get("turn")), (None, None));
}

#[test]
fn nothing_to_try_is_a_turn_too() {
    let home = Home::new();
    let ran = home.run(&["ask", "Hello?", "--explain"]);
    assert_eq!(ran.code, Some(3));
    insta::assert_snapshot!(steady(&home, &ran.stderr));
    assert_eq!(turns(&home)[0]["end"]["kind"], "no_model");
}

#[test]
fn a_chat_is_recorded_and_listed() {
    let far = ModelServer::start_on_thread();
    let home = chain(&dead_url(), &far.base_url());
    let empty = home.run(&["route"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
    insta::assert_snapshot!(empty.stderr, @"· no question has been asked yet; `yabby ask --explain` asks one and explains");
    assert_eq!(home.pipe(&["up"], "one\ntwo\n").code, Some(0));
    assert_eq!(home.run(&["ask", "x", "-m", "Far"]).code, Some(0));
    let listed = home.run(&["route"]);
    assert_eq!(listed.code, Some(0));
    insta::assert_snapshot!(steady(&home, &listed.stdout));
    let file = home.path().join("route/turns.jsonl");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_plan_is_shown_as_it_would_be_made_now() {
    let near = ModelServer::start_on_thread();
    near.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
    near.models(&["m1"]);
    let far = ModelServer::start_on_thread();
    let home = chain(&near.base_url(), &far.base_url());
    assert_eq!(home.run(&["ask", "x"]).code, Some(0));
    let all = ["", "Far", "m1", "writer"].map(|name| {
        let arguments = ["route", "explain", name];
        let ran = home.run(if name.is_empty() { &arguments[..2] } else { &arguments });
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        format!("{name}\n{}", steady(&home, &ran.stdout))
    });
    insta::assert_snapshot!(all.join("\n\n"));
    // Looking asks no model.
    assert_eq!((near.model_calls().len(), far.model_calls().len()), (1, 0));

    let now = object(&home.run(&["route", "explain", "--json"]));
    let first = &now["plan"]["candidates"][0];
    assert_eq!(
        (
            &first["state"],
            &first["window"]["value"],
            &first["slots"],
            &first["rests_s"]
        ),
        (&json!("ready"), &json!(4096), &json!(2), &Value::Null)
    );
    assert_eq!(now["turns"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_that_is_off_rests_in_the_plan() {
    let home = chain(&dead_url(), &dead_url());
    let now = object(&home.run(&["route", "explain", "--json"]));
    for place in now["plan"]["candidates"].as_array().unwrap() {
        assert_eq!(place["state"], "unreachable");
        assert!(place["rests_s"].as_u64().is_some(), "{place}");
    }
}

/// What no data may go to is not even looked at.
#[test]
fn a_plan_says_what_a_rule_forbids_and_contacts_it_not() {
    let near = ModelServer::start_on_thread();
    let far = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{
    model: {{ primary: "far/m2", fallbacks: ["near/m1"] }},
    privacy: {{ zones: ["machine"] }},
  }} }},
  models: {{ providers: {{
    near: {{ baseUrl: "{}", models: [{{ id: "m1" }}] }},
    far: {{ baseUrl: "{}", zone: "hosted", models: [{{ id: "m2" }}] }},
  }} }},
}}"#,
        near.base_url(),
        far.base_url()
    ));
    let ran = home.run(&["route", "explain"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!(steady(&home, &ran.stdout));
    let ran = home.run(&["route", "explain", "far/m2", "--json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(object(&ran)["error"]["kind"], "out_of_zone");
    assert!(near.accepted_connections() > 0);
    assert_eq!(far.accepted_connections(), 0);
}

#[test]
fn nobody_of_that_name() {
    let home = chain(&dead_url(), &dead_url());
    let ran = home.run(&["route", "explain", "writr"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ran.stderr);
    let ran = home.run(&["route", "explain", "abcd1234", "--json"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(object(&ran)["error"]["kind"], "unknown_model");
}

/// Servers quote what they refuse. Nothing of a conversation is written down, however it comes back.
#[test]
fn nothing_that_was_said_is_kept() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let question = "Why does my marmalade ferment? The safe opens with 48151623.";
    let body = |words: String| json!({"error": {"message": words, "type": "invalid_request_error"}}).to_string();
    for words in [
        format!("messages[0].content: Input should be a list [input_value={question:?}, input_type=str]"),
        "cannot read 'The safe opens with 48151623.' in k-box".to_owned(),
        "number out of range: 48151623".to_owned(),
    ] {
        server.fault_once(Fault::Status(422, body(words)));
        home.run(&["ask", question]);
    }
    let broken = json!({"message": "no JSON after 'Purple elephants quietly'", "type": "server_error", "code": 500});
    server.chat(script![text("Purple elephants quietly dance."), error_event(broken)]);
    home.run(&["ask", question]);
    let kept = std::fs::read_to_string(home.path().join("route/turns.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 4, "{kept}");
    assert!(kept.contains("messages[0].content: Input should be a list"), "{kept}");
    for secret in [
        "marmalade",
        "ferment",
        "safe opens",
        "48151623",
        "k-box",
        "elephants",
        "quietly",
    ] {
        assert!(!kept.contains(secret), "{secret}: {kept}");
    }
}
