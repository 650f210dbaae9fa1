//! The web page in Chromium, driven by `crates/gateway/web/tests/both`, against `yabby serve` with real models.
//!
//! Screenshots are kept in `target/web-shots`, to be looked at.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use tempfile::TempDir;
use yabby_testkit::dead_url;

use crate::{
    llama::{Llama, QWEN, SMOLLM2, Served},
    place::{home, shared, yabby},
    running::Running,
};

/// Minutes on a quiet machine; others may build on it.
const LIMIT: Duration = Duration::from_mins(15);

/// A gateway for a browser.
struct House {
    home: TempDir,
    _serving: Running,
    url: String,
    token: String,
}

/// From the first visit to an answer; stop; a reload in the middle; a phone; both languages.
#[test]
fn a_person_is_answered_at_the_page() {
    let llama = small();
    // One writes a line, the other one goes on until it is stopped, or for some hundred words.
    let house = House::open(&format!(
        "{{ models: {{ providers: {{ box: {{ {server} }}, long: {{ {server} }} }} }},
           agents: {{ defaults: {{ model: 'box/smollm2', models: {{
             'box/smollm2': {{ params: {{ maxTokens: 40 }} }},
             'long/smollm2': {{ params: {{ maxTokens: 700, extra_body: {{ ignore_eos: true }} }} }} }} }} }},
           tools: {{ deny: ['*'] }} }}",
        server = server(llama.port(), "smollm2"),
    ));
    println!("{}", house.drive("visit", "", &["both/visit.test.mjs"]));
}

#[test]
fn a_fallback_is_seen_at_the_page() {
    let llama = small();
    let house = House::open(&format!(
        "{{ models: {{ providers: {{ off: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }}, box: {{ {} }} }} }},
           agents: {{ defaults: {{ model: {{ primary: 'off/m', fallbacks: ['box/smollm2'] }},
             models: {{ 'box/smollm2': {{ params: {{ maxTokens: 40 }} }} }} }} }},
           tools: {{ deny: ['*'] }} }}",
        dead_url(),
        server(llama.port(), "smollm2"),
    ));
    println!("{}", house.drive("fallback", "fallback", &["both/told.test.mjs"]));
}

#[test]
fn a_question_is_answered_at_the_page() {
    let llama = Llama::serve(&Served { window: 4_096, ..QWEN });
    let house = House::open(&format!(
        "{{ models: {{ providers: {{ box: {{ {} }} }} }},
           agents: {{ defaults: {{ model: 'box/qwen', models: {{ 'box/qwen': {{ params: {{ maxTokens: 120 }} }} }} }} }},
           tools: {{ allow: ['exec'] }} }}",
        server(llama.port(), "qwen"),
    ));
    // What is to be deleted is there: a model that is told of an error tries again, and there is another question.
    fs::create_dir_all(house.home.path().join("workspace/notes/old")).unwrap();
    println!("{}", house.drive("approval", "approval", &["both/told.test.mjs"]));
}

fn small() -> Llama {
    Llama::serve(&Served {
        window: 4_096,
        ..SMOLLM2
    })
}

/// The settings of a provider.
fn server(port: u16, model: &str) -> String {
    format!("baseUrl: 'http://127.0.0.1:{port}/v1', models: [{{ id: '{model}', params: {{ temperature: 0 }} }}]")
}

impl House {
    fn open(config: &str) -> Self {
        let home = home(config);
        fs::create_dir(home.path().join("workspace")).unwrap();
        let mut serving = Running::start(&mut yabby(home.path(), &["serve", "--port", "0"]), LIMIT);
        let line = String::from_utf8(serving.piece().unwrap()).unwrap();
        let token = fs::read_to_string(home.path().join("gateway-token")).unwrap();
        Self {
            url: line.trim().strip_prefix("Yabby listens on ").unwrap().to_owned(),
            token: token.trim().to_owned(),
            home,
            _serving: serving,
        }
    }

    /// Runs tests of the page, and says what became of them; `scenes` are those that this gateway brings about.
    fn drive(&self, name: &str, scenes: &str, files: &[&str]) -> String {
        let tests = installed();
        let mut node = Command::new("node");
        node.args(["--test", "--test-concurrency=1"])
            .args(files)
            .current_dir(tests)
            .env("YABBY_WEB_URL", &self.url)
            .env("YABBY_WEB_TOKEN", &self.token)
            .env("YABBY_WEB_SCENES", scenes)
            .env("YABBY_WEB_SHOTS", shots().join(name))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ran = Running::start(&mut node, LIMIT).ended();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{told}\n{}", String::from_utf8_lossy(&ran.stderr));
        assert!(!told.contains("# pass 0"), "nothing was tried: {told}");
        told.into_owned()
    }
}

fn shots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../web-shots")
}

/// The folder of the tests, with what they need, as the lock file says.
fn installed() -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/web/tests");
    let done = shared().join("web-tests.json");
    let lock = fs::read_to_string(tests.join("package-lock.json")).unwrap();
    if tests.join("node_modules").exists() && fs::read_to_string(&done).is_ok_and(|kept| kept == lock) {
        return tests;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&tests);
    let ran = npm.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    fs::create_dir_all(shared()).unwrap();
    fs::write(done, lock).unwrap();
    tests
}
