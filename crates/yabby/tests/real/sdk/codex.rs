//! Codex, OpenAI's program for the terminal, with a model that is passed through. It speaks Responses, and the server behind
//! Yabby does not. What the model says is scripted: no model that is small enough here calls a tool each time.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, step};

use super::{LIMIT, assert_done, installed};
use crate::{
    place::{home, path, shared, yabby},
    running::Running,
};

const CODEX: &str = "@openai/codex@0.171.0";

#[test]
fn codex_runs_a_command_and_is_answered() {
    let modules = installed("codex", CODEX, || {
        let folder = shared().join("sdk-codex");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("package.json"), "{\"private\": true}\n").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts"]);
        assert_done(npm.arg(CODEX).current_dir(&folder));
    });
    let server = ModelServer::start_on_thread();
    let arguments = json!({"cmd": "echo from-the-tool"}).to_string();
    server.chat(vec![
        step::tool_call("call_7", "exec_command", &arguments),
        step::finish("tool_calls"),
    ]);
    server.chat(vec![step::text("it said so"), step::finish("stop")]);
    let home = home(&format!(
        "{{ models: {{ providers: {{ box: {{ baseUrl: '{}', api: 'openai-completions', models: [{{ id: 'm' }}] }} }} }},
           agents: {{ defaults: {{ model: 'box/m' }} }} }}",
        server.base_url()
    ));
    let mut serving = Running::start(&mut yabby(home.path(), &["serve", "--port", "0"]), LIMIT);
    let line = String::from_utf8(serving.piece().unwrap()).unwrap();
    let url = line.trim().strip_prefix("Yabby listens on ").unwrap();
    let key = fs::read_to_string(home.path().join("gateway-token")).unwrap();
    let (codex, work) = (home.path().join("codex"), home.path().join("work"));
    fs::create_dir_all(&codex).unwrap();
    fs::create_dir_all(&work).unwrap();
    let config = format!(
        "model = 'box/m'\nmodel_provider = 'yabby'\n[model_providers.yabby]\nname = 'Yabby'\nbase_url = '{url}/v1'\n\
         env_key = 'YABBY_KEY'\nwire_api = 'responses'\n"
    );
    fs::write(codex.join("config.toml"), config).unwrap();
    let mut program = Command::new(modules.join("node_modules/.bin/codex"));
    program
        .args([
            "exec",
            "--json",
            "--skip-git-repo-check",
            "--sandbox",
            "danger-full-access",
        ])
        .arg("Say what the command says.")
        .current_dir(&work)
        .env("CODEX_HOME", &codex)
        .env("YABBY_KEY", key.trim())
        .env("PATH", path())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = Running::start(&mut program, LIMIT).ended();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}\n{}", String::from_utf8_lossy(&ran.stderr));
    let items: Vec<Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["type"] == "item.completed")
        .map(|mut event| event["item"].take())
        .collect();
    let of = |kind: &str| {
        items
            .iter()
            .find(|item| item["type"] == kind)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(of("command_execution")["exit_code"], 0, "{told}");
    assert_eq!(of("agent_message")["text"], "it said so", "{told}");
    // The model was shown what the command has said.
    let asked = server.requests();
    let last = asked
        .iter()
        .rfind(|asked| asked.path == "/v1/chat/completions")
        .unwrap();
    assert!(last.body["messages"].to_string().contains("from-the-tool\\n"), "{told}");
}
