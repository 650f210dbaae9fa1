//! `yabby models probe`: what a person sees of the tests, and what is kept of them.

use serde_json::{Value, json};
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use crate::home::{Home, Ran};

const CALL: &str = r#"{"city": "Paris"}"#;

/// A model that can do most things, and one server with one slot. The pauses are what the speeds are made of.
fn good(server: &ModelServer) {
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    server.models(&["m1"]);
    server.chat("Paris.");
    server.chat(script![text("1,"), sleep_ms(60), text(" 2"), usage(20, 30)]);
    server.chat(script![tool_call("c1", "get_weather", CALL)]);
    server.chat(r#"{"colour": "blue", "stars": false}"#);
    server.chat("42");
    server.chat(script![text("1"), sleep_ms(700), text(", 2")]);
    server.chat(script![sleep_ms(2500), text("31"), text(", 32")]);
    server.chat(script![sleep_ms(60), text("Drawer"), usage_cached(400, 5, 10)]);
    server.chat(script![text("Screws"), usage_cached(404, 5, 380)]);
}

/// A vLLM without the flags that it needs, whose model writes everything as words. In its pauses two answers overlap.
fn poor(server: &ModelServer) {
    server.kind(ServerKind::Vllm { max_model_len: 4096 });
    server.models(&["m1"]);
    server.default_reply(script![
        reasoning("Hm."),
        sleep_ms(250),
        text("No"),
        text(" idea"),
        usage_cached(404, 5, 0)
    ]);
}

/// The speeds are those of this machine.
fn stable(home: &Home, text: &str) -> String {
    let text = home.stable(text);
    let words = text.split(' ').collect::<Vec<_>>();
    let number = |word: &str| word.parse::<f64>().is_ok();
    let speed = |place: usize| words.get(place + 1).is_some_and(|next| next.starts_with("tokens/s"));
    let kept = words
        .iter()
        .enumerate()
        .map(|(place, word)| if number(word) && speed(place) { "N" } else { word });
    kept.collect::<Vec<_>>().join(" ")
}

fn kept(home: &Home) -> Value {
    let text = std::fs::read_to_string(home.path().join("servers/tried.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn outcomes(record: &Value) -> Vec<(&str, &str)> {
    let findings = record["findings"].as_array().unwrap().iter();
    findings
        .map(|found| {
            (
                found["capability"].as_str().unwrap(),
                found["outcome"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn findings_come_with_what_would_mend_them() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    good(&server);
    let Ran { code, stdout, stderr } = home.run(&["models", "probe", "box/m1"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    insta::assert_snapshot!("good_en", stable(&home, &stdout));
    poor(&server);
    let ran = home.run(&["models", "probe", "box/m1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
    insta::assert_snapshot!("poor_en", stable(&home, &ran.stdout));
    // The same in Traditional Chinese.
    let home = home.var("YABBY_LANG", "zh-TW");
    let ran = home.run(&["models", "probe", "box/m1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
    insta::assert_snapshot!("poor_zh-TW", stable(&home, &ran.stdout));
}

#[test]
fn one_object_and_the_same_in_the_file() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ models: {{ "box/m1": {{ alias: "Box" }} }} }} }},
  models: {{ providers: {{ box: {{ baseUrl: "{}", models: [{{ id: "m1" }}] }} }} }},
}}"#,
        server.base_url().replace("http://", "http://me:secret@")
    ));
    good(&server);
    let ran = home.run(&["models", "probe", "box", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let mut object: Value = serde_json::from_str(&ran.stdout).unwrap();
    let record = object.as_object_mut().unwrap();
    let endpoint = record.remove("endpoint").unwrap();
    assert_eq!(
        (&endpoint, record.remove("model")),
        (&json!(server.base_url()), Some(json!("m1")))
    );
    assert_eq!(
        outcomes(&object),
        [
            ("answer", "works"),
            ("stream", "works"),
            ("tools", "works"),
            ("json_schema", "works"),
            ("image", "skipped"),
            ("reasoning", "works"),
            ("parallel", "works"),
            ("prefix_cache", "works"),
        ]
    );
    assert_eq!(
        (&object["tool_mode"], &object["server"]),
        (&json!("native"), &json!("llama.cpp"))
    );
    for speed in ["prefill", "decode"] {
        assert!(
            object[speed].as_f64().is_some_and(|speed| speed > 0.0),
            "{speed}: {object}"
        );
    }
    assert_eq!(kept(&home), json!({server.base_url(): {"m1": object}}));
}

#[test]
fn a_name_is_resolved_as_everywhere() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Vllm { max_model_len: 4096 });
    server.models(&["m1"]);
    let configured = Home::with_box(&server.base_url(), "openai-completions");
    let found = Home::new().var("YABBY_DISCOVER", &format!("vllm:{}", server.addr().port()));
    for (home, name) in [(&configured, "m1"), (&found, "vllm/m1"), (&found, "m1")] {
        server.fault(Fault::Status(402, r#"{"error":{"message":"no credit"}}"#.to_owned()));
        let ran = home.run(&["models", "probe", name, "--json"]);
        server.clear_faults();
        let object: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{name}: {ran:?}"));
        assert_eq!(
            (ran.code, &object["endpoint"]),
            (Some(1), &json!(server.base_url())),
            "{name}"
        );
    }
    let ran = configured.run(&["models", "probe", "nobody/x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn a_server_that_hangs_is_told_in_time() {
    let server = ModelServer::start_on_thread();
    server.fault(Fault::HangModelCalls);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["models", "probe", "box/m1", "--seconds", "2"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
    insta::assert_snapshot!(stable(&home, &ran.stdout));
}

/// What the config puts into every request belongs to these too: another window would make Ollama load the model anew.
#[test]
fn requests_have_the_fields_of_the_config() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Ollama {
        allocated: Some(4096),
        trained: 4096,
    });
    server.models(&["m1"]);
    let home = Home::with_config(&format!(
        r#"{{
  agents: {{ defaults: {{ models: {{ "box/m1": {{ params: {{ num_ctx: 8192 }} }} }} }} }},
  models: {{ providers: {{ box: {{ baseUrl: "{}", api: "ollama", models: [{{ id: "m1" }}] }} }} }},
}}"#,
        server.url()
    ));
    let ran = home.run(&["models", "probe", "box/m1", "--json"]);
    assert_eq!(ran.stderr, "");
    let calls = server.model_calls();
    assert!(calls.len() > 8);
    for call in calls {
        assert_eq!(call.body["options"]["num_ctx"], 8192, "{}", call.body);
    }
}

#[test]
fn ctrl_c_closes_the_connections_and_keeps_nothing() {
    let server = ModelServer::start_on_thread();
    server.chat("Paris.");
    server.default_reply(script![text("1"), hang()]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut running = home.spawn(&["models", "probe", "box/m1"]);
    // The first finding is told, and the second request hangs.
    running.has_printed("box/m1 at http://127.0.0.1:1/v1\n  ✓".len());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(server.wait_for(|log| {
        log.iter()
            .filter(|request| request.path.ends_with("completions"))
            .count()
            == 2
    }));
    let stopped = std::process::Command::new("kill")
        .args(["-INT", &running.child().id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    assert_eq!(running.ran().code, Some(130));
    assert!(runtime.block_on(server.wait_closed(std::time::Duration::from_secs(20))));
    assert!(!home.path().join("servers").exists());
}
