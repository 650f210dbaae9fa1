//! What ends an answer from outside: Ctrl-C, whoever ends the process, and a reader that has gone.

use std::{future::pending, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often it is looked whether standard output is still read.
const LOOK: Duration = Duration::from_millis(200);

/// Listens for Ctrl-C from its making to its end; one that comes between two waits is not lost.
pub(crate) struct Interrupt {
    signal: Option<Signal>,
}

impl Interrupt {
    /// From now on Ctrl-C no longer ends the process by itself.
    pub(crate) fn listen() -> Self {
        Self {
            signal: signal(SignalKind::interrupt()).ok(),
        }
    }

    /// The same for SIGTERM, with which services and containers are ended.
    pub(crate) fn termination() -> Self {
        Self {
            signal: signal(SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the next Ctrl-C.
    pub(crate) async fn pressed(&mut self) {
        match &mut self.signal {
            Some(signal) => {
                signal.recv().await;
            }
            // Without a handler the kernel ends the process.
            None => pending().await,
        }
    }
}

/// Waits until nobody can read standard output any more: without it a model that thinks in silence would be kept busy
/// until its next word.
pub(crate) async fn unread() {
    let output = std::io::stdout();
    loop {
        tokio::time::sleep(LOOK).await;
        let mut watched = [PollFd::new(&output, PollFlags::empty())];
        // A pipe without a reader is an error, a socket or terminal without one hangs up. A file has readers for ever.
        if poll(&mut watched, Some(&Timespec::default())).is_ok()
            && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
        {
            return;
        }
    }
}
