//! `cargo xtask bench`: figures of the release binary and of the splitter for inline reasoning, each beside a baseline
//! of the same run, because the machines that it runs on are shared and noisy.

pub(crate) mod hello;
pub(crate) mod load;
pub(crate) mod route;
pub(crate) mod store;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    release, repo,
    run::{Proxies, cargo, for_tests, run},
};

const RUNS: usize = 30;

/// A start takes milliseconds; a program that has not asked by then never will.
const LIMIT: Duration = Duration::from_secs(20);

/// A whole answer in the smallest form.
const ANSWER: &str =
    r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ok"}}]}"#;

/// To any other question.
const NOTHING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Builds the release binary and prints the figures.
pub(crate) fn all() -> Result<(), String> {
    let binary = release::build()?;
    let failed = |error: std::io::Error| error.to_string();
    let mut process = samples(|| start_of_a_process().map_err(failed))?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let folder = repo::target("bench");
    fs::create_dir_all(&folder).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let config = format!(
        r#"{{ models: {{ providers: {{ bench: {{ baseUrl: "http://127.0.0.1:{port}/v1", models: [{{ id: "m" }}] }} }} }} }}"#
    );
    fs::write(folder.join("yabby.json5"), config).map_err(failed)?;
    let mut memory = None;
    let mut first_byte = samples(|| {
        let mut ask = for_tests(Command::new(&binary), Proxies::Removed);
        ask.args(["ask", "--no-stream", "hello"])
            .env("YABBY_STATE_DIR", &folder);
        let (took, peak) = start_to_first_byte(&mut ask, &listener).map_err(failed)?;
        memory = memory.max(peak);
        Ok(took)
    })?;
    println!("start and end of `true`:                  {}", shown(&mut process));
    println!("start of `yabby ask` to its first byte:   {}", shown(&mut first_byte));
    if let Some(memory) = memory {
        println!("its peak memory until then:               {memory} KiB");
    }
    run(&mut cargo(&["bench", "--package", "yabby-wire", "--bench", "splitter"]))
}

fn samples(mut one: impl FnMut() -> Result<Duration, String>) -> Result<Vec<Duration>, String> {
    // The first one fills caches.
    one()?;
    (0..RUNS).map(|_| one()).collect()
}

fn start_of_a_process() -> std::io::Result<Duration> {
    let start = Instant::now();
    Command::new("true").status()?;
    Ok(start.elapsed())
}

/// From before the process is started until the first byte of its request has arrived; and its peak memory then.
fn start_to_first_byte(ask: &mut Command, listener: &TcpListener) -> std::io::Result<(Duration, Option<u64>)> {
    let start = Instant::now();
    let mut child = ask.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let asked = first_byte(&mut child, listener).map(|connection| (connection, start.elapsed()));
    let memory = peak_memory(child.id());
    let answered = asked.and_then(|(connection, took)| answer(connection).map(|()| took));
    if answered.is_err() {
        let _ = child.kill();
    }
    // With its whole answer it ends, and without one it was killed.
    let status = child.wait()?;
    let took = answered?;
    if status.success() {
        Ok((took, memory))
    } else {
        Err(std::io::Error::other(format!("`yabby ask` ended with {status}")))
    }
}

/// Its connection, after the first byte of the question to the model. What it asks beside that, or has asked beside the
/// question of the run before, is told that there is nothing.
fn first_byte(child: &mut Child, listener: &TcpListener) -> std::io::Result<TcpStream> {
    loop {
        let mut connection = accept(child, listener)?;
        let mut first = [0];
        match connection.read_exact(&mut first) {
            Ok(()) if first == *b"P" => return Ok(connection),
            // It may have ended meanwhile.
            Ok(()) => {
                let _ = connection.write_all(NOTHING.as_bytes());
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => return Err(error),
        }
    }
}

fn accept(child: &mut Child, listener: &TcpListener) -> std::io::Result<TcpStream> {
    let until = Instant::now() + LIMIT;
    loop {
        match listener.accept() {
            Ok((connection, _)) => {
                connection.set_nonblocking(false)?;
                connection.set_read_timeout(Some(LIMIT))?;
                return Ok(connection);
            }
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait()? {
            return Err(std::io::Error::other(format!(
                "`yabby ask` asked nothing and ended with {status}"
            )));
        }
        if Instant::now() > until {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        // Far below what is measured.
        sleep(Duration::from_micros(100));
    }
}

/// In KiB, where the system tells it in `/proc`.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{ANSWER}",
        ANSWER.len()
    )
}

fn shown(samples: &mut [Duration]) -> String {
    samples.sort();
    let at = |part: usize| samples.get(samples.len() * part / 100).copied().unwrap_or_default();
    format!(
        "median {:.1?}, 90th percentile {:.1?} of {}",
        at(50),
        at(90),
        samples.len()
    )
}
