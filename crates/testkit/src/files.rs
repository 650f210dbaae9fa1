//! A file server over HTTP that can break off: for downloads that must go on where they stopped.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How long a connection may say nothing. There is one thread, which a silent client would hold for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves one file at every path, with byte ranges. It stops when it is dropped.
#[derive(Debug)]
pub struct FileServer {
    url: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    content: Vec<u8>,
    /// How many bytes of the body the next answers get before the connection breaks.
    breaks: Mutex<Vec<usize>>,
    requests: Mutex<Vec<FileRequest>>,
    stopped: AtomicBool,
}

/// One request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// The path.
    pub path: String,
    /// The first byte that was asked for, when a range was.
    pub from: Option<usize>,
}

impl FileServer {
    /// Serves the bytes of a file.
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Self::start(std::fs::read(path.into()).expect("the file to serve"))
    }

    /// Serves these bytes.
    pub fn start(content: Vec<u8>) -> Self {
        Self::with_patience(content, PATIENCE)
    }

    fn with_patience(content: Vec<u8>, patience: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("the address of a bound listener");
        let shared = Arc::new(Shared {
            content,
            breaks: Mutex::default(),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if serving.stopped.load(Ordering::Acquire) {
                    break;
                }
                // A client that leaves is no concern of the server's.
                let _ = connection.and_then(|connection| {
                    connection.set_read_timeout(Some(patience))?;
                    serving.answer(connection)
                });
            }
        });
        Self {
            url: format!("http://{address}"),
            shared,
            thread: Some(thread),
        }
    }

    /// The address, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next answer breaks off after so many bytes of its body.
    pub fn break_after(&self, bytes: usize) {
        locked(&self.shared.breaks).push(bytes);
    }

    /// What was asked for, in order.
    pub fn requests(&self) -> Vec<FileRequest> {
        locked(&self.shared.requests).clone()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the thread.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(connection.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut from = None;
        while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
            if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                from = range.split('-').next().and_then(|start| start.parse().ok());
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        locked(&self.requests).push(FileRequest { path, from });
        let all = self.content.len();
        let Some(body) = self.content.get(from.unwrap_or(0)..) else {
            return write!(
                connection,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        };
        let status = match from {
            Some(from) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}", all - 1),
            None => "200 OK".to_owned(),
        };
        write!(
            connection,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n",
            body.len()
        )?;
        let broken = {
            let mut breaks = locked(&self.breaks);
            if breaks.is_empty() {
                body.len()
            } else {
                breaks.remove(0).min(body.len())
            }
        };
        connection.write_all(&body[..broken])
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_silent_client_does_not_hold_the_server() {
        let server = FileServer::with_patience(b"content".to_vec(), Duration::from_millis(50));
        let address = server.url().trim_start_matches("http://");
        let silent = TcpStream::connect(address).unwrap();
        let mut asking = TcpStream::connect(address).unwrap();
        asking.write_all(b"GET /x HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\ncontent"), "{answer}");
        drop(server);
        drop(silent);
    }
}
