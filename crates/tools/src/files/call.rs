//! A call on its way to a thread that may wait for the disk.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::task::spawn_blocking;

use crate::{ToolError, ToolErrorKind};

/// Whether nobody waits any more. What only reads stops then; what writes comes to its end, because a file that is half written
/// is worse than one that is written.
pub(super) struct Stop(Arc<AtomicBool>);

struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Stop {
    pub(super) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error when nobody waits any more.
    pub(super) fn check(&self) -> Result<(), ToolError> {
        if self.is_wanted() {
            return Err(ToolError::new(ToolErrorKind::Failed, "stopped"));
        }
        Ok(())
    }
}

/// Runs `work` on a thread for blocking work. One that has not begun when the future is dropped never begins.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let waits = Waits(Arc::default());
    let stop = Stop(Arc::clone(&waits.0));
    let done = spawn_blocking(move || {
        stop.check()?;
        work(&stop)
    });
    done.await.unwrap_or_else(|error| {
        Err(ToolError::new(
            ToolErrorKind::Failed,
            format!("the tool failed: {error}"),
        ))
    })
}
