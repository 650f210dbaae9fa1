//! The records of the last turns, over restarts.
//!
//! `route/turns.jsonl` in the state folder, one line a turn, the latest last. A turn is one write at the end of the file,
//! so that several processes can write; a line that was torn by a crash is skipped. A file of [`MOST`] lines is
//! replaced by one with the last [`KEPT`].

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use yabby_core::ModelRef;
use yabby_servers::private;

use super::TurnRecord;

/// So many turns are kept.
const KEPT: usize = 500;
/// So many may stand in the file before it is made smaller.
const MOST: usize = 1000;
/// No line is as short, so that a smaller file need not be counted.
const SHORTEST: u64 = 100;

/// The file with the last turns. Clones mean the same file.
#[derive(Clone, Debug)]
pub struct Turns {
    path: PathBuf,
}

impl Turns {
    /// The turns of a state folder. Nothing is read yet.
    pub fn of(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("route/turns.jsonl"),
        }
    }

    /// Writes down a turn.
    pub fn keep(&self, turn: &TurnRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(turn)?;
        line.push(b'\n');
        let lock = self.lock()?;
        // Many may write at once, and none while the file is replaced.
        lock.lock_shared()?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        if ends_in_a_torn_line(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        let length = file.metadata()?.len();
        drop(file);
        lock.unlock()?;
        if length >= SHORTEST * MOST as u64 {
            self.shrink(&lock)?;
        }
        Ok(())
    }

    /// The last turns, the latest first.
    pub fn recent(&self, most: usize) -> Vec<TurnRecord> {
        self.latest_first(|turns| turns.take(most).collect())
    }

    /// The turns whose id begins so, the latest first.
    pub fn find(&self, id: &str) -> Vec<TurnRecord> {
        let id = id.to_ascii_lowercase();
        // An id says what line to read.
        let mark = format!("\"id\":\"{id}");
        let text = self.text();
        let lines = lines(&text).filter(|line| memchr::memmem::find(line, mark.as_bytes()).is_some());
        let turns = lines.filter_map(|line| serde_json::from_slice::<TurnRecord>(line).ok());
        turns.filter(|turn| turn.id.starts_with(&id)).collect()
    }

    /// The last turns in which a model was to be tried, the latest first.
    pub fn of_model(&self, model: &ModelRef, most: usize) -> Vec<TurnRecord> {
        self.latest_first(|turns| turns.filter(|turn| turn.concerns(model)).take(most).collect())
    }

    /// The last turns of an agent, the latest first; those of the defaults without one.
    pub fn of_agent(&self, agent: Option<&str>, most: usize) -> Vec<TurnRecord> {
        let is_its = |turn: &TurnRecord| turn.agent.as_deref() == agent && turn.asked.is_none();
        self.latest_first(|turns| turns.filter(is_its).take(most).collect())
    }

    fn latest_first(
        &self,
        take: impl FnOnce(&mut dyn Iterator<Item = TurnRecord>) -> Vec<TurnRecord>,
    ) -> Vec<TurnRecord> {
        let text = self.text();
        take(&mut lines(&text).filter_map(|line| serde_json::from_slice(line).ok()))
    }

    /// A file that cannot be read counts as empty.
    fn text(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    fn lock(&self) -> io::Result<File> {
        let path = self.path.with_extension("lock");
        let open = || {
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
        };
        match (open(), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                private::folder(folder)?;
                open()
            }
            (opened, _) => opened,
        }
    }

    /// Leaves out the oldest turns, unless there are few or another process is at it.
    fn shrink(&self, lock: &File) -> io::Result<()> {
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let text = self.text();
        if memchr::memchr_iter(b'\n', &text).count() < MOST {
            return Ok(());
        }
        let mut kept: Vec<&[u8]> = lines(&text).take(KEPT).collect();
        kept.reverse();
        let mut all = kept.join(&b'\n');
        all.push(b'\n');
        private::replace(&self.path, &all)
    }
}

/// The lines, the last first, without empty ones.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.rsplit(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Whether a process ended in the middle of its line.
fn ends_in_a_torn_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests;
