//! What `yabby serve` sends to an OpenTelemetry collector, read by the official definitions of its protocol.

mod simple;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tempfile::TempDir;
use yabby_testkit::{Fault, ModelServer, dead_port, script};

use crate::{
    place::{LIMIT, eventually, home, path, shared, signal, with_features},
    running::Running,
};

const PACKAGES: [&str; 1] = ["opentelemetry-proto==1.45.2"];
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
/// What nobody but the model and its client is to know.
const SECRETS: [&str; 5] = [
    "canary-question",
    "canary-answer",
    "k-canary",
    "canary-collector",
    "canary-fault",
];

/// A collector that prints what it gets.
struct Collector {
    running: Running,
    port: u16,
}

/// A gateway.
struct Serving {
    running: Running,
    address: String,
    key: String,
    home: TempDir,
}

#[test]
fn a_request_and_a_turn_are_told_with_all_that_was_tried() {
    let collector = Collector::start();
    let (first, second) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    for server in [&first, &second] {
        server.models(&["m1"]);
    }
    first.fault_once(Fault::Status(401, r#"{"error":{"message":"canary-fault"}}"#.to_owned()));
    let answer = || script![text("canary-answer"), usage(7, 3), finish("stop")];
    for _ in 0..3 {
        second.chat(answer());
    }
    let url = format!("http://127.0.0.1:{}", collector.port);
    let serving = Serving::start(&first, &second, &url);
    let traced = format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n");
    // The first model refuses its key, the second one answers.
    assert_eq!(serving.ask("route/default", &traced), 200);
    assert_eq!(serving.ask("Second", ""), 200);
    assert_eq!(serving.ask("yabby", ""), 200);
    second.means(&[&["canary"]]);
    assert_eq!(serving.embed("far/m1"), 200);
    second.chat(script![text("canary-answer"), sleep_ms(60_000)]);
    serving.leave("Second");
    eventually("somebody has left", || {
        let counts = serving.said("GET", "/metrics", "", "");
        counts.contains("{endpoint=\"far\",outcome=\"client_left\"} 1")
    });
    let told = serving.ended();
    assert!(told.starts_with("· your key is in"), "{told}");
    let sent = collector.ended();
    let all = json!(sent).to_string();
    for secret in SECRETS.iter().filter(|secret| **secret != "canary-collector") {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
    assert!(
        sent.iter()
            .all(|request| request["headers"]["x-collector-key"] == "canary-collector"),
        "{all}"
    );
    insta::assert_snapshot!("spans", simple::spans(&sent));
    insta::assert_snapshot!("metrics", simple::metrics(&sent));
}

#[test]
fn a_collector_that_is_away_is_told_and_holds_nobody_up() {
    let (first, second) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let serving = Serving::start(&first, &second, &format!("http://{}", dead_port()));
    assert_eq!(serving.ask("First", ""), 200);
    eventually("a word about the collector", || !serving.log().is_empty());
    assert_eq!(serving.ask("First", ""), 200);
    let told = serving.log().remove(0);
    let begin = "the OpenTelemetry collector at http://127.0.0.1:";
    let end = "Start it, or correct diagnostics.otel.endpoint: the port for HTTP is most often 4318";
    assert!(told.starts_with(begin) && told.ends_with(end), "{told}");
    serving.ended();
}

#[test]
fn a_collector_that_takes_nothing_is_told_once_of_each() {
    let (first, second) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            read(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let serving = Serving::start(&first, &second, &format!("http://{address}"));
    assert_eq!(serving.ask("First", ""), 200);
    // Metrics are tried each second.
    eventually("it was asked again and again", || asked.load(Ordering::SeqCst) >= 4);
    let mut told = serving.log();
    told.sort();
    let told = told.join("\n").replace(&address, "ADDRESS");
    insta::assert_snapshot!(told, @r"
    the OpenTelemetry collector at http://ADDRESS has answered 403; metrics are dropped until it takes them. Correct diagnostics.otel.headers
    the OpenTelemetry collector at http://ADDRESS has answered 403; traces are dropped until it takes them. Correct diagnostics.otel.headers
    ");
    serving.ended();
}

#[test]
fn a_collector_that_takes_only_traces_is_told_of_metrics_until_it_takes_them() {
    let (first, second) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let [traces, metrics] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let takes_all = Arc::new(AtomicBool::new(false));
    let (counts, takes) = ([Arc::clone(&traces), Arc::clone(&metrics)], Arc::clone(&takes_all));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let is_metrics = read(&mut stream).starts_with(b"POST /v1/metrics ");
            let takes = !is_metrics || takes.load(Ordering::SeqCst);
            let status = if takes { "200 OK" } else { "404 Not Found" };
            let _ = stream
                .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes());
            counts[usize::from(is_metrics)].fetch_add(1, Ordering::SeqCst);
        }
    });
    let serving = Serving::start(&first, &second, &format!("http://{address}"));
    let both = |least: usize| {
        let before = [&traces, &metrics].map(|count| count.load(Ordering::SeqCst));
        eventually("both were sent", || {
            assert_eq!(serving.ask("First", ""), 200);
            let now = [&traces, &metrics].map(|count| count.load(Ordering::SeqCst));
            now[0] >= before[0] + least && now[1] >= before[1] + least
        });
    };
    // Without a request there is nothing to measure.
    assert_eq!(serving.ask("First", ""), 200);
    eventually("a word about metrics", || !serving.log().is_empty());
    // Traces that are taken say nothing of metrics.
    both(2);
    let about = |level: &str| serving.log_of(level).join("\n").replace(&address, "ADDRESS");
    insta::assert_snapshot!(about("info"), @"the OpenTelemetry collector at http://ADDRESS has answered 404; metrics are dropped until it takes them. Correct diagnostics.otel.endpoint: /v1/traces and /v1/metrics are appended to it");
    takes_all.store(true, Ordering::SeqCst);
    eventually("another word about them", || serving.log_of("info").len() > 1);
    both(2);
    insta::assert_snapshot!(about("info"), @r"
    the OpenTelemetry collector at http://ADDRESS has answered 404; metrics are dropped until it takes them. Correct diagnostics.otel.endpoint: /v1/traces and /v1/metrics are appended to it
    the OpenTelemetry collector at http://ADDRESS takes metrics again
    ");
    serving.ended();
}

#[test]
fn a_collector_that_never_answers_does_not_keep_yabby_from_ending() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (first, second) = (ModelServer::start_on_thread(), ModelServer::start_on_thread());
    let url = format!("http://{}", silent.local_addr().unwrap());
    let serving = Serving::start(&first, &second, &url);
    assert_eq!(serving.ask("First", ""), 200);
    serving.ended();
}

/// Reads a request to its end: whoever closes before that takes its answer back.
fn read(stream: &mut TcpStream) -> Vec<u8> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).unwrap_or(0);
        read.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&read).to_lowercase();
        let wanted = text
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next());
        let wanted: Option<usize> = wanted.and_then(|length| length.trim().parse().ok());
        let head = read.windows(4).position(|end| end == b"\r\n\r\n");
        let is_whole = matches!((head, wanted), (Some(head), Some(wanted)) if read.len() >= head + 4 + wanted);
        if is_whole || length == 0 {
            return read;
        }
    }
}

// === impl Collector ===

impl Collector {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/otel/collector.py");
        let mut command = Command::new(python());
        command
            .arg(script)
            .env("PATH", path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = Running::start(&mut command, LIMIT);
        let line = String::from_utf8(running.piece().unwrap()).unwrap();
        Self {
            port: line.trim().parse().unwrap_or_else(|_| panic!("no port: {line}")),
            running,
        }
    }

    /// What it has got.
    fn ended(mut self) -> Vec<Value> {
        signal(self.running.child().id(), "-TERM");
        let ran = self.running.ended();
        let out = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.stderr.is_empty(), "{}", String::from_utf8_lossy(&ran.stderr));
        let lines = out.lines().skip(1);
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A Python with the definitions of the protocol, installed once for all runs.
fn python() -> PathBuf {
    static ONCE: Once = Once::new();
    let folder = shared().join("otel-python");
    let done = folder.join("installed.txt");
    ONCE.call_once(|| {
        let versions = format!("{PACKAGES:?}");
        if fs::read_to_string(&done).is_ok_and(|kept| kept == versions) {
            return;
        }
        fs::create_dir_all(shared()).unwrap();
        let mut venv = Command::new("python3");
        run(venv.args(["-m", "venv", "--clear"]).arg(&folder));
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES));
        fs::write(&done, versions).unwrap();
    });
    folder.join("bin/python")
}

fn run(command: &mut Command) {
    let ran = command.env("PATH", path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

// === impl Serving ===

impl Serving {
    fn start(first: &ModelServer, second: &ModelServer, collector: &str) -> Self {
        let home = home(&format!(
            "{{ models: {{ mode: 'replace', providers: {{
                 box: {{ baseUrl: '{}', apiKey: 'k-canary', models: [{{ id: 'm1', contextWindow: 32768 }}] }},
                 far: {{ baseUrl: '{}', models: [{{ id: 'm1', contextWindow: 32768 }}] }} }} }},
               agents: {{ defaults: {{ model: {{ primary: 'box/m1', fallbacks: ['far/m1'] }},
                 models: {{ 'box/m1': {{ alias: 'First' }}, 'far/m1': {{ alias: 'Second' }} }} }},
                 entries: {{ main: {{ model: 'far/m1' }} }} }},
               tools: {{ deny: ['*'] }},
               diagnostics: {{ otel: {{ enabled: true, endpoint: '{collector}', serviceName: 'my-yabby',
                 headers: {{ 'x-collector-key': 'canary-collector' }}, flushIntervalMs: 1000 }} }} }}",
            first.base_url(),
            second.base_url()
        ));
        let mut running = Running::start(&mut with_features(home.path(), &["serve", "--port", "0"]), LIMIT);
        let line = String::from_utf8(running.piece().unwrap()).unwrap();
        let address = line.trim().strip_prefix("Yabby listens on http://").unwrap().to_owned();
        let key = fs::read_to_string(home.path().join("gateway-token")).unwrap();
        Self {
            running,
            address,
            key: key.trim().to_owned(),
            home,
        }
    }

    /// Asks, and reads the whole answer. Gives its status.
    fn ask(&self, model: &str, headers: &str) -> u16 {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "canary-question"}]}).to_string();
        let answer = self.said("POST", "/v1/chat/completions", headers, &body);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The status of embeddings.
    fn embed(&self, model: &str) -> u16 {
        let body = json!({"model": model, "input": "canary-question"}).to_string();
        let answer = self.said("POST", "/v1/embeddings", "", &body);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Asks, and leaves in the middle of the answer.
    fn leave(&self, model: &str) {
        let messages = json!([{"role": "user", "content": "canary-question"}]);
        let body = json!({"model": model, "stream": true, "messages": messages}).to_string();
        let mut stream = self.send("POST", "/v1/chat/completions", "", &body);
        let mut begin = [0; 64];
        stream.read_exact(&mut begin).unwrap();
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.said("GET", path, "", "");
        let body = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
        serde_json::from_str(body).unwrap()
    }

    /// What the log says of the collector.
    fn log(&self) -> Vec<String> {
        self.log_of("warn")
    }

    /// The same from this level on.
    fn log_of(&self, level: &str) -> Vec<String> {
        let lines = self.get(&format!("/api/logs?level={level}"));
        let lines = lines["lines"].as_array().unwrap().iter();
        let about = lines.filter(|line| line["target"] == "otel");
        about.map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    }

    fn said(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut answer = String::new();
        self.send(method, path, headers, body)
            .read_to_string(&mut answer)
            .unwrap();
        answer
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, key, length) = (&self.address, &self.key, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream
    }

    /// Ends it with Ctrl-C, and gives what it has told.
    fn ended(mut self) -> String {
        signal(self.running.child().id(), "-INT");
        let ran = self.running.ended();
        let told = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(0), "{told}");
        for secret in SECRETS {
            assert!(!told.contains(secret), "{secret} is in {told}");
        }
        drop(self.home);
        told
    }
}
