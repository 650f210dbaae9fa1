//! A server that does what servers of the web do, on loopback: it is reached only because settings name it.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::FetchSettings;

/// What is sent for a path, and how it ends.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Close,
    /// Nothing more comes, and the connection stays.
    Hang,
    /// The bytes come again and again.
    Endless,
}

/// A server of a few paths.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    /// The heads of all requests.
    pub(super) heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Site {
    pub(super) async fn start(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap(), answers)
    }

    pub(super) fn at(listener: TcpListener, answers: impl IntoIterator<Item = (&'static str, Answer)>) -> Self {
        let answers: Arc<BTreeMap<_, _>> = Arc::new(answers.into_iter().collect());
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let mut tasks = JoinSet::new();
        let seen = Arc::clone(&heads);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                connections.spawn(serve(socket, Arc::clone(&answers), Arc::clone(&seen)));
            }
        });
        Self {
            address,
            heads,
            _tasks: tasks,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn settings(&self) -> FetchSettings {
        self.settings_for(&[&self.address.to_string()])
    }

    pub(super) fn settings_for(&self, hosts: &[&str]) -> FetchSettings {
        FetchSettings {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ..FetchSettings::default()
        }
    }

    /// The first lines of the requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads
            .iter()
            .map(|head| head.lines().next().unwrap_or_default().to_owned())
            .collect()
    }
}

async fn serve(mut socket: TcpStream, answers: Arc<BTreeMap<&'static str, Answer>>, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = socket.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap().push(head);
    let path = path.split('?').next().unwrap_or_default();
    let answer = answers
        .get(path)
        .cloned()
        .unwrap_or_else(|| page(404, "text/plain", b"no such page"));
    let _ = socket.write_all(&answer.bytes).await;
    let body = answer.bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    match answer.end {
        End::Close => {}
        End::Hang => std::future::pending().await,
        End::Endless => while socket.write_all(&answer.bytes[body..]).await.is_ok() {},
    }
}

pub(super) fn raw(head: &str, body: &[u8], end: End) -> Answer {
    let mut bytes = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Answer { bytes, end }
}

pub(super) fn page(status: u16, content_type: &str, body: &[u8]) -> Answer {
    let head = format!(
        "{status} x\r\ncontent-type: {content_type}\r\ncontent-length: {}",
        body.len()
    );
    raw(&head, body, End::Close)
}

pub(super) fn html(body: &str) -> Answer {
    page(200, "text/html; charset=utf-8", body.as_bytes())
}

pub(super) fn moved(location: &str) -> Answer {
    raw(
        &format!("302 x\r\nlocation: {location}\r\ncontent-length: 0"),
        b"",
        End::Close,
    )
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn gzipped(body: &[u8], end: End) -> Answer {
    raw("200 x\r\ncontent-type: text/plain\r\ncontent-encoding: gzip", body, end)
}
