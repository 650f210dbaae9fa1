//! Ctrl-C.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
