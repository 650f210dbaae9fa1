//! What hosted models cost, and how much they may.
//!
//! Each request to a model that costs something reserves what it is likely to cost, and settles that when it is over, so that many
//! at once cannot pass a limit together. What was spent is kept in one file a day ([`ledger`]), or at a place that replicas share
//! ([`shared`]). Days are those of UTC.

mod heard;
mod ledger;
mod limits;
mod price;
mod shared;
mod toll;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use yabby_config::{Budget, Limit};
use yabby_core::{ModelEvent, ModelRef, Text, Usage, text};

pub use ledger::{Day, Entry};
pub use limits::OverBudget;
pub use price::Price;
pub use shared::{Away, By, Expense, Shared};
pub use toll::Toll;

pub(crate) use toll::may_be_paid;

use heard::Heard;
use ledger::{Ledger, day_of};
use limits::{Taken, check};
use price::Known;
use shared::Book;

/// How many days before today a session's limit looks back. One that rests for longer begins anew.
const SESSION_DAYS: u64 = 30;

/// Money and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// US dollars.
    pub usd: f64,
    /// Tokens, of input and output together.
    pub tokens: u64,
}

/// What was spent, and the limits. Clones share it.
#[derive(Clone, Debug)]
pub struct Spending(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// It changes with the config.
    budget: RwLock<Budget>,
    state: Mutex<State>,
    /// What is shared with other replicas.
    book: Option<Book>,
    /// Seconds since 1970.
    clock: fn() -> u64,
    /// The session of requests that name none: all those of this process.
    own_session: String,
}

#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    /// What is known of what replicas share.
    known: shared::Known,
    /// The day of which round sums were told last, and what was spent then.
    told: Option<(Day, f64)>,
}

/// For whom a request is paid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payer {
    /// The session; all requests of this process that name none belong to one.
    pub session: String,
    /// The id of the gateway's key with which it was asked for.
    pub key: Option<String>,
    /// What the key may spend in a day of UTC, in US dollars.
    pub key_per_day: Option<f64>,
}

/// A request that costs something, from before it is sent until it is over. What it may cost is reserved as long.
#[derive(Debug)]
#[must_use = "what is not kept is not reserved"]
pub struct Reservation {
    spending: Spending,
    model: ModelRef,
    session: String,
    key: Option<String>,
    price: Option<Price>,
    /// Tokens of the prompt, as estimated.
    prompt: u32,
    held: Spent,
    /// Whether it is on its way, so that it may cost something whatever comes of it.
    sent: AtomicBool,
    heard: Heard,
    settled: bool,
}

impl Spending {
    /// What is kept in this state folder.
    pub fn open(state_dir: &Path, budget: Budget) -> Self {
        let by_session = budget.per_session != Limit::default();
        let look_back = if by_session { SESSION_DAYS } else { 0 };
        Self::with(
            Ledger::open(&state_dir.join("spending"), look_back),
            budget,
            yabby_core::now,
        )
    }

    /// What is forgotten with the process.
    pub fn in_memory(budget: Budget) -> Self {
        Self::with(Ledger::default(), budget, yabby_core::now)
    }

    fn with(ledger: Ledger, budget: Budget, clock: fn() -> u64) -> Self {
        Self::made(ledger, None, budget, clock)
    }

    fn of_book(book: Book, budget: Budget, clock: fn() -> u64) -> Self {
        Self::made(Ledger::default(), Some(book), budget, clock)
    }

    fn made(ledger: Ledger, book: Option<Book>, budget: Budget, clock: fn() -> u64) -> Self {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let opened = OPENED.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner {
            budget: RwLock::new(budget),
            state: Mutex::new(State {
                ledger,
                ..State::default()
            }),
            book,
            clock,
            own_session: format!("run:{}-{}-{opened}", clock(), std::process::id()),
        }))
    }

    /// What was spent today, also by other processes; without what is reserved. What replicas share is as of the last
    /// [`Spending::look`].
    pub fn today(&self) -> Spent {
        let today = day_of((self.0.clock)());
        let mut state = self.lock();
        state.refresh(today);
        state.ledger.spent_on(today)
    }

    /// The limits.
    pub fn budget(&self) -> Budget {
        *self.0.budget.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Other limits hold from now on, also for what was spent before.
    pub fn set_budget(&self, budget: Budget) {
        let by_session = budget.per_session != Limit::default();
        if by_session {
            let today = day_of((self.0.clock)());
            self.lock().ledger.look_back_to(SESSION_DAYS, today);
        }
        *self.0.budget.write().unwrap_or_else(PoisonError::into_inner) = budget;
    }

    /// Reserves what a request is likely to cost, if no limit is against it. It is refused only when its prompt alone does not fit
    /// into what is left beside all that is reserved; `answer` is how many tokens the answer is likely to have.
    pub fn reserve(
        &self,
        model: &ModelRef,
        session: &str,
        price: Option<Price>,
        prompt: u32,
        answer: u32,
    ) -> Result<Reservation, OverBudget> {
        let payer = Payer {
            session: session.to_owned(),
            ..Payer::default()
        };
        self.reserve_for(model, &payer, price, prompt, answer)
    }

    /// The same for whoever has a limit of their own.
    pub fn reserve_for(
        &self,
        model: &ModelRef,
        payer: &Payer,
        price: Option<Price>,
        prompt: u32,
        answer: u32,
    ) -> Result<Reservation, OverBudget> {
        let now = (self.0.clock)();
        let today = day_of(now);
        let session = self.session_of(&payer.session);
        let key = payer.key.as_deref();
        let costs = |answer: u32| Spent {
            usd: price.as_ref().map_or(0.0, |price| price.estimate(prompt, answer)),
            tokens: u64::from(prompt) + u64::from(answer),
        };
        let kind = price.as_ref().map_or(Known::Unknown, Price::kind);
        let budget = self.budget();
        let mut state = self.lock();
        state.refresh(today);
        let by_session = (budget.per_session != Limit::default()).then_some(session);
        if self.0.book.is_some() && !state.known.is_known(today, now, by_session, payer.limited_key()) {
            limits::unseen(&budget, payer.key_per_day, kind)?;
        }
        let ledger = &mut state.ledger;
        check(
            &budget,
            Taken {
                spent: ledger.spent_on(today),
                reserved: ledger.held(),
            },
            Taken {
                spent: ledger.spent_by(session),
                reserved: ledger.held_by(session),
            },
            costs(0),
            kind,
        )?;
        if let Some((key, most)) = payer.limited_key().zip(payer.key_per_day) {
            let taken = Taken {
                spent: ledger.spent_with(today, key),
                reserved: ledger.held_with(key),
            };
            limits::of_key(most, taken, costs(0), kind)?;
        }
        let held = costs(answer);
        ledger.hold(session, key, held);
        drop(state);
        Ok(Reservation {
            spending: self.clone(),
            model: model.clone(),
            session: session.to_owned(),
            key: payer.key.clone(),
            price,
            prompt,
            held,
            sent: AtomicBool::new(false),
            heard: Heard::default(),
            settled: false,
        })
    }

    /// The session that a request counts for.
    fn session_of<'a>(&'a self, session: &'a str) -> &'a str {
        if session.is_empty() {
            &self.0.own_session
        } else {
            session
        }
    }

    /// A word when what was spent today has passed a round sum since this was asked last, and no limit of money for a day would
    /// stop it.
    pub(crate) fn milestone(&self) -> Option<Text> {
        let today = day_of((self.0.clock)());
        let mut state = self.lock();
        state.refresh(today);
        let after = state.ledger.spent_on(today).usd;
        let (_, before) = state.told.replace((today, after))?;
        milestone(&self.budget(), before, after)
    }

    /// The lock is held for a moment: a line is written, or those of other processes are read.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Payer {
    /// The key, if it has a limit.
    fn limited_key(&self) -> Option<&str> {
        self.key.as_deref().filter(|_| self.key_per_day.is_some())
    }
}

impl State {
    fn refresh(&mut self, today: Day) {
        self.ledger.refresh(today);
        if self.told.is_none_or(|(day, _)| day != today) {
            self.told = Some((today, self.ledger.spent_on(today).usd));
        }
    }
}

impl Reservation {
    /// It is on its way: if nothing else is said of it, its prompt is paid.
    pub fn sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// It was refused, or never reached its server, so that it costs nothing.
    pub fn free(self) {
        self.sent.store(false, Ordering::Relaxed);
    }

    /// A piece of the answer has come.
    pub fn heard(&mut self, event: &ModelEvent) {
        self.heard.event(event);
    }

    /// It is over. What the server does not say is taken from the estimate and from what was heard, so that no bill can hide.
    pub fn settle(mut self, usage: &Usage) -> Entry {
        self.enter(usage)
    }

    fn enter(&mut self, usage: &Usage) -> Entry {
        self.settled = true;
        let input = usage.input_tokens.unwrap_or(self.prompt);
        let output = match usage.output_tokens {
            Some(output) if self.heard.ended => output,
            // What was told before the end is not all of it.
            told => told.unwrap_or(0).max(self.heard.tokens()),
        };
        let told = Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..*usage
        };
        let said = usage.cost.filter(|usd| usd.is_finite() && *usd >= 0.0);
        let entry = Entry {
            at: (self.spending.0.clock)(),
            model: self.model.clone(),
            session: self.session.clone(),
            input,
            cached: usage.cached_tokens.unwrap_or(0),
            written: usage.cache_write_tokens.unwrap_or(0),
            output,
            usd: said.or_else(|| Some(self.price.as_ref()?.of(&told))),
            key: self.key.clone(),
            exact: self.heard.ended && usage.input_tokens.is_some() && usage.output_tokens.is_some(),
        };
        let mut state = self.spending.lock();
        state.ledger.release(&self.session, self.key.as_deref(), self.held);
        state.ledger.enter(&entry);
        if let Some(book) = &self.spending.0.book {
            book.note(&mut state.known, &entry);
        }
        entry
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if *self.sent.get_mut() {
            self.enter(&Usage::default());
        } else {
            let mut state = self.spending.lock();
            state.ledger.release(&self.session, self.key.as_deref(), self.held);
        }
    }
}

/// The line about a hosted model that has answered for one of the owner's own.
pub(crate) fn spent_line(model: &ModelRef, usd: Option<f64>, today: Spent) -> Text {
    match usd {
        Some(usd) => text!(
            "{model} is hosted: this answer cost about {usd}, today {today}",
            model = model,
            usd = dollars(usd),
            today = dollars(today.usd)
        ),
        None => text!(
            "{model} is hosted, and its price is not known; today it and others had {tokens} tokens",
            model = model,
            tokens = today.tokens
        ),
    }
}

/// A word when a sum has passed a round one (1, 2, 5, 10 dollars and so on), and no limit would stop it.
fn milestone(budget: &Budget, before: f64, after: f64) -> Option<Text> {
    if budget.per_day.usd.is_some() {
        return None;
    }
    let sums = (0..9).flat_map(|power| [1.0, 2.0, 5.0].map(|sum| sum * 10_f64.powi(power)));
    let passed = sums.rev().find(|sum| before < *sum && *sum <= after)?;
    Some(text!(
        "hosted models have cost more than {sum} today; route.budget.perDay.usd in the config sets a limit",
        sum = dollars(passed)
    ))
}

/// A sum for people: cents, and smaller parts where there is nothing else.
pub fn dollars(usd: f64) -> String {
    if 0.0 < usd && usd < 0.000_05 {
        "<$0.0001".to_owned()
    } else if usd != 0.0 && usd.abs() < 0.1 {
        format!("${usd:.4}")
    } else {
        format!("${usd:.2}")
    }
}
