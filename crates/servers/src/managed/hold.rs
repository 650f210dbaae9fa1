//! Who uses a server: locks on a file, which the kernel drops with the process that holds them.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// The file that users lock, shared; the supervisor locks it, exclusively, while it stops the server.
const USERS: &str = "lease.lock";
/// A supervisor needs some seconds to stop a server that does not listen to it.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);

/// While it or a clone of it lives, the server is not stopped.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held(File);

impl Hold {
    /// Waits for a supervisor that stops its server; fails with [`io::ErrorKind::TimedOut`] when that takes too long.
    pub(super) async fn take(folder: &Path) -> io::Result<Self> {
        let file = open_lock(&folder.join(USERS))?;
        let start = Instant::now();
        loop {
            match file.try_lock_shared() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < STOP_LIMIT => tokio::time::sleep(POLL).await,
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        let held = Held(file);
        held.touch();
        Ok(Self { _held: Arc::new(held) })
    }
}

impl Held {
    /// The supervisor looks at the lock now and then only, and would miss a use that is shorter.
    fn touch(&self) {
        // At worst the time of idleness begins a moment too early.
        let _ = self.0.set_modified(SystemTime::now());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.touch();
    }
}

/// The users as the supervisor sees them.
pub(super) struct Users {
    path: PathBuf,
    /// Without a user for this long, the server is stopped.
    patience: Duration,
    touched: Option<SystemTime>,
    unused_since: Option<Instant>,
}

impl Users {
    pub(super) fn of(folder: &Path, patience: Duration) -> Self {
        Self {
            path: folder.join(USERS),
            patience,
            touched: None,
            unused_since: None,
        }
    }

    /// The locked file when there has been no user for long enough: as long as it is kept, a new one waits.
    pub(super) fn gone(&mut self) -> io::Result<Option<File>> {
        let file = open_lock(&self.path)?;
        let free = file.try_lock();
        // Looked at under the lock, so that a use that has just ended is seen.
        let touched = file.metadata()?.modified().ok();
        let used = touched != self.touched;
        self.touched = touched;
        if used || free.is_err() {
            self.unused_since = None;
        }
        if free.is_err() {
            return Ok(None);
        }
        let since = *self.unused_since.get_or_insert_with(Instant::now);
        Ok((since.elapsed() >= self.patience).then_some(file))
    }
}

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn idleness_counts_from_the_last_use_of_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let mut users = Users::of(folder.path(), MINUTE);
        let one = Hold::take(folder.path()).await.unwrap();
        let two = Hold::take(folder.path()).await.unwrap();
        let mut look = async |after: Duration| {
            advance(after).await;
            users.gone().unwrap().is_some()
        };
        // However long a request takes, and though another one ended long ago.
        assert!(!look(Duration::ZERO).await);
        assert!(!look(10 * MINUTE).await);
        drop(one);
        assert!(!look(10 * MINUTE).await);
        drop(two);
        assert!(!look(MINUTE).await, "the end of a use is seen at the next look");
        assert!(!look(MINUTE / 2).await);
        // A use between two looks, which the lock does not show.
        drop(Hold::take(folder.path()).await.unwrap());
        assert!(!look(MINUTE / 2).await);
        assert!(!look(MINUTE / 2).await);
        assert!(look(MINUTE / 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_user_waits_until_the_server_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let mut users = Users::of(folder.path(), Duration::ZERO);
        let stopping = users.gone().unwrap().unwrap();
        let mut taken = Box::pin(Hold::take(folder.path()));
        assert!(tokio::time::timeout(5 * POLL, &mut taken).await.is_err());
        drop(stopping);
        taken.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_that_does_not_get_done_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = open_lock(&folder.path().join(USERS)).unwrap();
        file.try_lock().unwrap();
        let error = Hold::take(folder.path()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
