//! A child process that cannot keep a test waiting for ever.

use std::{
    io::{Read, Write},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

/// Its pipes are read by threads, so that they never fill. When the time is over, the child is killed and the test
/// fails with what it printed; dropping this kills the child too.
pub(crate) struct Running {
    child: Child,
    stdout: Pipe,
    stderr: Pipe,
    writer: Option<JoinHandle<()>>,
    limit: Duration,
    until: Instant,
}

/// What came out of a pipe so far, and what still comes.
struct Pipe {
    seen: Vec<u8>,
    pieces: Receiver<Vec<u8>>,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command, limit: Duration) -> Self {
        Self::of(command.spawn().unwrap(), limit)
    }

    /// Starts it with this on its standard input. It may leave before it has read everything.
    pub(crate) fn with_input(command: &mut Command, input: &[u8], limit: Duration) -> Self {
        let mut running = Self::start(command.stdin(Stdio::piped()), limit);
        let (mut stdin, input) = (running.child.stdin.take().unwrap(), input.to_vec());
        // A child that has left, or is killed, breaks the pipe; its exit code and words say whether that is right.
        running.writer = Some(spawn(move || drop(stdin.write_all(&input))));
        running
    }

    /// Watches one that runs already. Pipes that were taken from it stay with who took them.
    pub(crate) fn of(mut child: Child, limit: Duration) -> Self {
        Self {
            stdout: Pipe::of(child.stdout.take()),
            stderr: Pipe::of(child.stderr.take()),
            child,
            writer: None,
            limit,
            until: Instant::now() + limit,
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The next piece of its standard output; none at the end.
    pub(crate) fn piece(&mut self) -> Option<Vec<u8>> {
        match self.piece_within(self.limit) {
            Ok(piece) => piece,
            Err(Late) => self.hangs("says nothing more"),
        }
    }

    /// The same, for a test that knows what to do when nothing comes for this long.
    pub(crate) fn piece_within(&mut self, time: Duration) -> Result<Option<Vec<u8>>, Late> {
        self.stdout.next(self.until.min(Instant::now() + time))
    }

    /// Waits until it has printed so much to standard output.
    pub(crate) fn has_printed(&mut self, bytes: usize) {
        while self.stdout.seen.len() < bytes {
            if self.piece().is_none() {
                self.hangs("ended too early");
            }
        }
    }

    /// Waits for its end, and for the end of its output.
    pub(crate) fn ended(mut self) -> Output {
        let status = self.status();
        let whole = self.stdout.rest(self.until).and_then(|()| self.stderr.rest(self.until));
        if whole.is_err() {
            self.hangs("ended, but another process keeps its output open");
        }
        if let Some(writer) = self.writer.take() {
            writer.join().unwrap();
        }
        Output {
            status,
            stdout: std::mem::take(&mut self.stdout.seen),
            stderr: std::mem::take(&mut self.stderr.seen),
        }
    }

    fn status(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > self.until {
                self.hangs("still runs");
            }
            sleep(Duration::from_millis(5));
        }
    }

    fn hangs(&mut self, how: &str) -> ! {
        let _ = self.child.kill();
        // What the dead one has printed comes at once.
        let soon = Instant::now() + Duration::from_millis(500);
        let _ = (self.stdout.rest(soon), self.stderr.rest(soon));
        panic!(
            "the child {how} (limit {:?})\n--- standard output\n{}\n--- standard error\n{}\n---",
            self.limit,
            String::from_utf8_lossy(&self.stdout.seen),
            String::from_utf8_lossy(&self.stderr.seen),
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time is over.
pub(crate) struct Late;

impl Pipe {
    fn of(source: Option<impl Read + Send + 'static>) -> Self {
        let (sender, pieces) = channel();
        if let Some(mut source) = source {
            spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = source.read(&mut buffer) {
                    if sender.send(buffer[..read].to_vec()).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            seen: Vec::new(),
            pieces,
        }
    }

    fn next(&mut self, until: Instant) -> Result<Option<Vec<u8>>, Late> {
        match self
            .pieces
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(piece) => {
                self.seen.extend_from_slice(&piece);
                Ok(Some(piece))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(Late),
        }
    }

    fn rest(&mut self, until: Instant) -> Result<(), Late> {
        while self.next(until)?.is_some() {}
        Ok(())
    }
}

#[test]
fn a_child_that_hangs_fails_the_test_with_what_it_printed() {
    let limit = Duration::from_millis(300);
    let caught = std::panic::catch_unwind(|| {
        let mut command = Command::new("sh");
        command.args(["-c", "echo so far; echo so good >&2; exec sleep 600"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(&mut command, limit).ended()
    });
    let message = caught.unwrap_err().downcast::<String>().unwrap();
    for words in ["still runs", "so far", "so good"] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_child_that_does_not_read_its_input_is_no_failure() {
    let input = vec![b'x'; 1 << 20];
    let ran = Running::with_input(&mut Command::new("true"), &input, Duration::from_secs(20)).ended();
    assert!(ran.status.success());
}
