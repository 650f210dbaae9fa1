//! The binary with Anthropic, `OpenAI` and `OpenRouter`, played as they are documented.

use serde_json::{Value, json};
use yabby_testkit::{Canary, Documented, ModelServer, ServerKind, script};

use crate::home::{Home, Ran};

const SERVICES: [(&str, ServerKind); 3] = [
    ("anthropic", ServerKind::Anthropic),
    ("openai", ServerKind::OpenAi),
    (
        "openrouter",
        ServerKind::OpenRouter {
            context_length: 200_000,
        },
    ),
];

/// A service, and a home whose config has nothing of it but the address.
fn service(id: &str, kind: ServerKind) -> (ModelServer, Home) {
    let server = ModelServer::start_on_thread();
    server.kind(kind);
    server.models(&["m1"]);
    let home = Home::with_config(&format!(
        "{{ agents: {{ defaults: {{ model: {{ primary: '{id}/m1' }} }} }},
            models: {{ providers: {{ {id}: {{ baseUrl: '{}' }} }} }} }}",
        server.base_url()
    ));
    (server, home)
}

fn answered(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_question_to_each_with_the_key_of_the_environment() {
    for (id, kind) in SERVICES {
        for whole in [false, true] {
            let (server, home) = service(id, kind.clone());
            server.accept_key("k-env");
            server.default_reply(script![
                reasoning("Hm."),
                text("Hello"),
                text(" there."),
                usage_cached(20, 5, 16)
            ]);
            let home = home.var(&format!("{}_API_KEY", id.to_uppercase()), "k-env");
            let told = answered(
                &home.run(&[&["ask", "--json", "Hi"][..], if whole { &["--no-stream"] } else { &[] }].concat()),
            );
            assert_eq!(
                (&told["text"], &told["model"]),
                (&json!("Hello there."), &json!(format!("{id}/m1")))
            );
            let usage = &told["usage"];
            assert_eq!(
                (&usage["input_tokens"], &usage["cached_tokens"], &usage["output_tokens"]),
                (&json!(20), &json!(16), &json!(5)),
                "{id}"
            );
            assert_eq!(usage["cost"].is_number(), id == "openrouter");
            let plain = home.run(&["ask", "Hi"]);
            assert_eq!(
                (plain.code, plain.stdout.as_str()),
                (Some(0), "Hello there.\n"),
                "{}",
                plain.stderr
            );
        }
    }
}

/// OpenClaw's ways to give several keys; the first is refused.
#[test]
fn the_next_key_answers() {
    for (id, kind) in SERVICES {
        for (list, numbered) in [(true, false), (false, true)] {
            let (server, home) = service(id, kind.clone());
            server.key_fails("k-poor", Documented::NoCredit);
            server.accept_key("k-good");
            let name = id.to_uppercase();
            let home = match (list, numbered) {
                (true, _) => home.var(&format!("{name}_API_KEYS"), "k-bad, k-poor;k-good"),
                _ => home
                    .var(&format!("{name}_API_KEY"), "k-bad")
                    .var(&format!("{name}_API_KEY_1"), "k-poor")
                    .var(&format!("{name}_API_KEY_2"), "k-good"),
            };
            let told = answered(&home.run(&["ask", "--json", "Hi"]));
            assert_eq!(told["text"], "ok", "{id}");
            let outcomes: Vec<&Value> = told["attempts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tried| &tried["outcome"])
                .collect();
            assert_eq!(outcomes, ["failed", "failed", "answered"], "{id}");
        }
    }
}

/// Each says where the key is that was refused, and none says the key.
#[test]
fn a_refused_key_is_named_by_its_place() {
    let mut out = String::new();
    for (id, kind) in SERVICES {
        let (server, home) = service(id, kind);
        server.accept_key("other");
        let canary = Canary::new();
        let home = home.var(&format!("{}_API_KEY_2", id.to_uppercase()), canary.expose());
        let ran = home.run(&["ask", "Hi"]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        canary.assert_absent(&format!("{}{}", ran.stdout, ran.stderr));
        out += &home.stable(&ran.stderr);
    }
    insta::assert_snapshot!(out);
}

#[test]
fn doctor_tells_how_many_keys_there_are_and_which_are_refused() {
    let mut out = String::new();
    for (id, kind) in SERVICES {
        let (server, home) = service(id, kind);
        server.accept_key("k-good");
        server.key_fails("k-poor", Documented::NoCredit);
        let home = home
            .var(&format!("{}_API_KEYS", id.to_uppercase()), "k-good,k-bad")
            .var(&format!("{}_API_KEY_7", id.to_uppercase()), "k-poor");
        let ran = home.run(&["doctor"]);
        for key in ["k-good", "k-bad", "k-poor"] {
            assert!(!ran.stdout.contains(key), "{}", ran.stdout);
        }
        let lines = home.stable(&ran.stdout);
        let about = lines.lines().skip_while(|line| *line != "Model servers");
        let about: Vec<&str> = about.take_while(|line| *line != "This machine").collect();
        out += &about.join("\n");
        out.push('\n');
    }
    insta::assert_snapshot!(out);
}
