//! The official SDKs, unmodified, against `yabby serve` with a real model: passed through, and answered by the assistant.

mod codex;
mod open_webui;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Once,
    time::Duration,
};

use crate::{
    embeddings::Embedder,
    llama::{Llama, SMOLLM2, Served},
    place::{home, path, shared, yabby},
    running::Running,
};

/// All calls of one script; a tiny model on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);
/// Nothing else is installed: each of them brings what it needs.
const PYTHON: [&str; 3] = ["openai==3.57.0", "anthropic==2.14.0", "langchain-openai==1.7.4"];
const NODE: [&str; 4] = [
    "openai@7.57.0",
    "@anthropic-ai/sdk@1.14.0",
    "ai@7.0.173",
    "@ai-sdk/openai-compatible@3.0.92",
];

#[test]
fn the_sdks_of_python_are_answered() {
    let python = installed("python", &PYTHON.join(" "), || {
        let folder = shared().join("sdk-python");
        let done = Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .env("PATH", path())
            .output();
        assert!(done.unwrap().status.success());
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        assert_done(pip.args(PYTHON));
    });
    answered(&mut Command::new(python.join("bin/python")), &script("sdk.py"));
}

#[test]
fn the_sdks_of_node_are_answered() {
    let modules = installed("node", &NODE.join(" "), || {
        let folder = shared().join("sdk-node");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("package.json"), "{\"private\": true}\n").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts"]);
        assert_done(npm.args(NODE).current_dir(&folder));
    });
    // Modules are looked for beside the script.
    fs::copy(script("sdk.mjs"), modules.join("sdk.mjs")).unwrap();
    let mut node = Command::new("node");
    answered(node.current_dir(&modules), Path::new("sdk.mjs"));
}

/// Runs a script that checks everything itself.
fn answered(program: &mut Command, script: &Path) {
    answered_by("", program, script);
}

/// The same with more agents in the config.
fn answered_by(agents: &str, program: &mut Command, script: &Path) {
    let llama = Llama::serve(&Served {
        window: 4_096,
        ..SMOLLM2
    });
    let embedder = Embedder::start();
    let home = home(&format!(
        "{{ models: {{ providers: {{ box: {{ baseUrl: 'http://127.0.0.1:{}/v1',
           models: [{{ id: 'smollm2', params: {{ temperature: 0 }}, maxTokens: 24 }}] }},
           long: {{ baseUrl: 'http://127.0.0.1:{}/v1', models: [{{ id: 'smollm2', maxTokens: 2000,
             params: {{ temperature: 0, extra_body: {{ ignore_eos: true }} }} }}] }},
           meaning: {{ baseUrl: 'http://127.0.0.1:{}/v1', api: 'openai-completions', models: [] }} }} }},
           agents: {{ defaults: {{ model: 'box/smollm2', memorySearch: {{ provider: 'meaning', model: 'smollm2-embed' }} }},
             {agents} }},
           tools: {{ deny: ['*'] }} }}",
        llama.port(),
        llama.port(),
        embedder.port
    ));
    let mut serving = Running::start(&mut yabby(home.path(), &["serve", "--port", "0"]), LIMIT);
    let line = String::from_utf8(serving.piece().unwrap()).unwrap();
    let url = line.trim().strip_prefix("Yabby listens on ").unwrap();
    let key = fs::read_to_string(home.path().join("gateway-token")).unwrap();
    let ran = Running::start(
        program
            .arg(script)
            .args([url, key.trim()])
            .env("PATH", path())
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
        LIMIT,
    )
    .ended();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(
        ran.status.success() && out.trim_end().ends_with("all is well"),
        "{out}\n{err}"
    );
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/real/sdk")
        .join(name)
}

/// The folder of what is installed once for all runs, as long as `versions` stay the same.
fn installed(name: &str, versions: &str, install: impl FnOnce()) -> PathBuf {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| fs::create_dir_all(shared()).unwrap());
    let folder = shared().join(format!("sdk-{name}"));
    let done = folder.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|kept| kept == versions) {
        return folder;
    }
    install();
    fs::write(done, versions).unwrap();
    folder
}

fn assert_done(command: &mut Command) {
    let ran = command.env("PATH", path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
