//! Many clients at once, of which some leave in the middle and some take nothing: afterwards nothing of them is left, and
//! meanwhile they hold nothing up.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::json;
use tokio::net::TcpSocket;
use yabby_testkit::{ModelServer, ServerKind, script, step};

use crate::{client::Served, home::Home, serve, socket::Socket};

const MAIN: &str = "agent:main:main";
const ASK: &str = r#"{"model":"box/m1","stream":true,"messages":[]}"#;
/// Those who leave in the middle.
const LEAVERS: usize = 170;
/// Those who take nothing.
const DEAF: usize = 30;

/// A client that can take little at once, so that it is soon behind.
fn narrow(address: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        stream.into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Resident memory of a process, in MiB; nothing where the system does not tell.
fn memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib / 1024)
}

#[test]
fn who_leaves_or_takes_nothing_leaves_nothing_of_an_answer() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::LlamaCpp {
        window: 8192,
        slots: 2 * (DEAF + LEAVERS),
    });
    let piece = "on and on ".repeat(100);
    server.default_reply(script![text("On and "), endless(&piece)]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut served = Served::start(&home);
    let process = served.process();
    let open = |stream: TcpStream| serve::ask_on(stream, &served.address, &served.key, ASK);
    let mut deaf: Vec<TcpStream> = (0..DEAF).map(|_| open(narrow(&served.address))).collect();
    let flight = || served.metric("yabby_requests_in_flight");
    served.until(|| flight() == DEAF as u64, "the deaf");
    // What upstreams say and nobody takes stays with them.
    for _ in 0..LEAVERS {
        let mut leaver = open(TcpStream::connect(&served.address).unwrap());
        let mut seen = vec![0; 64 << 10];
        assert!(leaver.read(&mut seen).unwrap() > 0);
        drop(leaver);
    }
    served.until(|| flight() == DEAF as u64, "the end of those who have left");
    if let Some(memory) = memory(process) {
        assert!(memory < 200, "{memory} MiB for {DEAF} who take nothing");
    }
    // A deaf one that hears again gets what it was sent, from its beginning.
    let mut seen = vec![0; 256 << 10];
    deaf[0].read_exact(&mut seen).unwrap();
    let text = String::from_utf8_lossy(&seen);
    assert!(
        text.starts_with("HTTP/1.1 200 OK") && text.contains("On and "),
        "{}",
        &text[..500]
    );
    served.until(|| server.busy() == DEAF, "the end at the server of those who have left");
    drop(deaf);
    served.until(|| flight() == 0 && server.busy() == 0, "the end of all");
    served.until(
        || served.metric("yabby_connections") == 1,
        "the end of their connections",
    );
    assert_eq!(server.model_calls().len(), DEAF + LEAVERS);
    // Connections on which an answer broke off are not kept; others ask now and then what the server is.
    served.until(
        || server.open_connections() < 5,
        "the end of connections to the upstream",
    );
}

#[test]
fn pages_that_leave_or_take_nothing_hold_nothing_up_and_read_anew() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut served = Served::start(&home);
    let process = served.process();
    let streams = || served.metric("yabby_event_streams");
    let host = format!("host: {}", served.address);
    let first = json!({"key": served.key, "conversation": MAIN});
    let socket = |stream: TcpStream| {
        let (status, mut socket) = Socket::on(stream, "/api/socket", &[&host]);
        assert_eq!(status, 101);
        assert!(socket.says(&first));
        socket
    };
    let events = |mut stream: TcpStream| {
        write!(
            stream,
            "GET /api/events?conversation={MAIN} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            served.address, served.key
        )
        .unwrap();
        stream
    };
    // Half of each kind.
    let mut deaf: Vec<Socket> = (0..DEAF / 2).map(|_| socket(narrow(&served.address))).collect();
    let deaf_too: Vec<TcpStream> = (0..DEAF / 2).map(|_| events(narrow(&served.address))).collect();
    let plain = || TcpStream::connect(&served.address).unwrap();
    let leavers: Vec<Socket> = (0..LEAVERS / 2).map(|_| socket(plain())).collect();
    let leavers_too: Vec<TcpStream> = (0..LEAVERS / 2).map(|_| events(plain())).collect();
    let mut page = served.events();
    page.next(&["snapshot"]);
    served.until(|| streams() == (DEAF + LEAVERS + 1) as u64, "all pages");

    // More than the system keeps for a connection, and far more than the gateway does.
    let pieces: Vec<String> = (0..6_000).map(|n| format!("{n:>6} {}\n", "x".repeat(600))).collect();
    let mut steps: Vec<_> = pieces.iter().map(step::text).collect();
    steps.insert(1_000, step::sleep(Duration::from_millis(200)));
    steps.push(step::finish("stop"));
    server.chat(steps);
    served.say("m1", "hello");
    page.next(&["text"]);
    drop((leavers, leavers_too));
    // Whoever keeps up gets every piece, whatever the others do.
    let mut heard = String::new();
    loop {
        let event = page.next(&["text", "ended"]);
        match event["delta"].as_str() {
            Some(delta) => heard += delta,
            None => break,
        }
    }
    let all = pieces.concat();
    assert!(
        all.ends_with(heard.trim_end()) || all.trim_end().ends_with(heard.trim_end()),
        "{} of {}",
        heard.len(),
        all.len()
    );
    assert!(
        heard.len() >= all.trim_end().len() - pieces[0].len(),
        "{} of {}",
        heard.len(),
        all.len()
    );
    if let Some(memory) = memory(process) {
        assert!(memory < 400, "{memory} MiB for {DEAF} who take nothing");
    }
    // One that hears again is told to read what it has missed.
    let mut missed = deaf.pop().unwrap();
    assert_eq!(missed.event(&["snapshot"])["turn"], json!(null));
    assert_eq!(missed.event(&["snapshot"])["turn"], json!(null));
    missed.event(&["entries"]);
    let entries = served.entries();
    // What is told of so long an answer may stand behind it.
    assert_eq!(entries[1].trim_end().len(), "assistant: ".len() + all.trim_end().len());
    drop((deaf, deaf_too, missed, page));
    served.until(|| streams() == 0, "the end of all pages");
    served.until(
        || served.metric("yabby_connections") == 1,
        "the end of their connections",
    );
    served.until(|| server.busy() == 0, "a free server");
}
