//! The memory is searched by meaning, with embeddings of a real llama.cpp. Its model is no embedding model, so that nothing is
//! said of what it finds best.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use yabby_testkit::{ModelServer, script};

use crate::{
    place::{LIMIT, installed, model_file, python, within, yabby},
    running::Running,
};

/// A batch is smaller than a piece of a note may be.
const SCRIPT: &str = r#"
import json, os, sys, xllamacpp
asked = json.loads(sys.argv[1])
p = xllamacpp.CommonParams()
p.model.path, p.port, p.model_alias = asked["file"], asked["port"], {"smollm2-embed"}
p.n_ctx, p.n_batch, p.n_ubatch, p.n_parallel = 512, 128, 128, 1
p.embedding = True
p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(p)
sys.stdin.read()
os._exit(0)
"#;

/// Dropping it ends the server.
pub(crate) struct Embedder {
    child: Child,
    pub(crate) port: u16,
}

impl Embedder {
    pub(crate) fn start() -> Self {
        installed();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let asked = json!({"file": model_file(), "port": port});
        let child = Command::new(python())
            .args(["-I", "-c", SCRIPT, &asked.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let embedder = Self { child, port };
        within(LIMIT, "llama.cpp answers", || embedder.is_ready());
        embedder
    }

    fn is_ready(&self) -> bool {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let _ = socket.set_read_timeout(Some(Duration::from_secs(5)));
        let mut said = String::new();
        let asked = write!(socket, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        asked.is_ok() && socket.read_to_string(&mut said).is_ok() && said.starts_with("HTTP/1.1 200")
    }
}

impl Drop for Embedder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `memory_search` tells a model.
fn finds(state: &TempDir, chat: &ModelServer, query: &str) -> String {
    chat.chat(script![tool_call(
        "c1",
        "memory_search",
        &json!({"query": query}).to_string()
    )]);
    chat.chat("So it is.");
    let mut up = yabby(state.path(), &["up", "--session", "s"]);
    up.env("HOME", state.path());
    let ran = Running::with_input(&mut up, b"look\n", LIMIT).ended();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let calls = chat.model_calls();
    let messages: &Vec<Value> = calls.last().unwrap().body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn notes_are_embedded_by_a_server_near_by() {
    let (embedder, chat) = (Embedder::start(), ModelServer::start_on_thread());
    let state = TempDir::new().unwrap();
    let config = format!(
        "{{models: {{providers: {{
           chat: {{baseUrl: '{}', api: 'openai-completions', models: [{{id: 'm1'}}]}},
           meaning: {{baseUrl: 'http://127.0.0.1:{}/v1', api: 'openai-completions'}}}}}},
         agents: {{defaults: {{model: 'chat/m1', memorySearch: {{query: {{minScore: 0}}}}}}}}}}",
        chat.base_url(),
        embedder.port
    );
    fs::write(state.path().join("yabby.json5"), config).unwrap();
    let memory = state.path().join("workspace/memory");
    fs::create_dir_all(&memory).unwrap();
    fs::write(memory.join("pets.md"), "Mochi is a corgi.\n").unwrap();
    // Longer than the model takes.
    fs::write(
        memory.join("long.md"),
        format!("about the harbour {}\n", "boat ".repeat(200)),
    )
    .unwrap();
    let found = finds(&state, &chat, "the dog");
    assert!(
        found.contains("memory/pets.md:1-1") && !found.contains("searched by words only"),
        "{found}"
    );
    // The long one has no embedding, and is found by its words.
    let found = finds(&state, &chat, "harbour");
    assert!(
        found.contains("memory/long.md:1-1") && !found.contains("searched by words only"),
        "{found}"
    );
    // Who found it by itself does not miss it.
    drop(embedder);
    let found = finds(&state, &chat, "corgi");
    assert!(
        found.contains("memory/pets.md:1-1") && found.contains("(searched by words only)"),
        "{found}"
    );
}
