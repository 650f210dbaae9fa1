//! A server's process and everything that it starts: one process group, which is ended as a whole.

use std::{io, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    process::{Child, ChildStdin, Command},
    time::{sleep, timeout},
};

const POLL: Duration = Duration::from_millis(25);

/// Dropping it kills the group.
pub(super) struct Group {
    child: Child,
    pipe: Option<ChildStdin>,
    /// Until nothing of it is left.
    id: Option<Pid>,
}

impl Group {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        Ok(Self {
            // Waiting for a child closes the pipe that it still holds, so it is kept apart.
            pipe: child.stdin.take(),
            id: child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)),
            child,
        })
    }

    /// The process id of its first process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the end of its first process, and says how it ended. Cancel-safe.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Closes the pipe that the launcher waits for, asks politely, and does not wait for longer than `grace`: a
    /// llama.cpp that answers a whole request ignores the first SIGTERM (measured, more than four minutes).
    pub(super) async fn stop(mut self, grace: Duration) {
        drop(self.pipe.take());
        self.signal(Signal::TERM);
        let gone = async {
            let _ = self.child.wait().await;
            // The first process may be a script that leaves before what it has started.
            while self.id.is_some_and(|id| test_kill_process_group(id).is_ok()) {
                sleep(POLL).await;
            }
        };
        if timeout(grace, gone).await.is_err() {
            self.signal(Signal::KILL);
            let _ = self.child.wait().await;
        }
        self.id = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
