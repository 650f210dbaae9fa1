//! How much each model was used: daily sums of attempts, hosted or not.
//!
//! `usage/2026-11-25.jsonl` in the state folder. A line has what one model did since the last line of the same process, so that
//! several processes append to one file without reading it, and a busy gateway writes a line a minute and not one a request.
//! Lines are added up when somebody looks. One that was torn by a crash is skipped.

mod sum;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use yabby_core::{ModelRef, now};
use yabby_servers::private;

pub use sum::{Done, Sum};

use crate::{TurnRecord, spending::Day};

/// How many days are kept.
const KEPT: u64 = 400;

/// What was done today, and the files of earlier days. Clones share it.
#[derive(Clone, Debug)]
pub struct Tally(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Without one, nothing outlives the process.
    folder: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What no file has yet.
    pending: BTreeMap<Day, BTreeMap<ModelRef, Sum>>,
    pruned: Option<Day>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    model: ModelRef,
    sum: Sum,
}

impl Tally {
    /// The tally of a state folder. Nothing is read yet.
    pub fn of(state_dir: &Path) -> Self {
        Self::with(Some(state_dir.join("usage")))
    }

    /// What is forgotten with the process.
    pub fn in_memory() -> Self {
        Self::with(None)
    }

    fn with(folder: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            folder,
            state: Mutex::default(),
        }))
    }

    /// Counts an attempt at a model that is over. Nothing is written yet.
    pub fn note(&self, model: &ModelRef, done: &Done) {
        let mut state = self.lock();
        let of_day = state.pending.entry(Day::of(now())).or_default();
        if let Some(sum) = of_day.get_mut(model) {
            return sum.count(done);
        }
        of_day.entry(model.clone()).or_default().count(done);
    }

    /// Counts the attempts of a turn. Nothing is written yet.
    pub fn turn(&self, turn: &TurnRecord) {
        for attempt in &turn.attempts {
            self.note(&attempt.model, &Done::of(attempt));
        }
    }

    /// Writes down what no file has yet. What cannot be written is kept, and written with the next.
    pub fn write(&self) -> io::Result<()> {
        let Some(folder) = &self.0.folder else { return Ok(()) };
        let mut state = self.lock();
        if state.pending.is_empty() {
            return Ok(());
        }
        private::folder(folder)?;
        let today = Day::of(now());
        if state.pruned != Some(today) {
            state.pruned = Some(today);
            prune(folder, today);
        }
        while let Some((day, models)) = state.pending.first_key_value() {
            // Behind a line that was torn, these begin on a line of their own; an empty line is none.
            let mut lines = b"\n".to_vec();
            for (model, sum) in models {
                let line = Line {
                    model: model.clone(),
                    sum: sum.clone(),
                };
                serde_json::to_writer(&mut lines, &line)?;
                lines.push(b'\n');
            }
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            options.open(file(folder, *day))?.write_all(&lines)?;
            state.pending.pop_first();
        }
        Ok(())
    }

    /// What each model did on a day.
    pub fn on(&self, day: Day) -> BTreeMap<ModelRef, Sum> {
        // Held while the file is read, so that nothing is in both.
        let state = self.lock();
        let mut models = state.pending.get(&day).cloned().unwrap_or_default();
        let text = self
            .0
            .folder
            .as_ref()
            .and_then(|folder| fs::read(file(folder, day)).ok());
        let text = text.unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        for line in lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok()) {
            models.entry(line.model).or_default().add(&line.sum);
        }
        models
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{}.jsonl", day.name()))
}

/// Removes what is too old. What cannot be removed is in nobody's way.
fn prune(folder: &Path, today: Day) {
    let first = format!("{}.jsonl", today.before(KEPT).name());
    for old in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = old.file_name();
        let name = name.to_string_lossy();
        if name.len() == first.len() && name.ends_with(".jsonl") && *name < *first {
            let _ = fs::remove_file(old.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::Usage;

    use super::*;

    fn done(failed: bool, first_ms: u64, total_ms: u64) -> Done {
        Done {
            failed,
            first_token_ms: Some(first_ms),
            total_ms,
            usage: Usage {
                input_tokens: Some(100),
                cached_tokens: Some(40),
                output_tokens: Some(50),
                ..Usage::default()
            },
            cost: Some(0.25),
        }
    }

    fn model(name: &str) -> ModelRef {
        name.parse().unwrap()
    }

    #[test]
    fn sums_of_all_processes_and_of_what_is_not_written_yet() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (Tally::of(folder.path()), Tally::of(folder.path()));
        let today = Day::of(now());
        one.note(&model("a/m"), &done(false, 200, 1200));
        one.note(&model("a/m"), &done(true, 0, 0));
        one.write().unwrap();
        // A crash in the middle of a line.
        let path = folder.path().join(format!("usage/{}.jsonl", today.name()));
        let torn = fs::read(&path).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&torn[1..torn.len() / 2]).unwrap();
        other.note(&model("b/m"), &done(false, 100, 1100));
        other.write().unwrap();
        one.note(&model("a/m"), &done(false, 200, 1200));

        let sums = one.on(today);
        assert_eq!(sums.keys().cloned().collect::<Vec<_>>(), [model("a/m"), model("b/m")]);
        let sum = &sums[&model("a/m")];
        assert_eq!((sum.requests, sum.failed), (3, 1));
        assert_eq!((sum.input, sum.cached, sum.output), (300, 120, 150));
        assert!((sum.cost - 0.75).abs() < 1e-9);
        assert_eq!(sum.tokens_per_second().map(f64::round), Some(50.0));
        let median = sum.first_token_ms().unwrap();
        assert!((180..=220).contains(&median), "{median}");
        // The other process sees what is written.
        assert_eq!(other.on(today)[&model("a/m")].requests, 2);
        assert_eq!(Tally::in_memory().on(today), BTreeMap::new());
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_written_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let tally = Tally::of(folder.path());
        tally.note(&model("a/m"), &done(false, 1, 2));
        fs::write(folder.path().join("usage"), "a file where a folder should be").unwrap();
        tally.write().unwrap_err();
        let today = Day::of(now());
        assert_eq!(tally.on(today)[&model("a/m")].requests, 1);
        fs::remove_file(folder.path().join("usage")).unwrap();
        // One file is too old, and goes.
        fs::create_dir(folder.path().join("usage")).unwrap();
        let old = folder.path().join("usage/2020-01-01.jsonl");
        fs::write(&old, "").unwrap();
        tally.write().unwrap();
        tally.write().unwrap();
        assert_eq!(Tally::of(folder.path()).on(today)[&model("a/m")].requests, 1);
        assert!(!old.exists());
    }
}
