//! What was spent, in one file a day: `spending/2026-11-25.jsonl` in the state folder, a line for each answer.
//!
//! Lines are appended with one write each, so that several processes may share a file; each reads what the others have added. A
//! line that was torn by a crash is skipped.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use yabby_core::ModelRef;

use super::Spent;

const SECONDS_OF_DAY: u64 = 86_400;
/// How many days are kept.
const KEPT: u64 = 400;

/// One answer, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The model.
    pub model: ModelRef,
    /// The session.
    pub session: String,
    /// Tokens of the prompt, cached ones included.
    pub input: u32,
    /// Of those, the ones from a cache.
    pub cached: u32,
    /// Tokens of the answer.
    pub output: u32,
    /// What it cost in US dollars, where the price is known.
    pub usd: Option<f64>,
    /// Whether the server has reported the tokens; otherwise they are estimated.
    pub exact: bool,
}

/// A day of UTC, counted from 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u64);

/// The totals, and the file that they come from.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Without one, nothing outlives the process.
    folder: Option<PathBuf>,
    day: Day,
    /// How much of today's file was read.
    read: u64,
    today: Spent,
    sessions: BTreeMap<String, Spent>,
    /// What was reserved and not settled.
    held: Spent,
    held_by: BTreeMap<String, Spent>,
}

impl Ledger {
    pub(super) fn open(folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_owned()),
            ..Self::default()
        }
    }

    /// Takes in what other processes have written, and begins a new day.
    pub(super) fn refresh(&mut self, today: Day) {
        if self.day != today {
            if self.day == Day::default() {
                // A session may have begun yesterday.
                self.read_sessions(today);
                self.prune(today);
            }
            self.day = today;
            self.read = 0;
            self.today = Spent::default();
        }
        for entry in self.read_new() {
            self.count(&entry);
        }
    }

    /// Today's, with what is reserved.
    pub(super) fn today(&self) -> Spent {
        self.today + self.held
    }

    /// A session's, with what is reserved.
    pub(super) fn of_session(&self, session: &str) -> Spent {
        let of = |sums: &BTreeMap<String, Spent>| sums.get(session).copied().unwrap_or_default();
        of(&self.sessions) + of(&self.held_by)
    }

    pub(super) fn hold(&mut self, session: &str, spent: Spent) {
        self.held = self.held + spent;
        let held = self.held_by.entry(session.to_owned()).or_default();
        *held = *held + spent;
    }

    pub(super) fn release(&mut self, session: &str, spent: Spent) {
        self.held = self.held - spent;
        let left = self.held_by.get(session).copied().unwrap_or_default() - spent;
        if left.tokens == 0 {
            self.held_by.remove(session);
        } else {
            self.held_by.insert(session.to_owned(), left);
        }
    }

    /// Enters what was spent. What cannot be written is counted in this process all the same.
    pub(super) fn enter(&mut self, entry: &Entry) {
        self.refresh(day_of(entry.at));
        match self.append(entry) {
            Some(()) => self.refresh(self.day),
            None => self.count(entry),
        }
    }

    fn count(&mut self, entry: &Entry) {
        let spent = Spent {
            usd: entry.usd.unwrap_or(0.0),
            tokens: u64::from(entry.input) + u64::from(entry.output),
        };
        self.today = self.today + spent;
        let session = self.sessions.entry(entry.session.clone()).or_default();
        *session = *session + spent;
    }

    fn append(&self, entry: &Entry) -> Option<()> {
        let folder = self.folder.as_ref()?;
        fs::create_dir_all(folder).ok()?;
        let mut line = serde_json::to_string(entry).ok()?;
        line.push('\n');
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(file(folder, self.day))
            .ok()?
            .write_all(line.as_bytes())
            .ok()
    }

    /// The whole lines of today's file that were not read yet.
    fn read_new(&mut self) -> Vec<Entry> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let Some(text) = read_from(&file(folder, self.day), self.read) else {
            return Vec::new();
        };
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        self.read += whole as u64;
        entries(text.get(..whole).unwrap_or_default()).collect()
    }

    fn read_sessions(&mut self, today: Day) {
        let Some(folder) = &self.folder else { return };
        let yesterday = file(folder, Day(today.0.saturating_sub(1)));
        let text = read_from(&yesterday, 0).unwrap_or_default();
        for entry in entries(&text) {
            self.count(&entry);
        }
    }

    fn prune(&self, today: Day) {
        let files = self.folder.iter().filter_map(|folder| fs::read_dir(folder).ok());
        let first = format!("{}.jsonl", date(Day(today.0.saturating_sub(KEPT))));
        for old in files.flatten().flatten() {
            let name = old.file_name();
            let name = name.to_string_lossy();
            if name.len() == first.len() && name.ends_with(".jsonl") && *name < *first {
                // What cannot be removed is in nobody's way.
                let _ = fs::remove_file(old.path());
            }
        }
    }
}

/// All entries of a day in the ledger of a state folder.
pub(super) fn of_day(state_dir: &Path, day: Day) -> Vec<Entry> {
    let text = read_from(&file(&state_dir.join("spending"), day), 0).unwrap_or_default();
    entries(&text).collect()
}

impl Day {
    /// The day of a time in seconds since 1970.
    pub const fn of(seconds: u64) -> Self {
        Self(seconds / SECONDS_OF_DAY)
    }

    /// So many days before.
    #[must_use]
    pub const fn before(self, days: u64) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// `2026-11-25`.
    pub fn name(self) -> String {
        date(self)
    }

    /// What was spent on it, as kept in a state folder.
    pub fn entries(self, state_dir: &Path) -> Vec<Entry> {
        of_day(state_dir, self)
    }
}

pub(super) const fn day_of(seconds: u64) -> Day {
    Day::of(seconds)
}

fn entries(text: &str) -> impl Iterator<Item = Entry> + '_ {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn read_from(path: &Path, start: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn file(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{}.jsonl", date(day)))
}

/// `2026-11-25`: the Gregorian date of a day, by the calendar's cycle of 400 years with March as the first month.
fn date(day: Day) -> String {
    let days = day.0 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            usd: self.usd + other.usd,
            tokens: self.tokens + other.tokens,
        }
    }
}

impl std::ops::Sub for Spent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            usd: (self.usd - other.usd).max(0.0),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}
