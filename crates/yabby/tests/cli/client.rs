//! A client of the gateway.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{home::Home, running::Running, serve::started};

/// No answer takes longer.
const LONGEST: Duration = Duration::from_secs(30);

/// A gateway at work, and how to talk to it.
pub(crate) struct Served {
    /// It ends when this is dropped.
    _running: Option<Running>,
    pub(crate) address: String,
    pub(crate) key: String,
}

/// A stream of events.
pub(crate) struct Events(BufReader<TcpStream>);

impl Served {
    pub(crate) fn start(home: &Home) -> Self {
        let (running, address) = started(home);
        let key = std::fs::read_to_string(home.path().join("gateway-token")).unwrap();
        Self {
            _running: Some(running),
            address,
            key: key.trim().to_owned(),
        }
    }

    /// A browser that was let in with a link that somebody else has made.
    pub(crate) fn with_link(link: &str) -> Self {
        let (address, code) = link
            .strip_prefix("http://")
            .and_then(|link| link.split_once("/#code="))
            .unwrap();
        let mut served = Self {
            _running: None,
            address: address.to_owned(),
            key: String::new(),
        };
        let (status, answer) = served.call("POST", "/api/sign-in", Some(&json!({"code": code})));
        assert_eq!(status, 200, "{answer}");
        answer["key"].as_str().unwrap().clone_into(&mut served.key);
        served
    }

    /// A connection over which this was asked.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len(),
        )
        .unwrap();
        stream
    }

    /// The status and the body of an answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call_with(method, path, "", body)
    }

    pub(crate) fn call_with(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> (u16, Value) {
        let mut answer = String::new();
        self.ask(method, path, headers, body)
            .read_to_string(&mut answer)
            .unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, value) = self.call("GET", path, None);
        assert_eq!(status, 200, "{value}");
        value
    }

    /// Says something in the main conversation.
    pub(crate) fn say(&self, id: &str, text: &str) {
        let said = json!({"id": id, "text": text});
        let (status, answer) = self.call("POST", "/api/conversations/agent%3Amain%3Amain/messages", Some(&said));
        assert_eq!(status, 202, "{answer}");
    }

    /// What stands in the main conversation, as `kind: text`.
    pub(crate) fn entries(&self) -> Vec<String> {
        let entries = self.get("/api/conversations/agent%3Amain%3Amain/entries");
        let entries = entries["entries"].as_array().unwrap().iter();
        let line = |entry: &Value| {
            format!(
                "{}: {}",
                entry["kind"].as_str().unwrap(),
                entry["text"].as_str().unwrap()
            )
        };
        entries.map(line).collect()
    }

    pub(crate) fn events(&self) -> Events {
        let stream = self.ask("GET", "/api/events?conversation=agent%3Amain%3Amain", "", None);
        Events(BufReader::new(stream))
    }
}

impl Events {
    /// The next event of one of these types; those between are left out.
    pub(crate) fn next(&mut self, types: &[&str]) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
            let Some(data) = line.strip_prefix("data: ") else {
                continue;
            };
            let event: Value = serde_json::from_str(data).unwrap();
            if types.contains(&event["type"].as_str().unwrap()) {
                return event;
            }
        }
    }
}
