//! Two gateways on one database, behind nginx: a page follows its conversation when the gateway that answers it is killed.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, Postgres, script};

use crate::{
    client::{Events, Served},
    home::{Home, watch},
    serve,
    socket::{Frame, Socket},
    tty::Tty,
};

const MAIN: &str = "/api/conversations/agent%3Amain%3Amain";
const KEY: &str = "the-key-that-both-have";
/// Longer than another gateway waits before it takes over what one that has died has begun.
const LIMIT: Duration = Duration::from_secs(90);

fn home(url: &str, server: &ModelServer) -> Home {
    Home::with_config(&format!(
        "{{ store: {{ url: '{url}' }}, gateway: {{ auth: {{ token: '{KEY}' }}, trustedProxies: ['127.0.0.1'] }},
           models: {{ providers: {{ box: {{ baseUrl: '{}', models: [{{ id: 'm1', contextWindow: 8192 }}] }} }} }} }}",
        server.base_url()
    ))
}

fn gateway(home: &Home) -> Served {
    let (running, address) = serve::started(home);
    Served::behind(running, &address, KEY)
}

/// nginx before two addresses.
fn nginx(home: &Home, gateways: [&Served; 2]) -> Served {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free.local_addr().unwrap().to_string();
    drop(free);
    let mut config = include_str!("nginx.conf").to_owned();
    for (word, value) in [
        ("FOLDER", home.path().to_str().unwrap()),
        ("ONE", &gateways[0].address),
        ("OTHER", &gateways[1].address),
        ("OWN", &own),
    ] {
        config = config.replace(word, value);
    }
    let file = home.write("nginx.conf", &config);
    let begin = |program: &str| {
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(home.path())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let child = match begin("nginx") {
        Err(error) if error.kind() == ErrorKind::NotFound => begin("/usr/sbin/nginx"),
        begun => begun,
    };
    let child = child.unwrap_or_else(|error| panic!("nginx, which `cargo xtask test` installs: {error}"));
    let begin = Instant::now();
    while TcpStream::connect(&own).is_err() {
        let said = fs::read_to_string(home.path().join("error.log")).unwrap_or_default();
        assert!(begin.elapsed() < LIMIT, "nginx does not listen: {said}");
        thread::sleep(Duration::from_millis(20));
    }
    Served::behind(watch(child), &own, "")
}

/// What a page knows of its conversation.
struct Page<'a> {
    /// The way to it.
    through: &'a Served,
    /// By their numbers.
    entries: BTreeMap<u64, Value>,
}

impl Page<'_> {
    /// Reads as the page does when it is told that there is something new. What is known stays as it is.
    fn reads(&mut self) {
        let (status, answer) = self.through.call("GET", &format!("{MAIN}/entries"), None);
        assert_eq!(status, 200, "{answer}");
        let mut last = None;
        for entry in answer["entries"].as_array().unwrap() {
            let seq = entry["seq"].as_u64().unwrap();
            assert!(
                last.is_none_or(|last| seq > last),
                "each comes once, in order: {answer}"
            );
            last = Some(seq);
            let known = self.entries.entry(seq).or_insert_with(|| entry.clone());
            assert_eq!(
                (&known["id"], &known["text"]),
                (&entry["id"], &entry["text"]),
                "{answer}"
            );
        }
        assert_eq!(
            self.entries.len(),
            answer["entries"].as_array().unwrap().len(),
            "none is gone: {answer}"
        );
    }

    fn lines(&self) -> Vec<String> {
        let line = |entry: &Value| {
            format!(
                "{}: {}",
                entry["kind"].as_str().unwrap(),
                entry["text"].as_str().unwrap()
            )
        };
        self.entries.values().map(line).collect()
    }

    /// Reads whenever it is told to, until it knows this.
    fn knows(&mut self, events: &mut Events, lines: &[&str]) {
        let begin = Instant::now();
        self.reads();
        while self.lines() != lines {
            assert!(begin.elapsed() < LIMIT, "{:?}", self.lines());
            events.next(&["entries", "ended", "step", "snapshot"]);
            self.reads();
        }
    }

    /// As the page sends what it has kept until it was taken: again, with the same id.
    fn says(&self, id: &str, text: &str) {
        let said = json!({"id": id, "text": text});
        let begin = Instant::now();
        loop {
            let (status, answer) = self.through.call("POST", &format!("{MAIN}/messages"), Some(&said));
            match status {
                202 => return,
                502..=504 if begin.elapsed() < LIMIT => thread::sleep(Duration::from_millis(50)),
                _ => panic!("{status} {answer}"),
            }
        }
    }
}

/// Which of two gateways has begun this answer.
fn answering(gateways: &[Served; 2], begun: &str) -> usize {
    let begin = Instant::now();
    loop {
        let has_begun = |gateway: &Served| {
            let turn = &gateway.get(&format!("{MAIN}/entries"))["turn"];
            turn["text"].as_str().is_some_and(|text| text.starts_with(begun))
        };
        if let Some(at) = gateways.iter().position(has_begun) {
            return at;
        }
        assert!(begin.elapsed() < LIMIT, "nobody answers");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Events through nginx, of the gateway with this name.
fn events_of(through: &Served, replica: &str) -> Events {
    for _ in 0..20 {
        let mut events = through.events();
        if events.next(&["hello"])["replica"] == replica {
            return events;
        }
    }
    panic!("nginx never asks {replica}");
}

/// Waits until a page shows this of the answer that runs.
fn sees(events: &mut Events, reasoning: &str, text: &str) {
    let mut seen = ["reasoning", "text"].map(|field| (field, String::new()));
    while seen.each_ref().map(|(_, seen)| seen.as_str()) != [reasoning, text] {
        let event = events.next(&["began", "step", "snapshot", "reasoning", "text"]);
        for (field, seen) in &mut seen {
            match event["type"].as_str().unwrap() {
                "began" | "step" => seen.clear(),
                "snapshot" => event["turn"][*field].as_str().unwrap_or_default().clone_into(seen),
                of if of == *field => *seen += event["delta"].as_str().unwrap(),
                _ => {}
            }
        }
    }
}

/// Whichever gateway answers, a page at any of them sees it as it comes, and stops it.
#[test]
fn a_page_sees_live_what_another_gateway_answers() {
    let server = ModelServer::start_on_thread();
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| home(&url, &server));
    let first = gateway(&homes[0]);
    let gateways = [first, gateway(&homes[1])];
    let mut pages = [0, 1].map(|at: usize| gateways[at].events());
    for page in &mut pages {
        page.next(&["snapshot"]);
    }
    server.chat(script![reasoning("Hm."), text("Half "), text("an"), hang()]);
    gateways[0].say("m1", "hello");
    for page in &mut pages {
        sees(page, "Hm.", "Half an");
    }
    // One that comes in mid-turn has all of it at once, as far as its gateway knows.
    for gateway in &gateways {
        let entries = gateway.get(&format!("{MAIN}/entries"));
        assert_eq!(
            (&entries["turn"]["text"], &entries["turn"]["reasoning"]),
            (&json!("Half an"), &json!("Hm.")),
            "{entries}"
        );
    }
    gateways[1].say("m2", "/stop");
    for page in &mut pages {
        page.next(&["ended"]);
    }
    server.chat(script![tool_call("c1", "exec", r#"{"command":"echo marmalade"}"#)]);
    gateways[0].say("m3", "run it");
    let asked = pages.each_mut().map(|page| page.next(&["asked"])["approval"].clone());
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[0]["state"], "open");
    server.chat("It said marmalade.");
    let path = format!("/api/approvals/{}", asked[0]["id"].as_str().unwrap());
    let (status, answer) = gateways[1].call("POST", &path, Some(&json!({"approve": true})));
    assert_eq!(status, 202, "{answer}");
    for page in &mut pages {
        sees(page, "", "It said marmalade.");
    }
}

/// A response is the same at each gateway: while it is made, at its end, and when it is cancelled.
#[test]
fn a_response_is_retrieved_and_cancelled_at_another_gateway() {
    let server = ModelServer::start_on_thread();
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| home(&url, &server));
    let first = gateway(&homes[0]);
    let gateways = [first, gateway(&homes[1])];
    let begin = |input: &str| {
        let body = json!({"model": "yabby", "input": input, "background": true});
        let (status, response) = gateways[0].call("POST", "/v1/responses", Some(&body));
        assert_eq!(
            (status, &response["status"]),
            (200, &json!("in_progress")),
            "{response}"
        );
        format!("/v1/responses/{}", response["id"].as_str().unwrap())
    };
    let both = |path: &str, status: &str| {
        for gateway in &gateways {
            gateway.until(|| gateway.get(path)["status"] == status, status);
        }
        let [one, other] = [0, 1].map(|at: usize| gateways[at].get(path));
        assert_eq!(one, other);
        one
    };
    server.chat(script![text("Half an "), hang()]);
    let path = begin("first");
    gateways[0].until(|| server.model_calls().len() == 1, "a call of the model");
    both(&path, "in_progress");
    let (status, cancelled) = gateways[1].call("POST", &format!("{path}/cancel"), None);
    assert_eq!(
        (status, &cancelled["status"]),
        (200, &json!("cancelled")),
        "{cancelled}"
    );
    both(&path, "cancelled");
    // Its turn is stopped, wherever it runs, so that nobody is asked any more.
    gateways[0].until(|| server.busy() == 0, "the end of its turn");

    server.chat("Whole.");
    let path = begin("second");
    let whole = both(&path, "completed");
    assert_eq!(whole["output"][0]["content"][0]["text"], "Whole.");
    let items = gateways[1].get(&format!("{path}/input_items"));
    assert_eq!(items["data"][0]["content"][0]["text"], "second");
    let (status, deleted) = gateways[1].call("DELETE", &path, None);
    assert_eq!((status, &deleted["deleted"]), (200, &json!(true)));
    for gateway in &gateways {
        assert_eq!(gateway.call("GET", &path, None).0, 404);
    }
}

#[test]
fn a_page_follows_its_conversation_across_a_killed_gateway() {
    let server = ModelServer::start_on_thread();
    server.chat("One.");
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| home(&url, &server));
    // The first one makes the tables.
    let first = gateway(&homes[0]);
    let gateways = [first, gateway(&homes[1])];
    let replicas = [0, 1].map(|at: usize| gateways[at].get("/api/me")["replica"].as_str().unwrap().to_owned());
    assert_ne!(replicas[0], replicas[1]);

    // A browser signs in by one of them, and its key counts at the other one at once.
    let place = Home::new();
    let mut through = nginx(&place, [&gateways[0], &gateways[1]]);
    let (status, device) = through.call("POST", "/api/sign-in", Some(&json!({"token": KEY})));
    assert_eq!(status, 200, "{device}");
    device["key"].as_str().unwrap().clone_into(&mut through.key);
    for _ in 0..4 {
        assert_eq!(through.call("GET", "/api/me", None).0, 200);
    }
    let mut page = Page {
        through: &through,
        entries: BTreeMap::new(),
    };
    let mut events = through.events();
    events.next(&["snapshot"]);
    page.says("m1", "first");
    page.knows(&mut events, &["user: first", "assistant: One."]);

    // The gateway that the page listens to answers, and is killed in the middle. Another page is at the other one.
    server.chat(script![text("Half an "), hang()]);
    page.says("m2", "second");
    let killed = answering(&gateways, "Half");
    let mut events = events_of(&through, &replicas[killed]);
    let (_, mut socket) = Socket::ask(
        &gateways[killed].address,
        "/api/socket",
        &[&format!("host: {}", through.address)],
    );
    socket.says(&json!({"key": through.key, "conversation": "agent:main:main"}));
    for snapshot in [events.next(&["snapshot"]), socket.event(&["snapshot"])] {
        let text = snapshot["turn"]["text"].as_str().unwrap();
        assert!(text.starts_with("Half"), "{snapshot}");
    }
    page.reads();
    assert_eq!(page.lines(), ["user: first", "assistant: One.", "user: second"]);
    let mut elsewhere = gateways[1 - killed].events();
    sees(&mut elsewhere, "", "Half an");
    server.chat("Whole.");
    let mut gateways = gateways;
    gateways[killed].kill();
    assert!(events.ended());
    assert_eq!(socket.end(), Frame::End);

    // It comes back by itself, to the other one, and misses nothing.
    let mut events = through.events();
    assert_eq!(events.next(&["hello"])["replica"], replicas[1 - killed]);
    let begin = Instant::now();
    page.says("m2", "second");
    page.knows(
        &mut events,
        &["user: first", "assistant: One.", "user: second", "assistant: Whole."],
    );
    println!("{:?} until another gateway has answered", begin.elapsed());
    sees(&mut elsewhere, "", "Whole.");

    // What is said now is answered there, live, by a WebSocket too.
    server.chat("Three.");
    let (status, mut socket) = Socket::ask(
        &through.address,
        "/api/socket",
        &[&format!("host: {}", through.address)],
    );
    assert_eq!(status, 101);
    socket.says(&json!({"key": through.key, "conversation": "agent:main:main"}));
    assert_eq!(socket.event(&["hello"])["replica"], replicas[1 - killed]);
    page.says("m3", "third");
    assert_eq!(socket.event(&["text"])["delta"], "Three.");
    socket.event(&["ended"]);
    page.reads();
    assert_eq!(page.lines()[4..], ["user: third", "assistant: Three."]);
    let asked: Vec<usize> = server
        .model_calls()
        .iter()
        .map(|call| call.body["messages"].as_array().unwrap().len())
        .collect();
    assert_eq!(asked.len(), 4, "the one that broke off was asked again: {asked:?}");

    // The killed one comes back, and sees the same.
    let back = gateway(&homes[killed]);
    let entries = back.get(&format!("{MAIN}/entries"));
    assert_eq!(entries["entries"].as_array().unwrap().len(), 6);
    assert_ne!(back.get("/api/me")["replica"], replicas[killed]);
}

/// One that is ended, as services are, gives back what it has begun: nobody waits for its lease.
#[test]
fn what_an_ended_gateway_had_begun_goes_on_at_once() {
    let server = ModelServer::start_on_thread();
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| home(&url, &server));
    let first = gateway(&homes[0]);
    let mut gateways = [first, gateway(&homes[1])];
    server.chat(script![text("Half an "), hang()]);
    gateways[0].say("m1", "hello");
    let ended = answering(&gateways, "Half");
    server.chat("Whole.");
    gateways[ended].terminate();
    let left = &gateways[1 - ended];
    let begin = Instant::now();
    left.until(|| left.entries() == ["user: hello", "assistant: Whole."], "the answer");
    // The lease of one that was killed is over after half a minute.
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}

/// So does a chat with a page, for what was begun there.
#[test]
fn what_was_begun_at_the_page_of_a_chat_goes_on_when_the_chat_ends() {
    let server = ModelServer::start_on_thread();
    let url = Postgres::shared().new_database();
    let homes = [(); 2].map(|()| home(&url, &server));
    let mut chat = Tty::open(&homes[0]);
    chat.sees("in a browser: ");
    let page = Served::with_link(&chat.rest());
    chat.prompt();
    server.chat(script![text("Half an "), hang()]);
    let mut events = page.events();
    page.say("m1", "hello");
    events.next(&["text"]);
    let other = gateway(&homes[1]);
    server.chat("Whole.");
    let begin = Instant::now();
    assert_eq!(chat.leave(), Some(0));
    other.until(|| other.entries() == ["user: hello", "assistant: Whole."], "the answer");
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}
