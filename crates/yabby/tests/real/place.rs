//! Where the binary runs: one folder for the program and one for the downloads, one home for each test.

use std::{
    env::{join_paths, split_paths},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{LazyLock, Once},
    time::Duration,
};

use tempfile::TempDir;

use crate::{binary, running::Running};

/// A tiny model needs seconds, also on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(3);
/// For runs that may download 130 MB, or a piece of the larger model.
pub(crate) const DOWNLOAD_LIMIT: Duration = Duration::from_mins(20);

/// The folder that all tests share: the program as `yabby up` installs it.
pub(crate) fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("real")
}

/// Downloads, in the developer's cache, so that another clone does not fetch them again.
pub(crate) fn cache() -> PathBuf {
    let caches = variable("XDG_CACHE_HOME").or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache").into()));
    caches.map_or_else(
        || shared().join("cache"),
        |caches| PathBuf::from(caches).join("yabby-tests"),
    )
}

#[expect(clippy::disallowed_methods, reason = "tests read where the developer's things are")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The folders of `PATH`, without those that hold a `llama-server`: it would be used instead of the wheel.
pub(crate) fn path() -> OsString {
    static PATH: LazyLock<OsString> = LazyLock::new(|| {
        let all = variable("PATH").unwrap_or_default();
        let mut kept: Vec<PathBuf> = split_paths(&all).collect();
        kept.retain(|folder| !folder.join("llama-server").exists());
        let python = |folders: &[PathBuf]| {
            folders
                .iter()
                .map(|folder| folder.join("python3"))
                .find(|file| file.exists())
        };
        let all: Vec<PathBuf> = split_paths(&all).collect();
        let wanted = python(&all);
        if let (Some(python), true) = (&wanted, wanted != python(&kept)) {
            // Python went with its folder.
            let folder = shared().join("bin");
            fs::create_dir_all(&folder).unwrap();
            let _ = fs::remove_file(folder.join("python3"));
            std::os::unix::fs::symlink(python, folder.join("python3")).unwrap();
            kept.insert(0, folder);
        }
        join_paths(kept).unwrap()
    });
    PATH.clone()
}

/// The first folder of the developer's `PATH` that has this program.
fn in_path(program: &str) -> Option<PathBuf> {
    let all = variable("PATH")?;
    split_paths(&all).find(|folder| folder.join(program).is_file())
}

/// A `llama-server` of the machine. The tests do without, but for what the wheel was built without.
pub(crate) fn llama_server() -> Option<PathBuf> {
    Some(in_path("llama-server")?.join("llama-server"))
}

/// The folder of the programs of a vLLM: `python` and `vllm`.
pub(crate) fn vllm() -> Option<PathBuf> {
    variable("YABBY_TEST_VLLM")
        .map(PathBuf::from)
        .or_else(|| in_path("vllm"))
}

pub(crate) fn model_file() -> PathBuf {
    cache().join("models/SmolLM2-135M-Instruct.Q4_1.gguf")
}

pub(crate) fn python() -> PathBuf {
    shared().join("state/llama/venv/bin/python")
}

/// Runs `yabby up` once for all tests, as a new user does.
pub(crate) fn installed() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut up = yabby(&shared().join("state"), &["up"]);
        let ran = Running::with_input(&mut up, b"Say hello.\n", DOWNLOAD_LIMIT).ended();
        assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
        assert!(!out(&ran).trim().is_empty(), "no answer: {}", err(&ran));
    });
}

/// The binary with a state folder of its own and the shared downloads. Nothing of the developer's environment changes
/// what it does but what Python and pip need.
pub(crate) fn yabby(state: &Path, arguments: &[&str]) -> Command {
    of(binary::yabby(), state, arguments)
}

/// The same of the binary that was built with the tests, and their features.
#[cfg(feature = "otel")]
pub(crate) fn with_features(state: &Path, arguments: &[&str]) -> Command {
    of(env!("CARGO_BIN_EXE_yabby").into(), state, arguments)
}

fn of(binary: OsString, state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .env("YABBY_STATE_DIR", state)
        .env("YABBY_CACHE_DIR", cache())
        .env("PATH", path())
        .env_remove("HF_ENDPOINT")
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
    fs::write(home.path().join("yabby.json5"), config).unwrap();
    home
}

pub(crate) fn run(command: &mut Command) -> Output {
    start(command).ended()
}

pub(crate) fn start(command: &mut Command) -> Running {
    Running::start(command, LIMIT)
}

pub(crate) fn pipe(command: &mut Command, input: &str) -> Output {
    Running::with_input(command, input.as_bytes(), LIMIT).ended()
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
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "kill {name} {pid}");
}

/// Waits until `done` or fails the test.
pub(crate) fn eventually(what: &str, done: impl FnMut() -> bool) {
    within(Duration::from_secs(30), what, done);
}

/// The same with a limit of its own.
pub(crate) fn within(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
