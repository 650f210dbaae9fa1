//! The config is edited while `yabby serve` runs.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use yabby_testkit::{ModelServer, script};

use crate::{
    home::Home,
    running::Running,
    serve::{interrupt, started},
};

/// No change takes as long, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A gateway that runs, and its config.
pub(crate) struct Serving {
    pub(crate) home: Home,
    running: Running,
    pub(crate) address: String,
    /// The line of a head that says who asks.
    key: String,
}

impl Serving {
    pub(crate) fn start(home: Home) -> Self {
        let (running, address) = started(&home);
        let key = fs::read_to_string(home.path().join("gateway-token")).unwrap_or_default();
        Self {
            key: format!("authorization: Bearer {}\r\n", key.trim()),
            home,
            running,
            address,
        }
    }

    pub(crate) fn edit(&self, config: &str) {
        self.home.write("yabby.json5", config);
    }

    /// Asks for the config to be read now.
    pub(crate) fn hang_up(&mut self) {
        let id = i32::try_from(self.running.child().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
    }

    pub(crate) fn ready(&self) -> Value {
        self.get("/ready").1
    }

    /// Waits until the config is like this.
    fn config_is(&self, config: &Value) {
        self.until(|| self.ready()["config"] == *config, &config.to_string());
    }

    pub(crate) fn has_changed(&self, times: u64) {
        self.config_is(&json!({"ok": true, "changes": times}));
    }

    pub(crate) fn is_refused(&self) {
        self.until(|| self.ready()["config"]["ok"] == false, "a refused config");
    }

    pub(crate) fn until(&self, holds: impl Fn() -> bool, what: &str) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < LIMIT, "{what} did not come: {}", self.ready());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn models(&self) -> Vec<String> {
        let listed = self.get("/v1/models").1;
        let data = listed["data"].as_array().unwrap().iter();
        data.map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn ask(&self, model: &str) -> (u16, Value) {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]});
        self.send("POST", "/v1/chat/completions", &body.to_string())
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "")
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let answer = said(&self.address, &self.key, method, path, body);
        let status = answer[9..12].parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        // A body in pieces has lines with their sizes around it.
        let json = body.find(['{', '[']).zip(body.rfind(['}', ']']));
        let json = json.map(|(start, end)| &body[start..=end]);
        (status, serde_json::from_str(json.unwrap()).unwrap())
    }

    /// What it has said on the terminal.
    pub(crate) fn ended(self) -> String {
        let (home, told) = self.leave();
        home.stable(&told)
    }

    /// Ends it; its home stays.
    pub(crate) fn leave(mut self) -> (Home, String) {
        interrupt(&mut self.running);
        let ran = self.running.ran();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        (self.home, ran.stderr)
    }
}

/// The whole answer to a request.
fn said(address: &str, key: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{key}connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A config with one provider; the rest stands beside it.
fn config(id: &str, server: &ModelServer, rest: &str) -> String {
    format!(
        "{{models: {{providers: {{{id}: {{baseUrl: '{}', api: 'openai-completions', apiKey: 'k-{id}',
          models: [{{id: 'm1', contextWindow: 8192}}]}}}}}}, {rest}}}",
        server.base_url()
    )
}

#[test]
fn an_edit_counts_for_the_next_request() {
    let (one, other) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let serving = Serving::start(Home::with_config(&config("one", &one, "")));
    assert!(serving.models().contains(&"one/m1".to_owned()));
    // One that is being answered stays where it is.
    one.chat(script![text("Hel"), sleep_ms(4000), text("lo.")]);
    let (address, key) = (serving.address.clone(), serving.key.clone());
    let slow = thread::spawn(move || {
        let body = r#"{"model":"one/m1","stream":true,"messages":[]}"#;
        said(&address, &key, "POST", "/v1/chat/completions", body)
    });
    while one.model_calls().is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    serving.edit(&config("other", &other, ""));
    serving.has_changed(1);
    let models = serving.models();
    assert!(models.contains(&"other/m1".to_owned()) && !models.contains(&"one/m1".to_owned()));
    assert_eq!(serving.ask("route/default").0, 200);
    assert_eq!(other.model_calls()[0].header("authorization"), Some("Bearer k-other"));
    let (status, error) = serving.ask("one/m1");
    assert_eq!((status, &error["error"]["code"]), (404, &json!("model_not_found")));
    let answer = slow.join().unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("lo."),
        "{answer}"
    );
    assert_eq!(one.model_calls().len(), 1);
    insta::assert_snapshot!(serving.ended(), @r"
    · your key is in HOME/gateway-token; make others with: yabby keys add
    · the config was read anew: HOME/yabby.json5
    ");
}

#[test]
fn a_bad_edit_changes_nothing_and_says_so() {
    let server = ModelServer::start_on_thread();
    let mut serving = Serving::start(Home::with_config(&config("box", &server, "")));
    for bad in [
        "{models: ",
        "{models: {providers: {box: {baseUrl: 5}}}}",
        "{models: {mode: 'replace', providers: {}}}",
    ] {
        serving.edit(bad);
        serving.hang_up();
        serving.is_refused();
        assert_eq!(serving.ask("box/m1").0, 200, "{bad}");
        assert_eq!(serving.ready()["ready"], true);
        serving.edit(&config("box", &server, ""));
        serving.hang_up();
        serving.until(|| serving.ready()["config"]["ok"] == true, "a good config");
    }
    fs::remove_file(serving.home.path().join("yabby.json5")).unwrap();
    serving.is_refused();
    assert_eq!(serving.ask("box/m1").0, 200);
    insta::assert_snapshot!(serving.ended());
}

#[test]
fn files_that_belong_to_it_count_too() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_config("{$include: ['part.json5', 'later.json5']}");
    home.write("part.json5", "{}");
    home.write("later.json5", "{}");
    let key = home.write("key.txt", "first-key-of-the-box");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&key, private).unwrap();
    let part = format!(
        "{{secrets: {{providers: {{f: {{source: 'file', path: '{}', mode: 'singleValue'}}}}}},
          models: {{providers: {{box: {{baseUrl: '{}', api: 'openai-completions',
          apiKey: {{source: 'file', provider: 'f', id: 'value'}}, models: [{{id: 'm1'}}]}}}}}}}}",
        key.display(),
        server.base_url()
    );
    home.write("part.json5", &part);
    let serving = Serving::start(home);
    let key_of_last = || {
        assert_eq!(serving.ask("box/m1").0, 200);
        let calls = server.model_calls();
        calls.last().unwrap().header("authorization").unwrap().to_owned()
    };
    assert_eq!(key_of_last(), "Bearer first-key-of-the-box");
    serving.home.write("key.txt", "second-key-of-the-box");
    serving.has_changed(1);
    assert_eq!(key_of_last(), "Bearer second-key-of-the-box");
    serving.home.write(
        "later.json5",
        "{agents: {defaults: {models: {'box/m1': {alias: 'Quick'}}}}}",
    );
    serving.has_changed(2);
    assert!(serving.models().contains(&"Quick".to_owned()));
    fs::remove_file(serving.home.path().join("later.json5")).unwrap();
    serving.is_refused();
    assert_eq!(serving.ask("Quick").0, 200);
    assert!(!serving.ended().contains("key-of-the-box"));
}
/// Ends loops of other threads, also when a test fails.
struct Stop<'a>(&'a AtomicBool);
impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_request_fails_while_the_config_changes_200_times() {
    let (server, other) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let version = |at: usize| {
        let alias = format!("agents: {{defaults: {{models: {{'box/m1': {{alias: 'v{at}'}}}}}}}}");
        let config = config("box", &server, &alias);
        // The one provider comes and goes, and stands before the other one or behind it.
        let more = format!("more: {{baseUrl: '{}', models: [{{id: 'm1'}}]}}", other.base_url());
        match at % 3 {
            0 => config,
            1 => config.replace("{box: ", &format!("{{{more}, box: ")),
            _ => config.replace("}]}}}, ", &format!("}}]}}, {more}}}}}, ")),
        }
    };
    let mut serving = Serving::start(Home::with_config(&version(0)));
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (address, key) = (serving.address.clone(), serving.key.clone());
    thread::scope(|scope| {
        for worker in 0..4 {
            let (stop, asked, address, key) = (&stop, &asked, &address, &key);
            scope.spawn(move || {
                let body = json!({"model": "box/m1", "stream": worker % 2 == 0, "messages": []}).to_string();
                while !stop.load(Ordering::Relaxed) {
                    let answer = said(address, key, "POST", "/v1/chat/completions", &body);
                    let whole = answer.contains("[DONE]") || answer.contains("finish_reason");
                    assert!(answer.starts_with("HTTP/1.1 200") && whole, "{answer}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Dropped at the end, also when this fails, so that the others end.
        let _stop = Stop(&stop);
        for at in 1..=200 {
            serving.edit(&version(at));
            serving.hang_up();
            let alias = format!("v{at}");
            serving.until(|| serving.models().contains(&alias), &alias);
        }
    });
    assert!(asked.load(Ordering::Relaxed) > 200);
    assert_eq!(
        serving.ready(),
        json!({"ready": true, "config": {"ok": true, "changes": 200}})
    );
    serving.ended();
}

#[test]
fn a_turn_ends_with_what_it_began_with() {
    let (one, other) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let mut serving = Serving::start(Home::with_config(&config("one", &one, "")));
    one.chat(script![text("From one, "), sleep_ms(1500), text("to its end.")]);
    other.chat(script![text("From the other.")]);
    let path = "/api/conversations/agent:main:main";
    let say = |serving: &Serving, id: &str| {
        let body = json!({"id": id, "text": "Hi"}).to_string();
        assert_eq!(serving.send("POST", &format!("{path}/messages"), &body).0, 202);
    };
    let has = |serving: &Serving, text: &str| {
        let entries = serving.get(&format!("{path}/entries")).1;
        let entries = entries["entries"].as_array().unwrap();
        entries
            .iter()
            .any(|entry| entry["kind"] == "assistant" && entry["text"] == text)
    };
    say(&serving, "1");
    while one.model_calls().is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    serving.edit(&config("other", &other, ""));
    serving.hang_up();
    serving.has_changed(1);
    serving.until(|| has(&serving, "From one, to its end."), "the first answer");
    say(&serving, "2");
    serving.until(|| has(&serving, "From the other."), "the second answer");
    serving.ended();
}
