//! SIGHUP: a person who wants the config read anew sends it, and so does a terminal that is closed.

use std::fs::File;

use tokio::signal::unix::{self, SignalKind, signal};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    ReadAnew,
    /// Nobody can end Yabby with Ctrl-C any more.
    TerminalGone,
}

/// Listens from its making on.
pub(super) struct Hangup {
    signal: Option<unix::Signal>,
    had_terminal: bool,
}

impl Hangup {
    pub(super) fn listen() -> Self {
        Self {
            signal: signal(SignalKind::hangup()).ok(),
            had_terminal: has_terminal(),
        }
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        match &mut self.signal {
            Some(signal) => {
                signal.recv().await;
            }
            // Without a handler the kernel ends the process.
            None => std::future::pending().await,
        }
        if self.had_terminal && !has_terminal() {
            return Signal::TerminalGone;
        }
        Signal::ReadAnew
    }
}

/// Whether the process has a terminal that controls it: this opens no other one.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}
