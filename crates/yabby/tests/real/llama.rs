//! A llama.cpp server that is not Yabby's: two slots of 2048 tokens, one thread, no key.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::place::{eventually, installed, model_file, python};

/// Dropping it ends the server: it waits for the end of its standard input.
pub(crate) struct Llama {
    child: Child,
    port: u16,
}

const SCRIPT: &str = r#"
import os, sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port, p.model_alias = sys.argv[1], int(sys.argv[2]), {"smollm2"}
p.n_ctx, p.n_parallel, p.use_jinja, p.endpoint_slots = 4096, 2, True, True
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(p)
sys.stdin.read()
os._exit(0)
"#;

impl Llama {
    pub(crate) fn start() -> Self {
        installed();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(python())
            .args(["-I", "-c", SCRIPT])
            .arg(model_file())
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let llama = Self { child, port };
        eventually("llama.cpp answers", || {
            llama.get("/health").is_some_and(|body| body.contains("ok"))
        });
        llama
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

    /// As a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        socket.set_write_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut reader = BufReader::new(socket);
        let mut status = String::new();
        reader.read_line(&mut status).ok()?;
        let mut body = String::new();
        reader.read_to_string(&mut body).ok()?;
        status.contains("200").then_some(body)
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
