//! What replicas spend together: a place that all of them reach, and what this process knows of it.
//!
//! An answer is entered in three steps. It is counted here at once, it is written to a file of its own in
//! `spending/unsent` of the state folder, and it is handed to the shared place, whereupon the file goes. After a crash the
//! next process hands over what was left. The id of an answer makes sure that it counts once, however often it is handed
//! over. Sums are read only after everything of this process was handed over, so that nothing of it is in them twice.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Mutex, Notify},
    time::{sleep, timeout},
};
use yabby_config::Limit;

use super::{
    Entry, Payer, Spending, Spent,
    ledger::{Day, day_of},
};

/// What was read so many seconds ago is read again before a request is paid.
const FRESH: u64 = 1;
/// What was read longer ago, in seconds, does not count as known.
const STALE: u64 = 10;
/// So long, in seconds, nobody tries again after the place could not be reached.
const REST: u64 = 2;
/// How long a request waits for the place.
const PATIENCE: Duration = Duration::from_secs(3);

/// A place that several replicas share.
pub trait Shared: fmt::Debug + Send + Sync {
    /// An id that nobody else makes.
    fn new_id(&self) -> String;

    /// Enters answers, all or nothing at a time; what has an id that is known already is not counted again.
    fn enter(&self, expenses: Vec<Expense>) -> BoxFuture<'_, Result<(), Away>>;

    /// What all replicas have spent on some days; days on which it was nothing may be missing.
    fn spent_on<'a>(
        &'a self,
        days: RangeInclusive<Day>,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<BTreeMap<Day, Spent>, Away>>;
}

/// Whose spending is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// That of all.
    All,
    /// That of a session.
    Session(&'a str),
    /// That of a key of the gateway.
    Key(&'a str),
}

/// One answer with its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expense {
    /// It counts once, however often it is entered.
    pub id: String,
    /// The answer.
    #[serde(flatten)]
    pub entry: Entry,
}

/// The place cannot be reached now. It has told its owner why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what replicas spend together cannot be reached")]
pub struct Away;

/// The shared place of a process.
#[derive(Debug)]
pub(super) struct Book {
    shared: Arc<dyn Shared>,
    /// For files of what was not handed over yet.
    folder: PathBuf,
    /// One exchange at a time: sums must not be older than what was handed over.
    turn: Mutex<Adopted>,
    /// Something was spent.
    spent: Notify,
}

/// Whether what an earlier process left was looked for.
#[derive(Debug, Default)]
struct Adopted(bool);

/// What this process knows of the shared place.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What was not handed over yet. It is part of the sums.
    pending: Vec<Expense>,
    /// When the sums of all were read, and of which day.
    all: Option<(Day, u64)>,
    /// When the place could not be reached last.
    failed: Option<u64>,
    /// When the sums of sessions were read, and of which day.
    sessions: BTreeMap<String, (Day, u64)>,
    /// When those of keys were.
    keys: BTreeMap<String, (Day, u64)>,
}

impl Book {
    pub(super) fn new(shared: Arc<dyn Shared>, state_dir: &Path) -> Self {
        Self {
            shared,
            folder: state_dir.join("spending/unsent"),
            turn: Mutex::default(),
            spent: Notify::new(),
        }
    }

    /// Notes what is to be handed over. What cannot be written is handed over all the same if the process lives on.
    pub(super) fn note(&self, known: &mut Known, entry: &Entry) {
        let expense = Expense {
            id: self.shared.new_id(),
            entry: entry.clone(),
        };
        let _ = self.write(&expense);
        known.pending.push(expense);
        self.spent.notify_one();
    }

    fn write(&self, expense: &Expense) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(expense);
        let part = path.with_extension("part");
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&part)?.write_all(&serde_json::to_vec(expense)?)?;
        fs::rename(part, path)
    }

    fn path(&self, expense: &Expense) -> PathBuf {
        self.folder.join(format!("{}.json", expense.id))
    }

    /// What processes have left here that ended before it was handed over. Of one that lives it may be too, which is no harm.
    fn left_behind(&self) -> Vec<Expense> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let whole = files.filter(|file| file.path().extension().is_some_and(|end| end == "json"));
        whole
            .filter_map(|file| serde_json::from_slice(&fs::read(file.path()).ok()?).ok())
            .collect()
    }
}

impl Known {
    /// Whether the sums that decide about a request of this session and this key may be relied on.
    pub(super) fn is_known(&self, today: Day, now: u64, session: Option<&str>, key: Option<&str>) -> bool {
        self.is_read(today, now, (session, key), STALE)
    }

    fn is_read(&self, today: Day, now: u64, (session, key): (Option<&str>, Option<&str>), within: u64) -> bool {
        // A clock that was set back makes everything old.
        let recent = |&(day, at): &(Day, u64)| day == today && now.checked_sub(at).is_some_and(|age| age < within);
        self.all.as_ref().is_some_and(recent)
            && session.is_none_or(|session| self.sessions.get(session).is_some_and(recent))
            && key.is_none_or(|key| self.keys.get(key).is_some_and(recent))
    }
}

impl Spending {
    /// What is shared with other replicas through `shared`. What could not be handed over yet is kept in the state folder.
    pub fn shared(shared: Arc<dyn Shared>, state_dir: &Path, budget: yabby_config::Budget) -> Self {
        Self::of_book(Book::new(shared, state_dir), budget, yabby_core::now)
    }

    /// Makes sure that what others have spent is known, as of a second ago, before a request of a session is paid. Where it
    /// cannot be known, [`Spending::reserve`] refuses what a limit applies to.
    pub async fn look(&self, session: &str) {
        let payer = Payer {
            session: session.to_owned(),
            ..Payer::default()
        };
        self.look_for(&payer).await;
    }

    /// The same for whoever has a limit of their own.
    pub async fn look_for(&self, payer: &Payer) {
        let Some(book) = &self.0.book else { return };
        let session = self.session_of(&payer.session).to_owned();
        let asked_at = (self.0.clock)();
        let rests = |failed: u64| asked_at.checked_sub(failed).is_some_and(|since| since < REST);
        if self.lock().known.failed.is_some_and(rests) {
            return;
        }
        let exchanged = timeout(PATIENCE, self.exchange(book, &session, payer.limited_key())).await;
        let failed = !matches!(exchanged, Ok(Ok(())));
        self.lock().known.failed = failed.then_some(asked_at);
    }

    /// Hands over what was spent, for `limit` at the most; what is left is handed over later, also by another process.
    pub async fn hand_over(&self, limit: Duration) {
        let Some(book) = &self.0.book else { return };
        if self.lock().known.pending.is_empty() {
            return;
        }
        let handed = async {
            let mut turn = book.turn.lock().await;
            self.hand(book, &mut turn).await
        };
        let _ = timeout(limit, handed).await;
    }

    /// Hands over what is spent, as soon as it is, until it is dropped. Who serves for long runs it beside.
    pub async fn keep_sharing(&self) {
        let Some(book) = &self.0.book else {
            return std::future::pending().await;
        };
        loop {
            let mut turn = book.turn.lock().await;
            let handed = self.hand(book, &mut turn).await;
            drop(turn);
            if handed.is_ok() {
                book.spent.notified().await;
            } else {
                sleep(Duration::from_secs(REST)).await;
            }
        }
    }

    async fn exchange(&self, book: &Book, session: &str, key: Option<&str>) -> Result<(), Away> {
        let mut turn = book.turn.lock().await;
        let now = (self.0.clock)();
        let today = day_of(now);
        let by_session = (self.budget().per_session != Limit::default()).then_some(session);
        if self.lock().known.is_read(today, now, (by_session, key), FRESH) {
            return Ok(());
        }
        self.hand(book, &mut turn).await?;
        let all = book.shared.spent_on(today..=today, By::All).await?;
        let of_session = match by_session {
            Some(session) => {
                let first = today.before(super::SESSION_DAYS);
                let found = book.shared.spent_on(first..=today, By::Session(session)).await?;
                Some((session, found))
            }
            None => None,
        };
        let of_key = match key {
            Some(key) => Some((key, book.shared.spent_on(today..=today, By::Key(key)).await?)),
            None => None,
        };
        let mut guard = self.lock();
        let state = &mut *guard;
        state.ledger.refresh(today);
        let pending = |days: &RangeInclusive<Day>, by: By<'_>| {
            let counts = |expense: &&Expense| {
                let entry = &expense.entry;
                let is_by = match by {
                    By::All => true,
                    By::Session(session) => session == entry.session,
                    By::Key(key) => entry.key.as_deref() == Some(key),
                };
                is_by && days.contains(&day_of(entry.at))
            };
            let entries = state.known.pending.iter().filter(counts);
            entries.fold(BTreeMap::<Day, Spent>::new(), |mut sums, expense| {
                let sum = sums.entry(day_of(expense.entry.at)).or_default();
                *sum = *sum + expense.entry.spent();
                sums
            })
        };
        let sum = |found: &BTreeMap<Day, Spent>, own: &BTreeMap<Day, Spent>, day: Day| {
            let of = |sums: &BTreeMap<Day, Spent>| sums.get(&day).copied().unwrap_or_default();
            of(found) + of(own)
        };
        let own = pending(&(today..=today), By::All);
        state.ledger.set_all(today, sum(&all, &own, today));
        if let Some((session, found)) = &of_session {
            let first = today.before(super::SESSION_DAYS);
            let own = pending(&(first..=today), By::Session(session));
            for day in (first.0..=today.0).map(Day) {
                state.ledger.set_session(day, session, sum(found, &own, day));
            }
        }
        if let Some((key, found)) = &of_key {
            let own = pending(&(today..=today), By::Key(key));
            state.ledger.set_key(today, key, sum(found, &own, today));
        }
        // What others had spent before is no news.
        if state.known.all.is_none_or(|(day, _)| day != today) {
            state.told = Some((today, state.ledger.spent_on(today).usd));
        }
        let known = &mut state.known;
        known.all = Some((today, now));
        let recent = |_: &String, (day, at): &mut (Day, u64)| *day == today && now.saturating_sub(*at) < STALE;
        known.sessions.retain(recent);
        known.keys.retain(recent);
        if let Some((key, _)) = of_key {
            known.keys.insert(key.to_owned(), (today, now));
        }
        if let Some((session, _)) = of_session {
            known.sessions.insert(session.to_owned(), (today, now));
        }
        Ok(())
    }

    /// Hands over all that was spent when this was called.
    async fn hand(&self, book: &Book, adopted: &mut Adopted) -> Result<(), Away> {
        let mut batch = self.lock().known.pending.clone();
        if !adopted.0 {
            let own: Vec<String> = batch.iter().map(|expense| expense.id.clone()).collect();
            batch.extend(book.left_behind().into_iter().filter(|left| !own.contains(&left.id)));
        }
        if !batch.is_empty() {
            book.shared.enter(batch.clone()).await?;
        }
        adopted.0 = true;
        self.lock()
            .known
            .pending
            .retain(|expense| !batch.iter().any(|handed| handed.id == expense.id));
        for expense in &batch {
            // What cannot be removed is handed over once more, and counts once.
            let _ = fs::remove_file(book.path(expense));
        }
        Ok(())
    }
}
