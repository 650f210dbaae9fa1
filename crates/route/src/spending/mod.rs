//! What hosted models cost, and how much they may.
//!
//! Each request to a model that costs something reserves what it will cost at least, and settles that when it is over, so that many
//! at once cannot pass a limit together. What was spent is kept in one file a day ([`ledger`]). Days are those of UTC.

mod ledger;
mod limits;
mod price;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use yabby_config::Budget;
use yabby_core::{ModelRef, Text, Usage, text};

pub use ledger::{Day, Entry};
pub use limits::OverBudget;
pub use price::Price;

use ledger::{Ledger, day_of};
use limits::check;

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
    budget: Budget,
    ledger: Mutex<Ledger>,
    /// Seconds since 1970.
    clock: fn() -> u64,
}

/// What a request will cost at least. It counts as spent until it is settled or dropped.
#[derive(Debug)]
#[must_use = "what is not kept is not reserved"]
pub struct Reservation {
    spending: Spending,
    model: ModelRef,
    session: String,
    price: Option<Price>,
    /// Tokens of the prompt, as estimated.
    prompt: u32,
    estimate: Spent,
    /// Whether the server has begun to work on it, so that it costs something whatever comes of it.
    begun: bool,
    settled: bool,
}

impl Spending {
    /// What is kept in this state folder.
    pub fn open(state_dir: &Path, budget: Budget) -> Self {
        Self::with(Ledger::open(&state_dir.join("spending")), budget, yabby_core::now)
    }

    /// What is forgotten with the process.
    pub fn in_memory(budget: Budget) -> Self {
        Self::with(Ledger::default(), budget, yabby_core::now)
    }

    fn with(ledger: Ledger, budget: Budget, clock: fn() -> u64) -> Self {
        Self(Arc::new(Inner {
            budget,
            ledger: Mutex::new(ledger),
            clock,
        }))
    }

    /// What was spent today, also by other processes.
    pub fn today(&self) -> Spent {
        let now = (self.0.clock)();
        let mut ledger = self.lock();
        ledger.refresh(day_of(now));
        ledger.today()
    }

    /// The limits.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Reserves what a request with so many tokens will cost at least, if no limit is against it.
    pub fn reserve(
        &self,
        model: &ModelRef,
        session: &str,
        price: Option<Price>,
        prompt: u32,
    ) -> Result<Reservation, OverBudget> {
        let now = (self.0.clock)();
        let mut ledger = self.lock();
        ledger.refresh(day_of(now));
        let estimate = Spent {
            usd: price.as_ref().map_or(0.0, |price| price.of_prompt(prompt)),
            tokens: u64::from(prompt),
        };
        let of_session = ledger.of_session(session);
        check(&self.0.budget, ledger.today(), of_session, estimate, price.is_some())?;
        ledger.hold(session, estimate);
        Ok(Reservation {
            spending: self.clone(),
            model: model.clone(),
            session: session.to_owned(),
            price,
            prompt,
            estimate,
            begun: false,
            settled: false,
        })
    }

    /// The lock is held for a moment: a line is written, or those of other processes are read.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// The server has begun to work on it.
    pub fn begun(&mut self) {
        self.begun = true;
    }

    /// It is over. What the server does not say is taken from the estimate, so that no bill can hide.
    pub fn settle(mut self, usage: &Usage) -> Entry {
        self.enter(usage)
    }

    fn enter(&mut self, usage: &Usage) -> Entry {
        self.settled = true;
        let input = usage.input_tokens.unwrap_or(self.prompt);
        let output = usage.output_tokens.unwrap_or(0);
        let told = Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..*usage
        };
        let entry = Entry {
            at: (self.spending.0.clock)(),
            model: self.model.clone(),
            session: self.session.clone(),
            input,
            cached: usage.cached_tokens.unwrap_or(0),
            output,
            usd: usage.cost.or_else(|| Some(self.price.as_ref()?.of(&told))),
            exact: usage.input_tokens.is_some() && usage.output_tokens.is_some(),
        };
        let mut ledger = self.spending.lock();
        ledger.release(&self.session, self.estimate);
        ledger.enter(&entry);
        entry
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.begun {
            self.enter(&Usage::default());
        } else {
            self.spending.lock().release(&self.session, self.estimate);
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

/// The sums that are worth a word of their own when a day's spending passes them, in dollars.
const MILESTONES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// A word when what was spent today has passed a round sum and no limit would stop it.
pub(crate) fn milestone(budget: &Budget, before: f64, after: f64) -> Option<Text> {
    if budget.per_day.usd.is_some() {
        return None;
    }
    let passed = MILESTONES.iter().rev().find(|sum| before < **sum && after >= **sum)?;
    Some(text!(
        "hosted models have cost more than {sum} today; route.budget.perDay.usd in the config sets a limit",
        sum = dollars(*passed)
    ))
}

/// A sum for people: cents, and smaller parts where there is nothing else.
pub fn dollars(usd: f64) -> String {
    if usd != 0.0 && usd.abs() < 0.1 {
        format!("${usd:.4}")
    } else {
        format!("${usd:.2}")
    }
}
