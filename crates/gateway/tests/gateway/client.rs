//! A client that shows the bytes.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    /// Without chunks.
    pub(crate) body: Vec<u8>,
    /// Whether the body had its end.
    pub(crate) whole: bool,
}

/// The owner's key in all scenes.
pub(crate) const OWNER: &str = "the-owner-of-the-scene";

/// An open request.
pub(crate) struct Open {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Sends bytes and reads until the other side closes.
pub(crate) async fn raw(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // What is refused may be closed before all of it was written.
    let _ = stream.write_all(bytes).await;
    let mut seen = Vec::new();
    while matches!(stream.read_buf(&mut seen).await, Ok(1..)) {}
    String::from_utf8_lossy(&seen).into_owned()
}

/// Sends a request and reads the whole response.
pub(crate) async fn ask(at: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    Open::send(at, method, path, headers, body).await.answer().await
}

impl Open {
    pub(crate) async fn send(at: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        Self::on(stream, at, method, path, headers, body).await
    }

    /// The same on a connection that is there.
    pub(crate) async fn on(
        mut stream: TcpStream,
        at: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let own = [
            ("host", at.to_string()),
            ("connection", "close".to_owned()),
            ("content-length", body.len().to_string()),
            ("authorization", format!("Bearer {OWNER}")),
        ];
        // Whoever shows another key does not show this one.
        let has_key = headers.iter().any(|(name, _)| *name == "x-api-key");
        for (name, value) in own {
            let is_given = headers.iter().any(|(other, _)| *other == name) || name == "authorization" && has_key;
            if !is_given {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        // An empty value leaves a header out.
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        Self {
            stream,
            seen: Vec::new(),
        }
    }

    /// Reads until this was seen.
    pub(crate) async fn sees(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            let read = self.stream.read_buf(&mut self.seen).await.unwrap();
            assert!(read > 0, "{text} never came: {}", String::from_utf8_lossy(&self.seen));
        }
    }

    pub(crate) async fn answer(mut self) -> Answer {
        // A reset may follow what has come.
        while matches!(self.stream.read_buf(&mut self.seen).await, Ok(1..)) {}
        let split = self.seen.windows(4).position(|window| window == b"\r\n\r\n");
        let split = split.unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(&self.seen)));
        let head = String::from_utf8(self.seen[..split].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: BTreeMap<String, String> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let rest = &self.seen[split + 4..];
        let (body, whole) = if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            unchunked(rest)
        } else {
            let length: usize = headers.get("content-length").map_or(0, |value| value.parse().unwrap());
            (rest.to_vec(), rest.len() == length)
        };
        Answer {
            status,
            headers,
            body,
            whole,
        }
    }
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
