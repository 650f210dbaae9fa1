//! Where the binary runs: one folder for the program and the model, one home for each test.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Once,
};

use tempfile::TempDir;

/// The folder that all tests share: what `yabby up` installs.
pub(crate) fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("real")
}

pub(crate) fn model_file() -> PathBuf {
    shared().join("cache/models/SmolLM2-135M-Instruct.Q4_1.gguf")
}

pub(crate) fn python() -> PathBuf {
    shared().join("state/llama/venv/bin/python")
}

/// Runs `yabby up` once for all tests, as a new user does.
pub(crate) fn installed() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ran = pipe(&mut yabby(&shared().join("state"), &["up"]), "Say hello.\n");
        assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
        assert!(!out(&ran).trim().is_empty(), "no answer: {}", err(&ran));
    });
}

/// The binary with a state folder of its own and the shared downloads. Nothing is taken from the developer's
/// environment but what Python and pip need.
pub(crate) fn yabby(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yabby"));
    command
        .args(arguments)
        .env("YABBY_STATE_DIR", state)
        .env("YABBY_CACHE_DIR", shared().join("cache"))
        .env("YABBY_DISCOVER", "off")
        .env("YABBY_LANG", "en")
        .env_remove("YABBY_CONFIG")
        .env("OPENCLAW_CONFIG_PATH", state.join("none.json"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A state folder with a config.
pub(crate) fn home(config: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("yabby.json5"), config).unwrap();
    home
}

pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

pub(crate) fn pipe(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", out(output), err(output)))
}

/// Sends a signal to a process of this test.
pub(crate) fn signal(child: &Child, name: &str) {
    signal_pid(child.id(), name);
}

pub(crate) fn signal_pid(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "kill {name} {pid}");
}

/// Waits until `done` or fails the test.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 30, "still not: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
