//! So many pages that wait for events, and how long each event takes to reach them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::{JoinSet, spawn_blocking},
};

/// The conversation that all of them watch.
const CONVERSATION: &str = "agent:main:main";
/// Before the time at which an event was made, in nanoseconds since 1970.
const DELTA: &[u8] = b"\"delta\":\"";
const DIGITS: usize = 19;

pub(crate) struct Watch {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    pub(crate) way: Way,
    pub(crate) count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Server-sent events.
    Events,
    /// A WebSocket.
    Socket,
}

/// How many events took so many tenths of a millisecond.
type Times = Arc<Mutex<BTreeMap<u64, u64>>>;

impl Watch {
    /// Says `ready` when all of them are there, and at the end of standard input what they have heard, in one line.
    #[expect(clippy::print_stdout, reason = "it is waited for")]
    pub(crate) async fn run(self) -> io::Result<String> {
        let times = Times::default();
        let mut pages = JoinSet::new();
        for _ in 0..self.count {
            let (stream, rest) = self.open().await?;
            pages.spawn(hear(stream, rest, Arc::clone(&times)));
        }
        println!("ready");
        let ended = spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
        ended.await.map_err(io::Error::other)??;
        let mut left = 0;
        while let Some(page) = pages.try_join_next() {
            page.map_err(io::Error::other)?;
            left += 1;
        }
        let times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = format!("closed={left} times=");
        for (time, count) in &*times {
            let _ = write!(line, "{time}:{count},");
        }
        Ok(line)
    }

    /// One that was greeted, and what has come behind the greeting.
    async fn open(&self) -> io::Result<(TcpStream, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (address, key) = (self.address, &self.key);
        let head = match self.way {
            Way::Events => format!(
                "GET /api/events?conversation={CONVERSATION} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\r\n"
            ),
            Way::Socket => format!(
                "GET /api/socket HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ),
        };
        stream.write_all(head.as_bytes()).await?;
        let mut seen = Vec::with_capacity(512);
        if self.way == Way::Socket {
            until(&mut stream, &mut seen, b"\r\n\r\n").await?;
            let said = format!("{{\"key\":\"{key}\",\"conversation\":\"{CONVERSATION}\"}}");
            let length = u8::try_from(said.len()).ok().filter(|length| *length < 126);
            let length = length.ok_or_else(|| io::Error::other("the key is too long"))?;
            // Masked with zeros.
            let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
            frame.extend_from_slice(said.as_bytes());
            stream.write_all(&frame).await?;
        }
        until(&mut stream, &mut seen, b"\"hello\"").await?;
        Ok((stream, seen))
    }
}

async fn until(stream: &mut TcpStream, seen: &mut Vec<u8>, what: &[u8]) -> io::Result<()> {
    while memmem::find(seen, what).is_none() {
        if stream.read_buf(seen).await? == 0 {
            return Err(io::Error::other(String::from_utf8_lossy(seen).into_owned()));
        }
    }
    Ok(())
}

/// Hears until it is closed.
async fn hear(mut stream: TcpStream, mut seen: Vec<u8>, times: Times) {
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut looked = 0;
        while let Some(at) = memmem::find(seen.get(looked..).unwrap_or_default(), DELTA) {
            let begin = looked + at + DELTA.len();
            // The rest of it is still to come.
            let Some(digits) = seen.get(begin..begin + DIGITS) else {
                break;
            };
            if let Some(made) = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse::<u64>().ok())
            {
                let time = now.saturating_sub(made) / 100_000;
                *times
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(time)
                    .or_default() += 1;
            }
            looked = begin + DIGITS;
        }
        // What may be the beginning of the next one is kept.
        let kept = seen.len().saturating_sub(DELTA.len() + DIGITS).max(looked);
        seen.drain(..kept.min(seen.len()));
        if !matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
            return;
        }
    }
}
