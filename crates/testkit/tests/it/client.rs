//! A raw client, so that broken protocol is seen as it is.

use std::{io::ErrorKind, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use yabby_testkit::ModelServer;

pub(crate) const SHORT: Duration = Duration::from_millis(150);
pub(crate) const LONG: Duration = Duration::from_secs(5);

pub(crate) fn post(path: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

pub(crate) async fn connect(server: &ModelServer, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads one answer: head and body, chunks joined. The error is what the connection ended with.
pub(crate) async fn read(stream: &mut TcpStream) -> Result<(String, String), String> {
    let mut bytes = Vec::new();
    let mut more = [0; 4096];
    loop {
        if let Some(answer) = parse(&bytes) {
            return Ok(answer);
        }
        match timeout(LONG, stream.read(&mut more))
            .await
            .expect("the server says something")
        {
            Ok(0) => return Err(format!("closed after {}", String::from_utf8_lossy(&bytes))),
            Ok(count) => bytes.extend_from_slice(&more[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Err(format!("reset after {}", String::from_utf8_lossy(&bytes)));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, mut rest) = text.split_once("\r\n\r\n")?;
    if let Some((_, length)) = head.split_once("Content-Length: ") {
        let length = length.lines().next()?.parse().ok()?;
        return (rest.len() >= length).then(|| (head.to_owned(), rest[..length].to_owned()));
    }
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some((head.to_owned(), body));
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

pub(crate) async fn ask(server: &ModelServer, request: &str) -> (String, String) {
    read(&mut connect(server, request).await).await.unwrap()
}

pub(crate) async fn ask_json(server: &ModelServer, request: &str) -> Value {
    serde_json::from_str(&ask(server, request).await.1).unwrap()
}

pub(crate) fn chat(stream: bool) -> String {
    post(
        "/v1/chat/completions",
        &json!({"model": "m1", "messages": [], "stream": stream}),
    )
}

/// The JSON of each `data:` line but `[DONE]`.
pub(crate) fn events(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect()
}
