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
use yabby_core::{ModelRef, calendar};

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
    /// Of those, the ones that were written to a cache.
    #[serde(default)]
    pub written: u32,
    /// Tokens of the answer.
    pub output: u32,
    /// What it cost in US dollars, where the price is known.
    pub usd: Option<f64>,
    /// Whether the server has reported the tokens; otherwise they are estimated.
    pub exact: bool,
    /// The id of the gateway's key with which it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A day of UTC, counted from 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u64);

/// The totals, and the files that they come from. Each day has its own, so that it makes no difference in which order entries of
/// two days come, or whether the clock is set back.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Without one, nothing outlives the process.
    folder: Option<PathBuf>,
    /// How many days before today still count for sessions.
    look_back: u64,
    days: BTreeMap<Day, Totals>,
    /// What was reserved and not settled.
    held: Spent,
    held_by: BTreeMap<String, Spent>,
    held_with: BTreeMap<String, Spent>,
}

/// What was spent on a day.
#[derive(Debug, Default)]
struct Totals {
    /// How many bytes of the day's file are in it.
    read: u64,
    spent: Spent,
    sessions: BTreeMap<String, Spent>,
    keys: BTreeMap<String, Spent>,
}

impl Ledger {
    /// What is kept in `folder`; sessions count what they had in the last `look_back` days too.
    pub(super) fn open(folder: &Path, look_back: u64) -> Self {
        Self {
            folder: Some(folder.to_owned()),
            look_back,
            ..Self::default()
        }
    }

    /// From now on sessions count what they had in so many days before too.
    pub(super) fn look_back_to(&mut self, days: u64, today: Day) {
        if days <= self.look_back {
            return;
        }
        self.look_back = days;
        for day in today.before(days).0..today.0 {
            self.read_new(Day(day));
        }
    }

    /// Takes in what other processes have written, and begins a new day.
    pub(super) fn refresh(&mut self, today: Day) {
        if !self.days.contains_key(&today) {
            let first = today.before(self.look_back);
            self.days.retain(|day, _| *day >= first);
            for day in first.0..today.0 {
                self.read_new(Day(day));
            }
            self.prune(today);
        }
        self.read_new(today);
    }

    /// What was spent on a day.
    pub(super) fn spent_on(&self, day: Day) -> Spent {
        self.days.get(&day).map(|totals| totals.spent).unwrap_or_default()
    }

    /// What a session has spent.
    pub(super) fn spent_by(&self, session: &str) -> Spent {
        let of_days = self.days.values().filter_map(|totals| totals.sessions.get(session));
        of_days.fold(Spent::default(), |sum, spent| sum + *spent)
    }

    /// What was spent with a key on a day.
    pub(super) fn spent_with(&self, day: Day, key: &str) -> Spent {
        let found = self.days.get(&day).and_then(|totals| totals.keys.get(key));
        found.copied().unwrap_or_default()
    }

    /// What was spent with a key on a day is known from elsewhere.
    pub(super) fn set_key(&mut self, day: Day, key: &str, spent: Spent) {
        self.days.entry(day).or_default().keys.insert(key.to_owned(), spent);
    }

    /// What was spent on a day is known from elsewhere.
    pub(super) fn set_all(&mut self, day: Day, spent: Spent) {
        self.days.entry(day).or_default().spent = spent;
    }

    /// What a session has spent on a day is known from elsewhere.
    pub(super) fn set_session(&mut self, day: Day, session: &str, spent: Spent) {
        if spent != Spent::default() {
            let totals = self.days.entry(day).or_default();
            totals.sessions.insert(session.to_owned(), spent);
        } else if let Some(totals) = self.days.get_mut(&day) {
            totals.sessions.remove(session);
        }
    }

    /// What is reserved.
    pub(super) const fn held(&self) -> Spent {
        self.held
    }

    /// What is reserved for a session.
    pub(super) fn held_by(&self, session: &str) -> Spent {
        self.held_by.get(session).copied().unwrap_or_default()
    }

    /// What is reserved for a key.
    pub(super) fn held_with(&self, key: &str) -> Spent {
        self.held_with.get(key).copied().unwrap_or_default()
    }

    pub(super) fn hold(&mut self, session: &str, key: Option<&str>, spent: Spent) {
        self.held = self.held + spent;
        if let Some(key) = key {
            let held = self.held_with.entry(key.to_owned()).or_default();
            *held = *held + spent;
        }
        let held = self.held_by.entry(session.to_owned()).or_default();
        *held = *held + spent;
    }

    pub(super) fn release(&mut self, session: &str, key: Option<&str>, spent: Spent) {
        self.held = self.held - spent;
        if let Some(key) = key {
            let left = self.held_with(key) - spent;
            if left.tokens == 0 {
                self.held_with.remove(key);
            } else {
                self.held_with.insert(key.to_owned(), left);
            }
        }
        let left = self.held_by(session) - spent;
        if left.tokens == 0 {
            self.held_by.remove(session);
        } else {
            self.held_by.insert(session.to_owned(), left);
        }
        if self.held_by.is_empty() {
            // What rounding has left over is nothing.
            self.held = Spent::default();
        }
    }

    /// Enters what was spent. What cannot be written, or not be read again, is counted in this process all the same.
    pub(super) fn enter(&mut self, entry: &Entry) {
        let day = day_of(entry.at);
        self.refresh(day);
        if self.append(day, entry).is_none() || self.read_new(day) == 0 {
            self.days.entry(day).or_default().count(entry);
        }
    }

    fn append(&self, day: Day, entry: &Entry) -> Option<()> {
        let folder = self.folder.as_ref()?;
        fs::create_dir_all(folder).ok()?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(file(folder, day)).ok()?;
        // Behind a line that was torn, this one begins on a line of its own.
        let mut line = if ends_torn(&mut file) { "\n" } else { "" }.to_owned();
        line += &serde_json::to_string(entry).ok()?;
        line.push('\n');
        file.write_all(line.as_bytes()).ok()
    }

    /// Counts the whole lines of a day's file that were not read yet; gives how many entries they held.
    fn read_new(&mut self, day: Day) -> usize {
        let totals = self.days.entry(day).or_default();
        let Some(folder) = &self.folder else { return 0 };
        let Some((start, bytes)) = read_from(&file(folder, day), totals.read) else {
            return 0;
        };
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
        totals.read = start + whole as u64;
        let new = bytes.get(..whole).unwrap_or_default();
        entries(new).inspect(|entry| totals.count(entry)).count()
    }

    fn prune(&self, today: Day) {
        let files = self.folder.iter().filter_map(|folder| fs::read_dir(folder).ok());
        let first = format!("{}.jsonl", date(today.before(KEPT)));
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

impl Entry {
    /// What counts of it.
    pub(super) fn spent(&self) -> Spent {
        Spent {
            usd: self.usd.unwrap_or(0.0).max(0.0),
            tokens: u64::from(self.input) + u64::from(self.output),
        }
    }
}

impl Totals {
    fn count(&mut self, entry: &Entry) {
        let spent = entry.spent();
        self.spent = self.spent + spent;
        let session = self.sessions.entry(entry.session.clone()).or_default();
        *session = *session + spent;
        if let Some(key) = &entry.key {
            let key = self.keys.entry(key.clone()).or_default();
            *key = *key + spent;
        }
    }
}

/// All entries of a day in the ledger of a state folder.
pub(super) fn of_day(state_dir: &Path, day: Day) -> Vec<Entry> {
    let (_, bytes) = read_from(&file(&state_dir.join("spending"), day), 0).unwrap_or_default();
    entries(&bytes).collect()
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

fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}

/// What stands in a file from `start` on, or all of it if it has become shorter than that, and where that begins.
fn read_from(path: &Path, start: u64) -> Option<(u64, Vec<u8>)> {
    let mut file = File::open(path).ok()?;
    let start = if file.metadata().ok()?.len() < start { 0 } else { start };
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some((start, bytes))
}

fn ends_torn(file: &mut File) -> bool {
    let mut last = [b'\n'];
    // An empty file has no last byte to go to.
    let found = file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last));
    found.is_ok() && last != [b'\n']
}

fn file(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{}.jsonl", date(day)))
}

/// `2026-11-25`.
fn date(day: Day) -> String {
    let (year, month, day) = calendar::date(i64::try_from(day.0).unwrap_or(i64::MAX / 2));
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
