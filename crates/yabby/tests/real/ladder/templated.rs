//! A llama.cpp server with a chat template of a test.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use crate::place::{eventually, installed, model_file, python};

/// Dropping it ends the server.
pub(super) struct Templated {
    child: Child,
    port: u16,
}

const SCRIPT: &str = r#"
import os, sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port, p.model_alias = sys.argv[1], int(sys.argv[2]), {"smollm2"}
p.chat_template = sys.argv[3]
p.n_ctx, p.n_parallel, p.use_jinja = 4096, 1, True
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(p)
sys.stdin.read()
os._exit(0)
"#;

impl Templated {
    pub(super) fn start(template: &str) -> Self {
        installed();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(python())
            .args(["-I", "-c", SCRIPT])
            .arg(model_file())
            .args([&port.to_string(), template])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port };
        eventually("llama.cpp answers", || server.is_healthy().unwrap_or(false));
        server
    }

    pub(super) fn root(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn is_healthy(&self) -> Option<bool> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(socket, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        Some(answer.starts_with("HTTP/1.1 200"))
    }
}

impl Drop for Templated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
