//! A wire between Yabby and a server, on which the sizes of requests are read.

use std::{
    io::{BufRead, BufReader, Read, Write, copy},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::spawn,
};

pub(crate) struct Tap {
    port: u16,
    /// Bytes of each body that was sent to a model.
    bodies: Arc<Mutex<Vec<usize>>>,
}

impl Tap {
    /// In front of the server at this port.
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bodies = Arc::<Mutex<Vec<usize>>>::default();
        let seen = Arc::clone(&bodies);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A client that has left is no failure.
                spawn(move || drop(pass(&client, server, &seen)));
            }
        });
        Self { port, bodies }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Bytes of the last body.
    pub(crate) fn last(&self) -> usize {
        *self.bodies.lock().unwrap().last().unwrap()
    }
}

/// Passes on the requests of a connection, which have a length, and whatever comes back.
fn pass(client: &TcpStream, server: u16, seen: &Mutex<Vec<usize>>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server))?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    spawn(move || {
        let _ = copy(&mut answers, &mut back);
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let mut reader = BufReader::new(client);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return server.shutdown(std::net::Shutdown::Both);
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if lower.starts_with("post /v1/chat/completions ") {
            seen.lock().unwrap().push(length);
        }
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
    }
}
