//! So many clients that ask one question after the other, each on a connection of its own.

use std::{
    fmt::Write as _,
    io,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) model: String,
    pub(crate) streams: usize,
    /// Of the prompt.
    pub(crate) bytes: usize,
    /// For so long questions are begun.
    pub(crate) seconds: f64,
}

/// Times in nanoseconds.
#[derive(Default)]
struct Seen {
    /// From the question to the first byte of the body.
    first: Vec<u64>,
    /// From the writing of an event by the upstream to its reading.
    frames: Vec<u64>,
    /// Between the readings of two events of a stream.
    gaps: Vec<u64>,
    failed: u64,
}

impl Load {
    /// One line of `name=value`.
    pub(crate) async fn run(self) -> io::Result<String> {
        let prompt = "The quick brown fox jumps over the lazy dog. ".repeat(self.bytes / 45 + 1);
        let prompt = prompt.get(..self.bytes).unwrap_or_default();
        let body = format!(
            "{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}],\"stream\":true,\"temperature\":0}}",
            self.model
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nauthorization: Bearer \
             sk-bench\r\naccept: */*\r\nuser-agent: bench\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let request: std::sync::Arc<[u8]> = request.into_bytes().into();
        let begun = Instant::now();
        let until = begun + Duration::from_secs_f64(self.seconds);
        let mut clients = JoinSet::new();
        for _ in 0..self.streams {
            clients.spawn(client(self.address, std::sync::Arc::clone(&request), until));
        }
        let mut all = Seen::default();
        while let Some(seen) = clients.join_next().await {
            let seen = seen.map_err(io::Error::other)??;
            all.first.extend(seen.first);
            all.frames.extend(seen.frames);
            all.gaps.extend(seen.gaps);
            all.failed += seen.failed;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let mut line = format!("requests={} failed={} seconds={seconds}", all.first.len(), all.failed);
        for (name, times) in [
            ("first", &mut all.first),
            ("frame", &mut all.frames),
            ("gap", &mut all.gaps),
        ] {
            times.sort_unstable();
            let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or_default();
            let _ = write!(
                line,
                " {name}_count={} {name}_p50={} {name}_p99={}",
                times.len(),
                at(500),
                at(990)
            );
        }
        Ok(line)
    }
}

async fn client(address: SocketAddr, request: std::sync::Arc<[u8]>, until: Instant) -> io::Result<Seen> {
    let mut stream = connect(address).await?;
    let mut seen = Seen::default();
    let mut buffer = Vec::with_capacity(64 << 10);
    // Once at least, however long it took to come in.
    loop {
        if ask(&mut stream, &request, &mut buffer, &mut seen).await.is_err() {
            seen.failed += 1;
            if seen.failed > 100 {
                return Err(io::Error::other("too many requests have failed"));
            }
            stream = connect(address).await?;
        }
        if Instant::now() >= until {
            return Ok(seen);
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>, seen: &mut Seen) -> io::Result<()> {
    buffer.clear();
    let begun = Instant::now();
    stream.write_all(request).await?;
    let (mut head, mut length, mut looked) = (0, None, 0);
    let mut last = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if head == 0 {
            let Some(end) = memmem::find(buffer, b"\r\n\r\n") else {
                continue;
            };
            head = end + 4;
            let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
            if !text.starts_with("http/1.1 200") {
                return Err(io::Error::other(text));
            }
            length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            looked = head;
        }
        if buffer.len() == head {
            continue;
        }
        if looked == head {
            seen.first.push(nanos(begun.elapsed()));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut rest = buffer.get(looked..).unwrap_or_default();
        while let Some(at) = memmem::find(rest, b"\"content\":\"") {
            let digits = rest
                .get(at + 11..at + 30)
                .and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(sent) = digits.and_then(|digits| digits.parse().ok()) {
                seen.frames.push(nanos(now).saturating_sub(sent));
                let before = last.replace(nanos(now));
                seen.gaps.extend(before.map(|before| nanos(now).saturating_sub(before)));
            }
            rest = rest.get(at + 11..).unwrap_or_default();
        }
        looked = buffer.len();
        let ended = match length {
            Some(length) => buffer.len() >= head + length,
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if ended {
            return Ok(());
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
