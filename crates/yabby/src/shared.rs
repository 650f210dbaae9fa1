//! What replicas share through one database: what hosted models have cost.
//!
//! With `SQLite` there is one machine, and its processes share files of the state folder, which need no opening and which all of
//! them write; of the store only one process may write. So the database is used only where there are replicas.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::OnceCell;
use yabby_core::{Time, text};
use yabby_route::{
    Spending,
    spending::{Away, By, Day, Entry, Expense, Shared, Spent},
};
use yabby_store::{Access, Limits, Place, SpentBy, Store, StoreError};

use crate::{app::App, terminal::Terminal};

/// So long a command waits at its end until other replicas know what it has spent. What is left is in the state folder, and the
/// next command hands it over.
pub(crate) const HAND_OVER: Duration = Duration::from_secs(2);

/// A database that is opened when it is first needed.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    limits: Limits,
    terminal: Terminal,
    store: OnceCell<Store>,
    /// Whether its owner was told that it is away. It is told again when it was back meanwhile.
    told: AtomicBool,
}

/// What was spent by this run and all others: in the database where there is one, else in files.
pub(crate) fn spending(app: &App) -> Spending {
    let budget = app.config().route.budget;
    let open = || match &app.database {
        Some(database) => Spending::shared(Arc::new(database.clone()), &app.paths.state_dir, budget),
        None => Spending::open(&app.paths.state_dir, budget),
    };
    app.spending.get_or_init(open).clone()
}

/// What hosted models had on a day. Without the database it is not known.
pub(crate) async fn entries(app: &App, day: Day) -> Result<Vec<Entry>, StoreError> {
    let Some(database) = &app.database else {
        return Ok(day.entries(&app.paths.state_dir));
    };
    let day = i64::try_from(day.0).unwrap_or(i64::MAX);
    let expenses = database.store().await?.expenses(day).await?;
    Ok(expenses.into_iter().map(entry).collect())
}

impl Database {
    /// That of the config, if the config names one.
    pub(crate) fn of(place: &Place, limits: Limits, terminal: Terminal) -> Option<Self> {
        matches!(place, Place::Postgres { .. }).then(|| {
            Self(Arc::new(Inner {
                place: place.clone(),
                limits,
                terminal,
                store: OnceCell::new(),
                told: false.into(),
            }))
        })
    }

    /// The store in it. All that this process does with it goes through one.
    pub(crate) async fn store(&self) -> Result<Store, StoreError> {
        let open = async || {
            Ok(Store::open(&self.0.place, Access::Write)
                .await?
                .with_limits(self.0.limits))
        };
        self.0.store.get_or_try_init(open).await.cloned()
    }

    async fn within<T>(&self, operation: impl AsyncFnOnce(Store) -> Result<T, StoreError>) -> Result<T, Away> {
        let done = match self.store().await {
            Ok(store) => operation(store).await,
            Err(error) => Err(error),
        };
        let was_told = self.0.told.swap(done.is_err(), Ordering::Relaxed);
        done.map_err(|error| {
            if !was_told {
                self.0.terminal.notice(&text!(
                    "what hosted models cost cannot be shared now: {reason}",
                    reason = error.message
                ));
            }
            Away
        })
    }
}

impl Shared for Database {
    fn new_id(&self) -> String {
        yabby_store::new_id()
    }

    fn enter(&self, expenses: Vec<Expense>) -> BoxFuture<'_, Result<(), Away>> {
        let enter = async move |store: Store| store.spend_all(expenses.into_iter().map(expense).collect()).await;
        self.within(enter).boxed()
    }

    fn spent_on<'a>(
        &'a self,
        days: RangeInclusive<Day>,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<BTreeMap<Day, Spent>, Away>> {
        let number = |day: &Day| i64::try_from(day.0).unwrap_or(i64::MAX);
        let days = number(days.start())..=number(days.end());
        let read = async move |store: Store| {
            let by = match by {
                By::All => SpentBy::All,
                By::Session(session) => SpentBy::Conversation(session.to_owned()),
                By::Key(key) => SpentBy::Key(key.to_owned()),
            };
            let sums = store.spent_on(days, by).await?;
            let sum = |(day, spent): (i64, yabby_store::Spent)| {
                let spent = Spent {
                    usd: spent.usd,
                    tokens: spent.tokens,
                };
                (Day(u64::try_from(day).unwrap_or_default()), spent)
            };
            Ok(sums.into_iter().map(sum).collect())
        };
        self.within(read).boxed()
    }
}

fn expense(expense: Expense) -> yabby_store::Expense {
    let Expense { id, entry } = expense;
    yabby_store::Expense {
        id,
        at: Time(i64::try_from(entry.at.saturating_mul(1000)).unwrap_or(i64::MAX)),
        model: entry.model,
        conversation: entry.session,
        input: entry.input,
        cached: entry.cached,
        written: entry.written,
        output: entry.output,
        usd: entry.usd,
        exact: entry.exact,
        key: entry.key,
    }
}

fn entry(expense: yabby_store::Expense) -> Entry {
    Entry {
        at: u64::try_from(expense.at.0).unwrap_or_default() / 1000,
        model: expense.model,
        session: expense.conversation,
        input: expense.input,
        cached: expense.cached,
        written: expense.written,
        output: expense.output,
        usd: expense.usd,
        exact: expense.exact,
        key: expense.key,
    }
}
