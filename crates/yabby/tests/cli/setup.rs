//! `yabby setup`: what is found, shown and recommended, and what is written.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};
use yabby_testkit::{Canary, Fault, ModelServer, ServerKind, dead_url, script};

use crate::home::{Home, Ran};

/// Replies to what `setup` asks a model: an answer, a stream, and a question that a tool would answer.
pub(crate) fn able(server: &ModelServer) {
    server.chat("Paris.");
    server.chat(script![text("1,"), sleep_ms(300), text(" 2"), usage(20, 30)]);
    server.chat(script![tool_call("c1", "get_weather", r#"{"city": "Paris"}"#)]);
}

pub(crate) fn llama_cpp(window: u64) -> ModelServer {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::LlamaCpp { window, slots: 1 });
    server.models(&["qwen3-8b"]);
    server
}

pub(crate) fn found_at(places: &[(&str, &ModelServer)]) -> Home {
    let ports: Vec<String> = places
        .iter()
        .map(|(id, server)| format!("{id}:{}", server.addr().port()))
        .collect();
    Home::new().var("YABBY_DISCOVER", &ports.join(","))
}

/// What differs between runs: places, times, and speeds.
fn stable(home: &Home, text: &str) -> String {
    let text = home.stable(text);
    let words: Vec<&str> = text.split(' ').collect();
    let is_speed = |place: usize| words.get(place + 1).is_some_and(|next| next.starts_with("tokens/"));
    let words = words.iter().enumerate().map(|(place, word)| {
        let before = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if is_speed(place) && before.len() < word.len() {
            format!("{before}N")
        } else {
            (*word).to_owned()
        }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    let mut parts = text.split(".bak-");
    let mut stable = parts.next().unwrap().to_owned();
    for part in parts {
        let time: String = part.chars().take("20261125-201045".len()).collect();
        assert!(time.chars().all(|c| c.is_ascii_digit() || c == '-'), "{time}");
        stable.push_str(".bak-TIME");
        stable.push_str(&part[time.len()..]);
    }
    stable
}

fn shown(home: &Home, ran: &Ran) -> String {
    let trying: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| !line.starts_with("· trying "))
        .collect();
    assert_eq!(trying, Vec::<&str>::new());
    stable(home, &ran.stdout)
}

pub(crate) fn config(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("yabby.json5")).unwrap_or_default()
}

/// Every file in the home folder but logs and caches.
pub(crate) fn files(home: &Home) -> BTreeSet<String> {
    let files = std::fs::read_dir(home.path()).unwrap();
    files
        .map(|file| stable(home, &file.unwrap().file_name().into_string().unwrap()))
        .collect()
}

fn asks(home: &Home, model: &str) {
    let ran = home.run(&["ask", "Hello?", "--json"]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &answer["model"]), (Some(0), &json!(model)), "{}", ran.stderr);
}

#[test]
fn nothing_runs() {
    let home = Home::new();
    let ran = home.run(&["setup"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(shown(&home, &ran), @r"
    Model servers
      · none is configured, and none runs on a well-known port

    Recommended
      · there is no model that can be used
        → load a model in LM Studio, Ollama, llama.cpp or vLLM and run `yabby setup` again, or name a server: yabby setup --base-url http://HOST:PORT/v1
        → `yabby up` installs a small one for a first look
    ");
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    assert_eq!(files(&home), BTreeSet::new());
}

#[test]
fn one_server_is_written_and_then_nothing_is_left_to_write() {
    let server = llama_cpp(32768);
    let home = found_at(&[("llamacpp", &server)]);
    able(&server);
    let ran = home.run(&["setup"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("one_server_shown", shown(&home, &ran));
    assert_eq!(files(&home), BTreeSet::new(), "nobody agreed");

    able(&server);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("one_server_written", shown(&home, &ran));
    insta::assert_snapshot!("one_server_config", stable(&home, &config(&home)));
    let written = home.path().join("yabby.json5");
    assert_eq!(written.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        files(&home),
        BTreeSet::from(["yabby.json5".to_owned()]),
        "there was nothing to keep"
    );
    asks(&home, "llamacpp/qwen3-8b");

    let before = config(&home);
    able(&server);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("one_server_again", shown(&home, &ran));
    assert_eq!(config(&home), before);
    // The answer has taught something of the server, and is recorded.
    assert_eq!(
        files(&home),
        BTreeSet::from(["route", "servers", "usage", "yabby.json5"].map(str::to_owned))
    );
}

#[test]
fn in_traditional_chinese() {
    let server = llama_cpp(32768);
    let home = found_at(&[("llamacpp", &server)]).var("YABBY_LANG", "zh-TW");
    able(&server);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(stable(&home, &ran.stdout));
    let ran = Home::new().var("YABBY_LANG", "zh-TW").run(&["setup"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("nothing_runs_zh-TW", ran.stdout);
}

#[test]
fn three_servers() {
    let studio = ModelServer::start_on_thread();
    studio.kind(ServerKind::LmStudio {
        loaded: Some(8192),
        max: 131_072,
    });
    studio.models(&["gemma-3-4b"]);
    // It has no idea of tools.
    studio.default_reply(script![text("Sunny"), sleep_ms(300), text(" today."), usage(20, 20)]);
    let ollama = ModelServer::start_on_thread();
    ollama.kind(ServerKind::Ollama {
        allocated: None,
        trained: 40960,
    });
    ollama.models(&["llama3.2:3b", "gpt-oss:120b-cloud"]);
    let llama = llama_cpp(16384);
    able(&llama);
    let home = found_at(&[("lmstudio", &studio), ("ollama", &ollama), ("llamacpp", &llama)])
        .var("ANTHROPIC_API_KEY", "sk-not-asked");
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("three_servers", shown(&home, &ran));
    insta::assert_snapshot!("three_servers_config", stable(&home, &config(&home)));
    assert_eq!(ollama.model_calls().len(), 0, "what is not loaded is not woken");
    assert_eq!(llama.model_calls().len(), 3);
    assert_eq!(home.run(&["config", "check"]).code, Some(0));
}

#[test]
fn what_is_not_loaded_is_loaded_with_consent() {
    let ollama = ModelServer::start_on_thread();
    ollama.kind(ServerKind::Ollama {
        allocated: None,
        trained: 40960,
    });
    ollama.models(&["llama3.2:3b"]);
    let home = found_at(&[("ollama", &ollama)]);
    let ran = home.run(&["setup"]);
    assert_eq!((ran.code, ollama.model_calls().len()), (Some(0), 0));
    able(&ollama);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!((ran.code, ollama.model_calls().len()), (Some(0), 3));
    insta::assert_snapshot!(shown(&home, &ran));
    let written = config(&home);
    assert!(
        written.contains(&format!("baseUrl: \"{}\",\n", ollama.url())) && written.contains("api: \"ollama\""),
        "{written}"
    );
}

/// A primary that is off, comments, a key in the text, and a server that is not in the config yet.
#[test]
fn a_config_with_comments_keeps_them() {
    let near = llama_cpp(16384);
    let canary = Canary::new();
    let home = found_at(&[("llamacpp", &near)]);
    let before = format!(
        r"// my config
{{
  agents: {{
    defaults: {{
      model: 'studio/big', // the one at home
      workspace: '~/w', /* kept */
    }},
  }},
  models: {{
    providers: {{
      // in the cellar
      studio: {{ baseUrl: '{}', apiKey: '{}', models: [{{ id: 'big' }}] }},
    }},
  }},
}}
",
        dead_url(),
        canary.expose(),
    );
    home.write("yabby.json5", &before);
    std::fs::set_permissions(home.path().join("yabby.json5"), PermissionsExt::from_mode(0o640)).unwrap();
    able(&near);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(0));
    canary.assert_absent(&ran.stdout);
    insta::assert_snapshot!("comments", shown(&home, &ran));
    let after = config(&home).replace(canary.expose(), "KEY");
    insta::assert_snapshot!("comments_config", stable(&home, &after));
    assert_eq!(
        files(&home),
        ["yabby.json5", "yabby.json5.bak-TIME"].map(str::to_owned).into()
    );
    for file in std::fs::read_dir(home.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        if file.file_name() == "yabby.json5" {
            assert_eq!(mode, 0o640);
        } else {
            assert_eq!(
                (mode, std::fs::read_to_string(file.path()).unwrap()),
                (0o600, before.clone())
            );
        }
    }
    asks(&home, "llamacpp/qwen3-8b");
}

#[test]
fn openclaws_config_is_included_and_never_written() {
    let near = llama_cpp(16384);
    let home = found_at(&[("llamacpp", &near)]);
    std::fs::create_dir(home.path().join(".openclaw")).unwrap();
    let openclaw = r#"{ agents: { defaults: { model: { primary: "anthropic/claude-sonnet-4-5" } } } }"#;
    home.write(".openclaw/openclaw.json", openclaw);
    able(&near);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("openclaw", shown(&home, &ran));
    insta::assert_snapshot!("openclaw_config", stable(&home, &config(&home)));
    let after = std::fs::read_to_string(home.path().join(".openclaw/openclaw.json")).unwrap();
    assert_eq!(after, openclaw);
    asks(&home, "llamacpp/qwen3-8b");
}

#[test]
fn a_config_with_a_syntax_error_is_left_alone() {
    let home = Home::with_config("{ agents: { defaults: { model: 'a/b' } }");
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(home.stable(&ran.stderr));
    assert_eq!(files(&home), BTreeSet::from(["yabby.json5".to_owned()]));
}

/// The form for scripts: adds exactly what is named.
#[test]
fn one_server_by_its_address() {
    let server = llama_cpp(8192);
    server.require_key("k-secret");
    let home = Home::with_config("{ // mine\n  agents: { defaults: { model: 'openai/gpt-5' } },\n}\n");
    home.write(".env", "BOX_KEY=k-secret\n");
    able(&server);
    let address = server.base_url();
    let arguments = [
        "setup",
        "--provider",
        "box",
        "--base-url",
        &address,
        "--model",
        "qwen3-8b",
    ];
    let all = [&arguments[..], &["--key-env", "BOX_KEY", "--yes"]].concat();
    let ran = home.run(&all);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("by_address", shown(&home, &ran));
    insta::assert_snapshot!("by_address_config", stable(&home, &config(&home)));
    asks(&home, "box/qwen3-8b");
    able(&server);
    let ran = home.run(&all);
    assert!(ran.stdout.contains("nothing is written"), "{}", ran.stdout);

    // Without the key nothing can be asked; with everything given it is written all the same.
    let home = Home::new();
    let ran = home.run(&[&arguments[..5], &["--yes"]].concat());
    assert_eq!((ran.code, config(&home).as_str()), (Some(3), ""));
    insta::assert_snapshot!("without_key", shown(&home, &ran));
    let ran = home.run(&all);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("unset_key", shown(&home, &ran));
    assert!(config(&home).contains("apiKey: \"${BOX_KEY}\""));
}

#[test]
fn a_server_that_is_off_is_written_when_everything_is_given() {
    let home = Home::new();
    let address = dead_url();
    let arguments = ["setup", "--base-url", &address, "--provider", "box", "--yes"];
    let ran = home.run(&arguments);
    assert_eq!((ran.code, config(&home).as_str()), (Some(3), ""), "{}", ran.stdout);
    insta::assert_snapshot!("off", shown(&home, &ran));
    let ran = home.run(&[&arguments[..], &["--model", "m1"]].concat());
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("off_written", shown(&home, &ran));
    // What the config has of other servers is not this one's.
    let other = dead_url();
    let ran = home.run(&["setup", "--base-url", &other, "--yes"]);
    assert_eq!(
        (ran.code, ran.stdout.contains("box/m1")),
        (Some(3), false),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_address_that_is_nearly_right() {
    let server = llama_cpp(8192);
    let near = server.addr().to_string();
    let deep = ModelServer::start_on_thread();
    deep.route("/proxy/models", 404, "text/html", "<html>Not here</html>");
    let list = r#"{"object":"list","data":[{"id":"m1"}]}"#;
    deep.route("/proxy/v1/models", 200, "application/json", list);
    let web = ModelServer::start_on_thread();
    web.fault(Fault::HtmlWith200);
    let ollama = ModelServer::start_on_thread();
    ollama.kind(ServerKind::Ollama {
        allocated: Some(4096),
        trained: 40960,
    });
    let deep_url = format!("{}/proxy", deep.url());
    let of = |home: &Home, address: &str| {
        able(&server);
        able(&ollama);
        let ran = home.run(&["setup", "--base-url", address]);
        let notes = ran.stdout.split("\n\n").next().unwrap().to_owned();
        let urls: Vec<&str> = ran
            .stdout
            .lines()
            .filter(|line| line.contains("baseUrl"))
            .map(str::trim)
            .collect();
        format!("{notes}\n{}\n{:?}", urls.join("\n"), ran.code)
    };
    let home = Home::new();
    for (name, address) in [
        ("bare", near.as_str()),
        ("endpoint", &format!("http://{near}/v1/chat/completions")),
        ("deep", &deep_url),
        ("web", &web.base_url()),
        ("ollama", &ollama.base_url()),
    ] {
        insta::assert_snapshot!(format!("address_{name}"), stable(&home, &of(&home, address)));
    }
    // Another port of this machine has a server.
    let other = found_at(&[("llamacpp", &server)]);
    insta::assert_snapshot!("address_port", stable(&other, &of(&other, &dead_url())));
    assert_eq!(files(&home), BTreeSet::new());
}

#[test]
fn a_named_model_that_gives_no_answer_is_not_called_ready() {
    let server = llama_cpp(8192);
    server.fault(Fault::Status(500, "{}".to_owned()));
    let home = Home::new();
    let address = server.base_url();
    let ran = home.run(&["setup", "--base-url", &address, "--model", "qwen3-8b", "--yes"]);
    assert!(config(&home).contains("qwen3-8b"), "what is named is written");
    let end = ran.stdout.lines().last().unwrap();
    assert_eq!(end, "When it runs, `yabby doctor` says whether all is well.");
}

#[test]
fn a_server_that_is_found_and_named_gets_its_key() {
    let server = llama_cpp(8192);
    server.require_key("canary");
    let home = found_at(&[("llamacpp", &server)]).var("BOX_KEY", "canary");
    able(&server);
    let ran = home.run(&["setup", "--provider", "llamacpp", "--key-env", "BOX_KEY", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(config(&home).contains("apiKey: \"${BOX_KEY}\""), "{}", config(&home));
}

#[test]
fn mistakes_on_the_command_line() {
    let server = llama_cpp(8192);
    let address = server.base_url();
    let home = found_at(&[("llamacpp", &server), ("again", &server)]);
    let mut all = String::new();
    for arguments in [
        &["--base-url", "ftp://x"] as &[&str],
        &["--base-url", "http://me:secret@127.0.0.1:1/v1"],
        &["--base-url", &address, "--key-env", "sk-a-real-key"],
        &["--base-url", &address, "--model", "qwen3"],
        &["--base-url", &address, "--provider", "a/b"],
        &["--key-env", "KEY"],
        &["--provider", "nobody"],
        &["--provider", "openai"],
        &["--model", "nothing"],
        &["--model", "qwen3-8b"],
    ] {
        let ran = home.run(&[&["setup"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(
            !ran.stderr.contains("secret@") && !ran.stderr.contains("real-key"),
            "{}",
            ran.stderr
        );
        all.push_str(&home.stable(&ran.stderr));
    }
    insta::assert_snapshot!(all);
    assert_eq!(files(&home), BTreeSet::new());
}

/// What runs elsewhere may cost something, so nothing is sent there unasked.
#[test]
fn a_model_that_runs_elsewhere_is_named_by_a_person() {
    let ollama = ModelServer::start_on_thread();
    ollama.kind(ServerKind::Ollama {
        allocated: None,
        trained: 40960,
    });
    ollama.models(&["gpt-oss:120b-cloud"]);
    let home = found_at(&[("ollama", &ollama)]);
    let ran = home.run(&["setup", "--yes"]);
    assert_eq!((ran.code, ollama.model_calls().len()), (Some(3), 0));
    insta::assert_snapshot!("elsewhere", shown(&home, &ran));
    assert_eq!(config(&home), "");
    able(&ollama);
    let ran = home.run(&["setup", "--yes", "--model", "gpt-oss:120b-cloud"]);
    assert_eq!((ran.code, ollama.model_calls().len()), (Some(0), 3));
    assert!(config(&home).contains("primary: \"ollama/gpt-oss:120b-cloud\""));
}

#[test]
fn one_object() {
    let server = llama_cpp(8192);
    let home = found_at(&[("llamacpp", &server)]).var("OPENAI_API_KEY", "sk-not-asked");
    able(&server);
    let ran = home.run(&["setup", "--yes", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mut object: Value = serde_json::from_str(&ran.stdout).unwrap();
    let speed = &mut object["models"][0]["tokens_per_second"];
    assert!(speed.as_f64().is_some_and(|speed| speed > 0.0), "{speed}");
    *speed = Value::Null;
    let reasons = object["recommended"]["primary"]["reasons"].as_array_mut().unwrap();
    assert!(reasons.pop().unwrap().as_str().unwrap().ends_with(" tokens/s"));
    insta::assert_snapshot!(stable(&home, &serde_json::to_string_pretty(&object).unwrap()));
    assert!(config(&home).contains("llamacpp/qwen3-8b"));
    // Without --yes nothing is written.
    let other = found_at(&[("llamacpp", &server)]);
    let ran = other.run(&["setup", "--json"]);
    let object: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&object["written"], files(&other)), (&json!(false), BTreeSet::new()));
}
