//! The records of the last turns, over restarts.
//!
//! `route/turns.jsonl` in the state folder, one line a turn, the latest last. A turn is one write at the end of the file,
//! and a line that was torn by a crash is skipped. A file of [`MOST`] lines is replaced by one with the last [`KEPT`];
//! beside it stands a lock, for several processes, with the number of lines.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use yabby_core::ModelRef;
use yabby_servers::private;

use super::TurnRecord;

/// So many turns are kept.
const KEPT: usize = 500;
/// So many may stand in the file before it is made smaller.
const MOST: usize = 1000;

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
        let mut lock = self.lock()?;
        lock.lock()?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&self.path)?;
        if ends_in_a_torn_line(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        drop(file);
        let mut count = self.count(&mut lock)?;
        if count >= MOST {
            count = self.shrink()?;
        }
        // Always as long, so that nothing of an older number is left.
        lock.write_all_at(format!("{count:8}").as_bytes(), 0)
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

    /// Only one process writes at a time.
    fn lock(&self) -> io::Result<File> {
        let path = self.path.with_extension("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        match (options.open(&path), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                private::folder(folder)?;
                options.open(&path)
            }
            (opened, _) => opened,
        }
    }

    /// How many lines there are, the one that was just written too. The lock holds their number, so that the file is not
    /// read each time.
    fn count(&self, lock: &mut File) -> io::Result<usize> {
        let mut before = String::new();
        lock.read_to_string(&mut before)?;
        Ok(match before.trim().parse::<usize>() {
            Ok(before) => before.saturating_add(1),
            Err(_) => lines(&self.text()).count(),
        })
    }

    /// Leaves out the oldest turns; gives how many are left.
    fn shrink(&self) -> io::Result<usize> {
        let text = self.text();
        let mut kept: Vec<&[u8]> = lines(&text).take(KEPT).collect();
        kept.reverse();
        let mut all = kept.join(&b'\n');
        all.push(b'\n');
        private::replace(&self.path, &all)?;
        Ok(kept.len())
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
