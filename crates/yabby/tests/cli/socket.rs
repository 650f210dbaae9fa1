//! A WebSocket, byte for byte as RFC 6455 has it: also what no library would send.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// No answer takes longer.
const LONGEST: Duration = Duration::from_mins(1);
/// Who takes nothing for so long takes nothing.
const SHORT: Duration = Duration::from_secs(2);

pub(crate) struct Socket {
    stream: TcpStream,
    seen: Vec<u8>,
}

/// What comes.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Value),
    /// With its code and its reason.
    Close(u16, String),
    /// The connection has ended.
    End,
}

impl Socket {
    /// Asks to be one, with these lines of a head; the status, and what is one where that is 101.
    pub(crate) fn ask(address: &str, path: &str, lines: &[&str]) -> (u16, Self) {
        let stream = TcpStream::connect(address).unwrap();
        Self::on(stream, path, lines)
    }

    /// The same on a connection.
    pub(crate) fn on(mut stream: TcpStream, path: &str, lines: &[&str]) -> (u16, Self) {
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        let lines = lines.iter().fold(String::new(), |all, line| all + line + "\r\n");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
        )
        .unwrap();
        let mut socket = Self {
            stream,
            seen: Vec::new(),
        };
        let end = loop {
            if let Some(end) = socket.seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(socket.more(), "no head: {}", String::from_utf8_lossy(&socket.seen));
        };
        let head = String::from_utf8(socket.seen.drain(..end).collect()).unwrap();
        if head.starts_with("HTTP/1.1 101") {
            // As the RFC computes it of its own example.
            assert!(
                head.to_ascii_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
                "{head}"
            );
        }
        (head[9..12].parse().unwrap(), socket)
    }

    /// A frame with this first byte; whether it was taken.
    pub(crate) fn sends(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut frame = vec![first];
        match u16::try_from(payload.len()).unwrap() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            long => {
                frame.push(0xfe);
                frame.extend_from_slice(&long.to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        // It may be closed already.
        self.stream.write_all(&frame).is_ok()
    }

    pub(crate) fn says(&mut self, message: &Value) -> bool {
        self.sends(0x81, message.to_string().as_bytes())
    }

    /// What comes next, but for signs of life.
    pub(crate) fn next(&mut self) -> Frame {
        loop {
            let Some((first, payload)) = self.frame() else {
                return Frame::End;
            };
            match first {
                0x81 => return Frame::Text(serde_json::from_slice(&payload).unwrap()),
                0x88 => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    return Frame::Close(code, String::from_utf8(payload[2..].to_vec()).unwrap());
                }
                0x89 | 0x8a => {}
                other => panic!("a frame {other:x}"),
            }
        }
    }

    /// The next event of one of these types.
    pub(crate) fn event(&mut self, types: &[&str]) -> Value {
        loop {
            match self.next() {
                Frame::Text(event) if types.contains(&event["type"].as_str().unwrap()) => return event,
                Frame::Text(_) => {}
                other => panic!("{other:?} instead of {types:?}"),
            }
        }
    }

    /// How it ends, whatever comes before that.
    pub(crate) fn end(&mut self) -> Frame {
        loop {
            match self.next() {
                Frame::Text(_) => {}
                end => return end,
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((length, at)) = length(&self.seen)
                && self.seen.len() >= at + length
            {
                let frame: Vec<u8> = self.seen.drain(..at + length).collect();
                return Some((frame[0], frame[at..].to_vec()));
            }
            if !self.more() {
                return None;
            }
        }
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        // A reset ends it too.
        let read = match self.stream.read(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("nothing comes"),
            read => read.unwrap_or(0),
        };
        self.seen.extend_from_slice(&bytes[..read]);
        read > 0
    }
}

/// The length of the payload of a frame that is not masked, and where it begins.
fn length(seen: &[u8]) -> Option<(usize, usize)> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some(match *seen.get(1)? {
        126 => (number(seen.get(2..4)?), 4),
        127 => (number(seen.get(2..10)?), 10),
        short => (usize::from(short), 2),
    })
}
