//! A llama.cpp server that is not Yabby's, without a key.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::{
    place::{LIMIT, installed, model_file, python, within},
    qwen,
};

/// Dropping it ends the server: it waits for the end of its standard input.
pub(crate) struct Llama {
    child: Child,
    port: u16,
}

/// What a server serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// Asked for when it is started: the first time it may be downloaded.
    pub(crate) file: fn() -> PathBuf,
    pub(crate) alias: &'static str,
    pub(crate) slots: u32,
    /// Tokens of each slot.
    pub(crate) window: u32,
    /// A chat template instead of the model's own.
    pub(crate) template: Option<&'static str>,
}

/// Answers and streams, but calls no tool and says little that makes sense.
pub(crate) const SMOLLM2: Served = Served {
    file: model_file,
    alias: "smollm2",
    slots: 2,
    window: 2048,
    template: None,
};

/// Calls tools. With its own template the calls come as text.
pub(crate) const QWEN: Served = Served {
    file: qwen::model_file,
    alias: "qwen",
    // What the dialects have in common is then read once.
    slots: 1,
    window: 2048,
    template: None,
};

/// What `/metrics` says: requests that are answered and that wait, tokens a second since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) processing: f64,
    pub(crate) deferred: f64,
    pub(crate) prefill: f64,
    pub(crate) decode: f64,
}

/// One thread: with two, Qwen writes 36 tokens a second instead of 23 on two idle cores, but 5 when something else runs, because the
/// threads wait for each other without sleeping. And what it says is another word at times, as sums are rounded in another order.
const SCRIPT: &str = r#"
import json, os, sys, xllamacpp
asked = json.loads(sys.argv[1])
p = xllamacpp.CommonParams()
p.model.path, p.port, p.model_alias = asked["file"], asked["port"], {asked["alias"]}
p.n_ctx, p.n_parallel = asked["window"] * asked["slots"], asked["slots"]
p.use_jinja, p.endpoint_slots, p.endpoint_metrics = True, True, True
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
if asked["template"]:
    p.chat_template = asked["template"]
server = xllamacpp.Server(p)
sys.stdin.read()
os._exit(0)
"#;

impl Llama {
    /// The small model.
    pub(crate) fn start() -> Self {
        Self::serve(&SMOLLM2)
    }

    pub(crate) fn serve(served: &Served) -> Self {
        let mut llama = Self::launch(served);
        llama.ready();
        llama
    }

    /// Without waiting until it answers.
    pub(crate) fn launch(served: &Served) -> Self {
        installed();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            child: spawn(served, port),
            port,
        }
    }

    /// Another one on the same port, after this one has crashed.
    pub(crate) fn again(&mut self, served: &Served) {
        self.kill();
        self.child = spawn(served, self.port);
        self.ready();
    }

    fn ready(&mut self) {
        within(LIMIT, "llama.cpp answers", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "llama.cpp cannot serve: {ended:?}");
            self.get("/health").is_some_and(|body| body.contains("ok"))
        });
    }

    /// Whether it is there and says that it loads its model.
    pub(crate) fn is_loading(&self) -> bool {
        self.answer("/health")
            .is_some_and(|(status, body)| status.contains("503") && body.contains("Loading model"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A config in which each provider speaks another dialect to this server.
    pub(crate) fn config(&self) -> String {
        let provider = |id: &str, api: &str| {
            format!(
                r#"{id}: {{ baseUrl: "http://127.0.0.1:{}/v1", api: "{api}", models: [{{ id: "smollm2", contextWindow: 8192 }}] }},"#,
                self.port
            )
        };
        format!(
            "{{ models: {{ providers: {{ {} {} {} }} }} }}",
            provider("chat", "openai-completions"),
            provider("resp", "openai-responses"),
            provider("msgs", "anthropic-messages"),
        )
    }

    /// Slots that are at work.
    pub(crate) fn busy(&self) -> usize {
        self.get("/slots")
            .map_or(0, |body| body.matches("\"is_processing\":true").count())
    }

    /// What it does, and what waits in the server.
    pub(crate) fn load(&self) -> Load {
        let metrics = self.get("/metrics").unwrap_or_default();
        let number = |name: &str| {
            let mut lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
            lines.next().and_then(|rest| rest.trim().parse().ok()).unwrap_or(0.0)
        };
        Load {
            processing: number("llamacpp:requests_processing "),
            deferred: number("llamacpp:requests_deferred "),
            prefill: number("llamacpp:prompt_tokens_seconds "),
            decode: number("llamacpp:predicted_tokens_seconds "),
        }
    }

    /// The number of the request that its first slot answers now.
    pub(crate) fn task(&self) -> Option<i64> {
        let slots: serde_json::Value = serde_json::from_str(&self.get("/slots")?).ok()?;
        let slot = &slots[0];
        (slot["is_processing"] == true).then(|| slot["id_task"].as_i64())?
    }

    /// As a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn get(&self, path: &str) -> Option<String> {
        let (status, body) = self.answer(path)?;
        status.contains("200").then_some(body)
    }

    /// The status line and the body.
    fn answer(&self, path: &str) -> Option<(String, String)> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        socket.set_write_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut reader = BufReader::new(socket);
        let mut status = String::new();
        reader.read_line(&mut status).ok()?;
        let mut rest = String::new();
        reader.read_to_string(&mut rest).ok()?;
        let (_, body) = rest.split_once("\r\n\r\n")?;
        Some((status, body.to_owned()))
    }
}

fn spawn(served: &Served, port: u16) -> Child {
    let asked = json!({
        "file": (served.file)(),
        "port": port,
        "alias": served.alias,
        "slots": served.slots,
        "window": served.window,
        "template": served.template,
    });
    Command::new(python())
        .args(["-I", "-c", SCRIPT, &asked.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
