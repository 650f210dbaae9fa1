//! How long `yabby ask` takes when the first model of the chain fails, beside the same when it answers.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    release, repo,
    run::{Proxies, for_tests},
};

/// What is wrong with a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// Nothing listens.
    Refused,
    /// Takes connections and answers nothing.
    Hung,
    /// 503 `Loading model` to the first three requests, then all is well: it is waited for.
    Loading,
    /// A head and the beginning of a stream, then a reset.
    Reset,
    /// 500 to every question.
    Fails,
}

const CASES: [(&str, Wrong, usize); 6] = [
    ("it answers", Wrong::Nothing, 11),
    ("refused", Wrong::Refused, 11),
    ("500", Wrong::Fails, 11),
    ("reset before any text", Wrong::Reset, 11),
    ("503 Loading, then well", Wrong::Loading, 5),
    ("hung on every path", Wrong::Hung, 3),
];

const OK: &str = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ok"}}]}"#;

pub(super) fn all() -> Result<(), String> {
    println!("\n`yabby ask` with a healthy fallback, from its start to its end, when the first model of the chain");
    for (name, wrong, times) in CASES {
        let mut took = Vec::new();
        for _ in 0..times {
            took.push(one(wrong).map_err(|error| format!("{name}: {error}"))?);
        }
        took.sort();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        let last = took.last().copied().unwrap_or_default();
        println!("  {name:24} median {median:>10.1?}, longest {last:>10.1?} of {times}");
    }
    Ok(())
}

fn one(wrong: Wrong) -> std::io::Result<Duration> {
    let first = Server::start(wrong)?;
    let second = Server::start(Wrong::Nothing)?;
    let folder = repo::target("bench").join("fallback");
    // Without what earlier runs have learned.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let provider =
        |id: &str, port: u16| format!(r#"{id}: {{ baseUrl: "http://127.0.0.1:{port}/v1", models: [{{ id: "m" }}] }}"#);
    let config = format!(
        r#"{{ models: {{ providers: {{ {}, {} }} }}, agents: {{ defaults: {{ model: {{ primary: "a/m", fallbacks: ["b/m"] }} }} }} }}"#,
        provider("a", first.port),
        provider("b", second.port)
    );
    fs::write(folder.join("yabby.json5"), config)?;
    let mut ask = for_tests(Command::new(release::binary()), Proxies::Removed);
    ask.args(["ask", "hello"])
        .env("YABBY_STATE_DIR", &folder)
        .env("YABBY_DISCOVER", "off")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let output = ask.output()?;
    let took = begun.elapsed();
    if output.stdout == b"ok\n" {
        Ok(took)
    } else {
        Err(std::io::Error::other("`yabby ask` gave no answer"))
    }
}

/// A server in threads of its own, until it is dropped.
struct Server {
    port: u16,
    ended: Arc<AtomicBool>,
}

impl Server {
    fn start(wrong: Wrong) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let ended = Arc::new(AtomicBool::new(false));
        if wrong == Wrong::Refused {
            drop(listener);
            return Ok(Self { port, ended });
        }
        let theirs = Arc::clone(&ended);
        std::thread::spawn(move || {
            let mut loads = if wrong == Wrong::Loading { 3 } else { 0 };
            for stream in listener.incoming().flatten() {
                if theirs.load(Ordering::Relaxed) {
                    return;
                }
                let loading = loads > 0;
                loads -= i32::from(loading);
                let ended = Arc::clone(&theirs);
                std::thread::spawn(move || drop(answer(stream, wrong, loading, &ended)));
            }
        });
        Ok(Self { port, ended })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(mut stream: TcpStream, wrong: Wrong, loading: bool, ended: &AtomicBool) -> std::io::Result<()> {
    if wrong == Wrong::Hung {
        while !ended.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        return Ok(());
    }
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let is_question = first.starts_with("POST");
    let (status, body) = match wrong {
        _ if loading => (
            "503 Service Unavailable",
            r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
        ),
        Wrong::Fails if is_question => ("500 Internal Server Error", r#"{"error":{"message":"boom"}}"#),
        Wrong::Reset if is_question => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n";
            write!(
                stream,
                "{head}data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\"}}}}]}}\n\n"
            )?;
            // Its end comes before that of the body.
            return Ok(());
        }
        _ if is_question => ("200 OK", OK),
        _ if first.contains("/v1/models") => ("200 OK", r#"{"object":"list","data":[{"id":"m","object":"model"}]}"#),
        _ => ("404 Not Found", "{}"),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
