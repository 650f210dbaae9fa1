//! `cargo xtask bench`: figures of the release binary, each beside a baseline of the same run, because the machines
//! that it runs on are shared and noisy.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    repo,
    run::{cargo, for_tests, run},
};

const RUNS: usize = 30;

/// A whole answer in the smallest form.
const ANSWER: &str =
    r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ok"}}]}"#;

/// Builds the release binary and prints the figures.
pub(crate) fn all() -> Result<(), String> {
    run(&mut cargo(&["build", "--release", "--package", "yabby"]))?;
    let failed = |error: std::io::Error| error.to_string();
    let mut process = samples(|| start_of_a_process().map_err(failed))?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    let folder = repo::target("bench");
    fs::create_dir_all(&folder).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let config = format!(
        r#"{{ models: {{ providers: {{ bench: {{ baseUrl: "http://127.0.0.1:{port}/v1", models: [{{ id: "m" }}] }} }} }} }}"#
    );
    fs::write(folder.join("yabby.json5"), config).map_err(failed)?;
    let binary = repo::target("release").join("yabby");
    let mut first_byte = samples(|| {
        let mut ask = for_tests(Command::new(&binary));
        ask.args(["ask", "--no-stream", "hello"])
            .env("YABBY_STATE_DIR", &folder);
        start_to_first_byte(&mut ask, &listener).map_err(failed)
    })?;
    println!("start and end of /bin/true:               {}", shown(&mut process));
    println!("start of `yabby ask` to its first byte:   {}", shown(&mut first_byte));
    Ok(())
}

fn samples(mut one: impl FnMut() -> Result<Duration, String>) -> Result<Vec<Duration>, String> {
    // The first one fills caches.
    one()?;
    (0..RUNS).map(|_| one()).collect()
}

fn start_of_a_process() -> std::io::Result<Duration> {
    let start = Instant::now();
    Command::new("/bin/true").status()?;
    Ok(start.elapsed())
}

/// From before the process is started until the first byte of its request has arrived.
fn start_to_first_byte(ask: &mut Command, listener: &TcpListener) -> std::io::Result<Duration> {
    let start = Instant::now();
    let mut child = ask.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (mut connection, _) = listener.accept()?;
    connection.read_exact(&mut [0])?;
    let took = start.elapsed();
    answer(connection)?;
    let status = child.wait()?;
    if status.success() {
        Ok(took)
    } else {
        Err(std::io::Error::other(format!("`yabby ask` ended with {status}")))
    }
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
