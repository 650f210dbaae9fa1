//! One process writes. It holds a lock on a file that says which process that is, and whether the last one has closed the
//! store; the system takes the lock away from a process that ends in any way.

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};
use yabby_core::text;

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    files,
};

/// The lock, as long as it is held.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// Whether the last process has closed the store.
    pub(super) was_closed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    closed: bool,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A program that is being started in this moment has the file, too, until it is there: closing it is not enough.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a folder, or says who has it.
    pub(super) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let io = |error: io::Error| files::failed(&path, error);
        let mut file = files::open(&path).map_err(io)?;
        let held = file.try_lock();
        let mut said = String::new();
        // Whoever has it may be writing it now.
        let _ = file.read_to_string(&mut said);
        let holder: Option<Holder> = serde_json::from_str(&said).ok();
        match held {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, holder.map(|holder| holder.pid))),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let lock = Self {
            file,
            was_closed: holder.is_none_or(|holder| holder.closed),
        };
        lock.say(false).map_err(io)?;
        Ok(lock)
    }

    /// Notes that the store is closed, and gives the lock back.
    pub(super) fn release(self) {
        let _ = self.say(true);
    }

    fn say(&self, closed: bool) -> io::Result<()> {
        let pid = std::process::id();
        let text = serde_json::to_vec(&Holder { pid, closed })?;
        self.file.set_len(0)?;
        self.file.write_all_at(&text, 0)?;
        self.file.sync_data()
    }
}

fn in_use(folder: &Path, pid: Option<u32>) -> StoreError {
    let folder = folder.display();
    let (message, hint) = match pid {
        Some(pid) => (
            text!(
                "the store in {folder} is used by another Yabby, process {pid}",
                folder = folder,
                pid = pid
            ),
            text!("end it first: kill {pid}", pid = pid),
        ),
        None => (
            text!("the store in {folder} is used by another process", folder = folder),
            text!("end the other Yabby first, or use another folder: store.path in the config"),
        ),
    };
    StoreError::new(StoreErrorKind::InUse { pid }, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_also_while_a_program_that_was_started_has_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = Lock::take(folder.path()).expect("a lock");
        let copy = lock.file.try_clone().expect("a file");
        lock.release();
        drop(Lock::take(folder.path()).expect("a lock"));
        drop(copy);
    }
}
