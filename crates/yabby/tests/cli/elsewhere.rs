//! Two gateways on one database: a program reads at one of them, as it comes, what the other one answers.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use yabby_testkit::{Latch, ModelServer, Postgres, script};

use crate::{
    client::{Served, answer},
    home::Home,
    serve,
};

const KEY: &str = "the-key-that-both-have";
/// So many turns a gateway runs at once.
const ALL: usize = 8;

fn gateway(home: &Home) -> Served {
    let (running, address) = serve::started(home);
    Served::behind(running, &address, KEY)
}

fn home(url: &str, server: &ModelServer) -> Home {
    let home = Home::with_config(&format!(
        "{{ store: {{ url: '{url}' }}, gateway: {{ auth: {{ token: '{KEY}' }} }},
           agents: {{ defaults: {{ reasoningDefault: 'on' }} }},
           models: {{ providers: {{ box: {{ baseUrl: '{}', models: [{{ id: 'm1', contextWindow: 8192 }}] }} }} }} }}",
        server.base_url()
    ));
    std::fs::create_dir(home.path().join("workspace")).unwrap();
    home.write("workspace/notes.txt", "The code word is marmalade.\n");
    home
}

/// Two gateways. The first one has as many turns as it runs at once, none of which ends, so that the other one runs all others.
fn one_that_only_listens(url: &str, stuck: &ModelServer, server: &ModelServer) -> ([Home; 2], [Served; 2]) {
    stuck.default_reply(script![hang()]);
    let homes = [home(url, stuck), home(url, server)];
    let first = gateway(&homes[0]);
    for _ in 0..ALL {
        let body = json!({"model": "yabby", "input": "hi", "background": true});
        assert_eq!(first.call("POST", "/v1/responses", Some(&body)).0, 200);
    }
    let running = || {
        let listed = first.get("/api/conversations");
        let listed = listed["conversations"].as_array().unwrap().iter();
        listed.filter(|conversation| conversation["running"] == true).count()
    };
    first.until(|| running() == ALL, "as many turns as it runs");
    let other = gateway(&homes[1]);
    (homes, [first, other])
}

/// A stream of one of the three APIs, and what was read of it.
struct Reader {
    lines: BufReader<TcpStream>,
    text: String,
    reasoning: String,
    /// The last counts of tokens of the answer.
    output_tokens: Value,
}

impl Reader {
    fn new(stream: TcpStream) -> Self {
        Self {
            lines: BufReader::new(stream),
            text: String::new(),
            reasoning: String::new(),
            output_tokens: Value::Null,
        }
    }

    /// Reads the next event; whether there was one.
    fn reads(&mut self) -> bool {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return false;
            }
            let Some(event) = line.strip_prefix("data: ") else {
                continue;
            };
            if event.trim() == "[DONE]" {
                continue;
            }
            let event: Value = serde_json::from_str(event).unwrap();
            let kind = event["type"].as_str().unwrap_or_default();
            let (chat, delta) = (&event["choices"][0]["delta"], &event["delta"]);
            let texts = [
                &chat["content"],
                if kind.contains("output_text.delta") {
                    delta
                } else {
                    &delta["text"]
                },
            ];
            let thoughts = [
                &chat["reasoning_content"],
                if kind.contains("reasoning") && kind.contains(".delta") {
                    delta
                } else {
                    &delta["thinking"]
                },
            ];
            for (read, pieces) in [(&mut self.text, texts), (&mut self.reasoning, thoughts)] {
                pieces
                    .iter()
                    .filter_map(|piece| piece.as_str())
                    .for_each(|piece| *read += piece);
            }
            for usage in [
                &event["usage"]["completion_tokens"],
                &event["usage"]["output_tokens"],
                &event["response"]["usage"]["output_tokens"],
            ] {
                if !usage.is_null() {
                    self.output_tokens = usage.clone();
                }
            }
            return true;
        }
    }

    fn until(&mut self, text: &str) {
        while self.text != text {
            assert!(self.reads(), "it has ended after {:?}", self.text);
            assert!(text.starts_with(&self.text), "{:?}", self.text);
        }
    }
}

#[test]
fn a_program_reads_live_what_another_gateway_answers() {
    let [stuck, server] = [(); 2].map(|()| ModelServer::start_on_thread());
    let url = Postgres::shared().new_database();
    let (_homes, gateways) = one_that_only_listens(&url, &stuck, &server);
    let user = json!([{"role": "user", "content": "what is the code word?"}]);
    for (path, body) in [
        (
            "/v1/chat/completions",
            json!({"messages": user, "reasoning": {"enabled": true}, "stream_options": {"include_usage": true}}),
        ),
        (
            "/v1/responses",
            json!({"input": user, "reasoning": {"summary": "auto"}}),
        ),
        (
            "/v1/messages",
            json!({"messages": user, "max_tokens": 9999, "thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ),
    ] {
        let holds: [Latch; 2] = Default::default();
        // The model says the rest when the client has read what it has said before.
        server.chat(script![
            reasoning("Hm."),
            text("Let me"),
            held(&holds[0]),
            text(" look."),
            tool_call("c1", "read", r#"{"path":"notes.txt"}"#),
            usage(100, 7)
        ]);
        server.chat(script![
            reasoning("So."),
            text("It is"),
            held(&holds[1]),
            text(" marmalade."),
            usage(100, 5)
        ]);
        let mut body = body;
        body["model"] = json!("yabby");
        body["stream"] = json!(true);
        let mut reader = Reader::new(gateways[0].ask("POST", path, "", Some(&body)));
        reader.until("Let me");
        holds[0].open();
        reader.until("Let me look.\n\nIt is");
        holds[1].open();
        reader.until("Let me look.\n\nIt is marmalade.");
        while reader.reads() {}
        assert_eq!(
            (reader.text.as_str(), reader.reasoning.as_str(), &reader.output_tokens),
            ("Let me look.\n\nIt is marmalade.", "Hm.So.", &json!(12)),
            "{path}"
        );
    }
    assert_eq!(server.model_calls().len(), 6, "the other one answers");
}

/// The one that answers is killed, and another one goes on anew: what it says stands below what was read.
#[test]
fn a_program_reads_the_answer_of_whoever_goes_on() {
    let [stuck, server] = [(); 2].map(|()| ModelServer::start_on_thread());
    let url = Postgres::shared().new_database();
    let (_homes, mut gateways) = one_that_only_listens(&url, &stuck, &server);
    server.chat(script![text("Half an"), hang()]);
    let body = json!({"model": "yabby", "messages": [{"role": "user", "content": "hi"}], "stream": true});
    let mut reader = Reader::new(gateways[0].ask("POST", "/v1/chat/completions", "", Some(&body)));
    reader.until("Half an");
    let hold = Latch::default();
    server.chat(script![text("Whole"), held(&hold), text(" one.")]);
    let third = home(&url, &server);
    let _third = gateway(&third);
    gateways[1].kill();
    reader.until("Half an\n\nWhole");
    hold.open();
    reader.until("Half an\n\nWhole one.");
    while reader.reads() {}
    assert_eq!(reader.text, "Half an\n\nWhole one.");
}

/// Whoever does not read as it comes gets the answer that counts, and nothing of the one that broke off.
#[test]
fn a_program_that_waits_gets_the_answer_of_whoever_goes_on_alone() {
    let [stuck, server] = [(); 2].map(|()| ModelServer::start_on_thread());
    let url = Postgres::shared().new_database();
    let (_homes, mut gateways) = one_that_only_listens(&url, &stuck, &server);
    server.chat(script![text("Half an"), hang()]);
    let body = json!({"model": "yabby", "messages": [{"role": "user", "content": "hi"}]});
    let asked = gateways[0].ask("POST", "/v1/chat/completions", "", Some(&body));
    gateways[0].until(|| server.model_calls().len() == 1, "the other one is asked");
    // It is told here what that one says.
    thread::sleep(Duration::from_secs(1));
    server.chat(script![text("Whole one.")]);
    let third = home(&url, &server);
    let _third = gateway(&third);
    gateways[1].kill();
    let (status, body) = answer(asked);
    assert_eq!(
        (status, &body["choices"][0]["message"]["content"]),
        (200, &json!("Whole one."))
    );
}
