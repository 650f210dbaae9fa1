//! What the first word to an assistant costs; `cargo xtask bench hello`.

use std::{
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use super::{Desk, LIMIT, Manner, PLAIN, tap::Tap};
use crate::{place::yabby, running::Running};

/// What OpenClaw 2026.9.6 sends to its model for the same word, in bytes: measured for Yabby, and not in this run.
const OPENCLAW: usize = 61_000;

/// How often what takes no minute is measured.
const TIMES: usize = 3;

#[test]
#[ignore = "a benchmark"]
fn hello() {
    println!("`hello` to Qwen2.5-Coder-1.5B on llama.cpp with one thread; seconds until the first word");
    println!("WINDOW  TOKENS   BYTES    COLD  NEXT CHAT  NEXT MESSAGE  WITHOUT A PROMPT");
    let mut told = String::new();
    for window in [8_192, 16_384] {
        let name = format!("hello-{window}");
        let desk = Desk::open(&name, Manner { window, ..PLAIN });
        let tap = Tap::before(desk.llama.port());
        desk.point_at(tap.port());
        // The server has never seen the prompt.
        let (cold, _) = chat(&desk, "cold");
        let asked = desk.kept("cold").asked();
        let tokens = asked.first().unwrap().read;
        let bytes = tap.last();
        // Now it has the prompt in its cache, and then the conversation too.
        let warm: Vec<(Duration, Duration)> = (0..TIMES).map(|time| chat(&desk, &format!("warm-{time}"))).collect();
        let next_chat = median(warm.iter().map(|(first, _)| *first));
        let next_message = median(warm.iter().map(|(_, second)| *second));
        let bare = median((0..TIMES).map(|time| bare(desk.llama.port(), time)));
        println!(
            "{window:>6}  {tokens:>6}  {bytes:>6}  {:>6.1}  {:>9.2}  {:>12.2}  {:>16.2}",
            cold.as_secs_f64(),
            next_chat.as_secs_f64(),
            next_message.as_secs_f64(),
            bare.as_secs_f64()
        );
        let times =
            cold.as_secs_f64() * f64::from(u32::try_from(OPENCLAW).unwrap()) / f64::from(u32::try_from(bytes).unwrap());
        told = format!("{told}\nat the speed of the row for {window}, as many bytes as that take {times:.0} s cold");
    }
    println!("OpenClaw 2026.9.6 sends {OPENCLAW} bytes for it (measured by us, not in this run){told}");
}

/// Says hello twice in a conversation that begins with it: how long until the first word of each answer, the first time from
/// the start of the program.
fn chat(desk: &Desk, session: &str) -> (Duration, Duration) {
    let mut up = yabby(&desk.home, &["up", "--session", session]);
    let begin = Instant::now();
    let mut running = Running::start(up.stdin(Stdio::piped()), LIMIT);
    let mut input = running.child().stdin.take().unwrap();
    let mut say = |running: &mut Running, begin: Instant| {
        writeln!(input, "hello").unwrap();
        let mut piece = running.piece().unwrap();
        let first = begin.elapsed();
        while !piece.ends_with(b"\n") {
            piece = running.piece().unwrap();
        }
        first
    };
    let first = say(&mut running, begin);
    // Its answer has ended, and so has its turn.
    std::thread::sleep(Duration::from_millis(200));
    let second = say(&mut running, Instant::now());
    drop(input);
    assert!(running.ended().status.success());
    (first, second)
}

/// The same word without a prompt, straight to the server: what the machine and the model take at the least.
fn bare(port: u16, time: usize) -> Duration {
    use std::io::Read;
    let body = format!(
        r#"{{"model":"qwen","stream":true,"temperature":0,"max_tokens":4,"messages":[{{"role":"user","content":"hello {time}"}}]}}"#
    );
    let begin = Instant::now();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    write!(
        socket,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    // The first event only says who answers.
    while !String::from_utf8_lossy(&all).contains("\"content\":\"") {
        let read = socket.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..read]);
    }
    begin.elapsed()
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}
