//! `yabby models`: what there is, and choosing one.

use std::time::Duration;

use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url};

use crate::home::Home;

fn two_servers(near: &ModelServer) -> String {
    format!(
        r#"{{
  // kept
  agents: {{ defaults: {{
    model: {{ primary: "near/m1", fallbacks: ["off/x"] }}, // and this
    models: {{ "near/m1": {{ alias: "Near" }} }},
  }} }},
  models: {{ providers: {{
    near: {{ baseUrl: "{}", models: [{{ id: "m1", contextWindow: 131072 }}, {{ id: "gone" }}] }},
    off: {{ baseUrl: "{}", models: [{{ id: "x", contextWindow: 8192 }}] }},
  }} }},
}}
"#,
        near.base_url(),
        dead_url()
    )
}

#[test]
fn a_table_of_what_there_is() {
    let near = ModelServer::start_on_thread();
    near.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
    near.models(&["m1"]);
    let home = Home::with_config(&two_servers(&near));
    let ran = home.run(&["models"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(home.stable(&ran.stdout));
    let json = home.run(&["models", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let window = &rows[0]["window"];
    assert_eq!((&window["value"], &window["source"]), (&4096.into(), &"probe".into()));
    assert!(window["at"].as_u64().is_some_and(|at| at > 1_700_000_000), "{window}");
    assert_eq!(
        (&rows[0]["state"], &rows[1]["state"], &rows[2]["state"]),
        (&"ready".into(), &"absent".into(), &"unreachable".into())
    );
    assert_eq!(near.model_calls().len(), 0, "a list must not wake a model");
}

#[test]
fn servers_of_every_kind() {
    for (kind, window, state) in [
        (ServerKind::Plain, serde_json::Value::Null, "ready"),
        (ServerKind::Vllm { max_model_len: 2048 }, 2048.into(), "ready"),
        (
            ServerKind::LmStudio {
                loaded: Some(12288),
                max: 262_144,
            },
            12288.into(),
            "ready",
        ),
        (
            ServerKind::LmStudio {
                loaded: None,
                max: 262_144,
            },
            serde_json::Value::Null,
            "unloaded",
        ),
        (
            ServerKind::Ollama {
                allocated: Some(4096),
                trained: 40960,
            },
            4096.into(),
            "ready",
        ),
        (
            ServerKind::Ollama {
                allocated: None,
                trained: 40960,
            },
            serde_json::Value::Null,
            "unloaded",
        ),
    ] {
        let server = ModelServer::start_on_thread();
        server.kind(kind.clone());
        server.models(&["m1"]);
        let home = Home::new().var("YABBY_DISCOVER", &format!("here:{}", server.addr().port()));
        let ran = home.run(&["models", "--json"]);
        let rows: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(
            (
                &rows[0]["model"],
                &rows[0]["window"]["value"],
                &rows[0]["state"],
                &rows[0]["role"]
            ),
            (&"here/m1".into(), &window, &state.into(), &"primary".into()),
            "{kind:?} {rows}"
        );
    }
}

#[test]
fn a_found_server_answers_without_a_config() {
    let server = ModelServer::start_on_thread();
    server.models(&["text-embedding-x", "m1"]);
    let home = Home::new().var("YABBY_DISCOVER", &format!("vllm:{}", server.addr().port()));
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    assert_eq!(server.model_calls()[0].body["model"], "m1");
    // Nobody chose it, so it is told what answers, and where.
    let told = |word: &str| assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    told("vllm/m1");
    told(&server.addr().to_string());
}

/// It answers nothing else meanwhile, so that there is no model to ask yet.
#[test]
fn a_found_server_that_loads_is_named() {
    let server = ModelServer::start_on_thread();
    server.fault(Fault::LoadingWhile(Duration::from_hours(1)));
    let home = Home::new().var("YABBY_DISCOVER", &format!("llamacpp:{}", server.addr().port()));
    let ran = home.run(&["ask", "Hello?"]);
    let said = format!("{} is loading its model: ask again when it is done", server.base_url());
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), server.model_calls().len()),
        (Some(3), "", 0)
    );
    let ran = home.run(&["models", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&rows[0]["model"], &rows[0]["state"]),
        (&"llamacpp/*".into(), &"loading".into()),
        "{rows}"
    );
    let ran = home.run(&["setup", "--yes"]);
    assert!(
        ran.stdout.contains("wait until it is done"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn a_found_model_can_be_chosen() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Vllm { max_model_len: 4096 });
    server.models(&["m1", "m2"]);
    let home = Home::new().var("YABBY_DISCOVER", &format!("vllm:{}", server.addr().port()));
    let ran = home.run(&["models", "set", "vllm/m2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"), "{}", ran.stderr);
    assert_eq!(server.model_calls()[0].body["model"], "m2");
}

#[test]
fn aliases() {
    let near = ModelServer::start_on_thread();
    let home = Home::with_config(&two_servers(&near));
    insta::assert_snapshot!(home.run(&["models", "aliases"]).stdout, @r"
    ALIAS  MODEL
    Near   near/m1
    ");
}

#[test]
fn set_keeps_the_rest_of_the_file() {
    let near = ModelServer::start_on_thread();
    let before = two_servers(&near);
    let home = Home::with_config(&before);
    let ran = home.run(&["models", "set", "off/x"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let backups: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.display().to_string().contains(".bak-"))
        .collect();
    assert_eq!(backups.len(), 1);
    assert_eq!(std::fs::read_to_string(&backups[0]).unwrap(), before);
    let told = ran.stderr.replace(&backups[0].display().to_string(), "BACKUP");
    insta::assert_snapshot!(home.stable(&told), @r"
    · off/x is the default model now (HOME/yabby.json5)
    · the file of before is kept as BACKUP
    ");
    // The two change places: a fallback that repeats the primary would help nobody.
    let expected = before.replace(
        r#"primary: "near/m1", fallbacks: ["off/x"]"#,
        r#"primary: "off/x", fallbacks: ["near/m1"]"#,
    );
    let after = std::fs::read_to_string(home.path().join("yabby.json5")).unwrap();
    assert_eq!(after, expected);
}

#[test]
fn set_never_writes_openclaws_own_file() {
    let near = ModelServer::start_on_thread();
    let home = Home::new();
    std::fs::create_dir(home.path().join(".openclaw")).unwrap();
    let before = two_servers(&near);
    home.write(".openclaw/openclaw.json", &before);
    let ran = home.run(&["models", "set", "off/x"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        std::fs::read_to_string(home.path().join(".openclaw/openclaw.json")).unwrap(),
        before
    );
    assert!(
        std::fs::read_to_string(home.path().join("yabby.json5"))
            .unwrap()
            .contains("off/x")
    );
}

#[test]
fn set_refuses_a_name_that_nobody_knows() {
    let near = ModelServer::start_on_thread();
    let before = two_servers(&near);
    let home = Home::with_config(&before);
    assert_eq!(home.run(&["models", "set", "nobody/x"]).code, Some(2));
    assert_eq!(
        std::fs::read_to_string(home.path().join("yabby.json5")).unwrap(),
        before
    );
}
