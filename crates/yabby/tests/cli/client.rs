//! A client of the gateway.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    home::Home,
    running::Running,
    serve::{interrupt, started},
};

/// No answer takes longer.
const LONGEST: Duration = Duration::from_mins(1);

/// A gateway at work, and how to talk to it.
pub(crate) struct Served {
    /// It ends when this is dropped.
    running: Option<Running>,
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
            running: Some(running),
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
            running: None,
            address: address.to_owned(),
            key: String::new(),
        };
        let (status, answer) = served.call("POST", "/api/sign-in", Some(&json!({"code": code})));
        assert_eq!(status, 200, "{answer}");
        answer["key"].as_str().unwrap().clone_into(&mut served.key);
        served
    }

    /// What answers there, under the name of that address.
    pub(crate) fn behind(running: Running, address: &str, key: &str) -> Self {
        Self {
            running: Some(running),
            address: address.to_owned(),
            key: key.to_owned(),
        }
    }

    /// As Ctrl-C.
    pub(crate) fn interrupt(&mut self) {
        interrupt(self.running());
    }

    /// As a service is ended; waits for its end.
    pub(crate) fn terminate(&mut self) {
        let id = i32::try_from(self.process()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        assert!(self.running().child().wait().unwrap().success());
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.running().child().kill().unwrap();
        self.running().child().wait().unwrap();
    }

    /// Its process, where it is not somebody else's.
    fn running(&mut self) -> &mut Running {
        self.running.as_mut().unwrap()
    }

    /// The number of its process.
    pub(crate) fn process(&mut self) -> u32 {
        self.running().child().id()
    }

    /// A metric without labels, or the sum over all labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut answer = String::new();
        self.ask("GET", "/metrics", "", None)
            .read_to_string(&mut answer)
            .unwrap();
        let mut values = answer.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_it = rest.starts_with([' ', '{']);
            rest.rsplit(' ').next()?.parse::<u64>().ok().filter(|_| is_it)
        });
        let first = values.next().unwrap_or_else(|| panic!("no {name}: {answer}"));
        first + values.sum::<u64>()
    }

    pub(crate) fn until(&self, holds: impl Fn() -> bool, what: &str) {
        let begin = Instant::now();
        while !holds() {
            assert!(begin.elapsed() < LONGEST, "{what} did not come");
            thread::sleep(Duration::from_millis(10));
        }
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
        answer(self.ask(method, path, headers, body))
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
    /// Whether it ends, whatever comes before that.
    pub(crate) fn ended(mut self) -> bool {
        self.0.read_to_end(&mut Vec::new()).is_ok()
    }

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

/// The status and the body of what was asked over a connection.
pub(crate) fn answer(mut stream: TcpStream) -> (u16, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
