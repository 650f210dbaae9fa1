//! The log of a server: what it prints, without secrets, in lines and files of bounded length.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver};

use super::redact::Redactor;

/// The name of the log in a server's folder. The one before has `.1` behind it.
pub(super) const SERVER_LOG: &str = "server.log";
/// The most letters of a line in an error for people.
const LONGEST_WORDS: usize = 300;
/// A file that has grown beyond this many bytes is put aside; the one that was put aside before goes.
const LARGEST: u64 = 1 << 20;
/// The rest of a longer line is left out, in bytes.
const LONGEST_LINE: usize = 4096;
const CUT: &[u8] = " […]".as_bytes();
/// How many of its last lines tell why a server ended.
const LAST: usize = 3;

/// Writes what one run of a server prints.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    redactor: Redactor,
    /// The line so far, cut where it is too long, and its whole length.
    line: Vec<u8>,
    length: usize,
    last: VecDeque<String>,
}

impl Log {
    pub(super) fn open(folder: &Path, redactor: Redactor) -> io::Result<Self> {
        let path = folder.join(SERVER_LOG);
        let file = open(&path)?;
        Ok(Self {
            size: file.metadata()?.len(),
            path,
            file,
            redactor,
            line: Vec::new(),
            length: 0,
            last: VecDeque::new(),
        })
    }

    /// Reads until every process that holds the other end has closed it.
    pub(super) async fn follow(mut self, mut pipe: Receiver) -> Self {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            self.push(buffer.get(..read).unwrap_or_default());
        }
        self.finish();
        self
    }

    /// Writes why the server could not even be started.
    pub(super) fn trouble(&mut self, error: &io::Error) {
        self.push(format!("{error}\n").as_bytes());
    }

    /// The last lines of this run.
    pub(super) fn last_words(&self) -> String {
        // The log has the rest.
        let lines: Vec<String> = self
            .last
            .iter()
            .map(|line| line.chars().take(LONGEST_WORDS).collect())
            .collect();
        lines.join(" | ")
    }

    fn push(&mut self, piece: &[u8]) {
        let mut clean = Vec::with_capacity(piece.len());
        self.redactor.push(piece, &mut clean);
        self.write(&clean);
    }

    fn finish(&mut self) {
        let mut clean = Vec::new();
        self.redactor.finish(&mut clean);
        self.write(&clean);
        self.end_line();
    }

    /// A full disk must not stop a server that works: what cannot be written is lost.
    fn write(&mut self, clean: &[u8]) {
        let mut kept = Vec::with_capacity(clean.len());
        for byte in clean {
            // A progress bar ends its line with a carriage return.
            let ends = matches!(byte, b'\n' | b'\r');
            if ends {
                if self.length > LONGEST_LINE {
                    kept.extend_from_slice(CUT);
                }
                kept.push(*byte);
                self.end_line();
                continue;
            }
            self.length += 1;
            if self.length <= LONGEST_LINE {
                kept.push(*byte);
                self.line.push(*byte);
            }
        }
        if self.file.write_all(&kept).is_ok() {
            self.size += kept.len() as u64;
        }
        if self.size > LARGEST {
            self.rotate();
        }
    }

    fn rotate(&mut self) {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        if fs::rename(&self.path, old).is_ok()
            && let Ok(file) = open(&self.path)
        {
            self.file = file;
        } else {
            // Better no old lines than a full disk.
            let _ = self.file.set_len(0);
        }
        self.size = 0;
    }

    fn end_line(&mut self) {
        self.length = 0;
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line))
            .trim()
            .to_owned();
        if line.is_empty() {
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use yabby_core::Secret;

    use super::*;

    fn log(folder: &Path) -> Log {
        Log::open(folder, Redactor::new([&Secret::new("canary-1")])).unwrap()
    }

    fn text(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn a_secret_is_taken_out_wherever_a_read_ends() {
        let printed = "start\nkey=canary-1;\nend";
        for cut in 0..=printed.len() {
            let folder = tempfile::tempdir().unwrap();
            let mut log = log(folder.path());
            let (begin, end) = printed.as_bytes().split_at(cut);
            log.push(begin);
            log.push(end);
            log.finish();
            assert_eq!(text(folder.path(), SERVER_LOG), "start\nkey=***;\nend", "cut at {cut}");
            assert_eq!(log.last_words(), "start | key=***; | end");
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path());
        let long = "x".repeat(LONGEST_LINE);
        for piece in [&long, "y", "z\n", "next\n", &long, "\n"] {
            log.push(piece.as_bytes());
        }
        assert_eq!(text(folder.path(), SERVER_LOG), format!("{long} […]\nnext\n{long}\n"));
        let words = &long[..LONGEST_WORDS];
        assert_eq!(log.last_words(), format!("{words} | next | {words}"));
    }

    #[test]
    fn it_is_put_aside_once_when_it_is_large() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("{}\n", "x".repeat(1023));
        let mut first = log(folder.path());
        for _ in 0..3 * 1024 {
            first.push(line.as_bytes());
        }
        first.push(b"the end\n");
        let length = |name| text(folder.path(), name).len() as u64;
        assert_eq!(length("server.log.1"), LARGEST + 1024);
        assert!(length(SERVER_LOG) <= LARGEST);
        assert!(text(folder.path(), SERVER_LOG).ends_with("the end\n"));
        // A new run goes on where the last one ended.
        let size = length(SERVER_LOG);
        log(folder.path()).push(b"again\n");
        assert_eq!(length(SERVER_LOG), size + 6);
    }
}
