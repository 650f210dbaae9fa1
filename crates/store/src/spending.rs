//! What hosted models have cost.
//!
//! Days are those of UTC, counted from 1970.

use std::{collections::BTreeMap, ops::RangeInclusive};

use yabby_core::{InvalidModelRef, ModelRef, Time, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    sql::{Row, params},
    store::Store,
};

const DAY_MS: i64 = 86_400_000;

/// One answer that cost something.
#[derive(Clone, Debug, PartialEq)]
pub struct Expense {
    /// From [`crate::new_id`]. One whose id is known already is not counted again.
    pub id: String,
    /// When.
    pub at: Time,
    /// The model.
    pub model: ModelRef,
    /// The conversation, or whatever else such requests belong to.
    pub conversation: String,
    /// Tokens of the prompt, cached ones included.
    pub input: u32,
    /// Of those, the ones from a cache.
    pub cached: u32,
    /// Of those, the ones that were written to a cache.
    pub written: u32,
    /// Tokens of the answer.
    pub output: u32,
    /// What it cost in US dollars, where the price is known.
    pub usd: Option<f64>,
    /// Whether the server has reported the tokens; otherwise they are estimated.
    pub exact: bool,
    /// The id of the gateway's key with which it was asked for.
    pub key: Option<String>,
}

/// Whose spending is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpentBy {
    /// That of all.
    All,
    /// That of a conversation.
    Conversation(String),
    /// That of a key of the gateway.
    Key(String),
}

/// Money and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// US dollars; what has no price counts nothing.
    pub usd: f64,
    /// Tokens, of input and output together.
    pub tokens: u64,
}

/// The sums that [`spent`] reads.
const SUMS: &str = "CAST(SUM(CASE WHEN usd > 0 THEN usd ELSE 0 END) AS DOUBLE PRECISION), \
                    CAST(SUM(input + output) AS BIGINT)";
/// The columns that [`expense`] reads.
const COLUMNS: &str = "id, at, model, conversation, input, cached, written, output, usd, exact, key";

/// The day of a time, counted from 1970.
pub const fn day_of(time: Time) -> i64 {
    time.0.div_euclid(DAY_MS)
}

impl Store {
    /// Enters what was spent.
    pub async fn spend(&self, expense: Expense) -> Result<()> {
        self.spend_all(vec![expense]).await
    }

    /// Enters what several answers cost, all or nothing.
    pub async fn spend_all(&self, mut expenses: Vec<Expense>) -> Result<()> {
        // In one order, so that nobody waits for each other.
        expenses.sort_by(|one, other| one.id.cmp(&other.id));
        self.write("spend", move |tx| {
            let statement = "INSERT INTO spending \
                             (id, at, day, model, conversation, input, cached, written, output, usd, exact, key) \
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (id) DO NOTHING";
            for expense in &expenses {
                tx.execute(
                    statement,
                    params![
                        &expense.id,
                        expense.at,
                        day_of(expense.at),
                        expense.model.to_string(),
                        &expense.conversation,
                        expense.input,
                        expense.cached,
                        expense.written,
                        expense.output,
                        // No database can sum up what is no number.
                        expense.usd.filter(|usd| usd.is_finite()),
                        expense.exact,
                        expense.key.clone(),
                    ],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// What was spent on each of some days, on those on which it was anything.
    pub async fn spent_on(&self, days: RangeInclusive<i64>, by: SpentBy) -> Result<BTreeMap<i64, Spent>> {
        self.read("spent_on", move |tx| {
            let mut given = params![*days.start(), *days.end()].to_vec();
            let of = match &by {
                SpentBy::All => "",
                SpentBy::Conversation(_) => "conversation = ?3 AND ",
                SpentBy::Key(_) => "key = ?3 AND ",
            };
            if let SpentBy::Conversation(name) | SpentBy::Key(name) = &by {
                given.push(name.as_str().into());
            }
            let statement = format!("SELECT day, {SUMS} FROM spending WHERE {of}day >= ?1 AND day <= ?2 GROUP BY day");
            let rows = tx.query(&statement, &given)?;
            rows.iter().map(|row| Ok((row.int(0)?, spent(row)?))).collect()
        })
        .await
    }

    /// What each conversation has spent in some days.
    pub async fn spent_by(&self, days: RangeInclusive<i64>) -> Result<BTreeMap<String, Spent>> {
        self.read("spent_by", move |tx| {
            let statement = format!(
                "SELECT conversation, {SUMS} FROM spending WHERE day >= ?1 AND day <= ?2 GROUP BY conversation"
            );
            let rows = tx.query(&statement, params![*days.start(), *days.end()])?;
            rows.iter().map(|row| Ok((row.text(0)?, spent(row)?))).collect()
        })
        .await
    }

    /// All that was entered for a day, in the order of time.
    pub async fn expenses(&self, day: i64) -> Result<Vec<Expense>> {
        self.read("expenses", move |tx| {
            let statement = format!("SELECT {COLUMNS} FROM spending WHERE day = ?1 ORDER BY at, id");
            tx.query(&statement, params![day])?.iter().map(expense).collect()
        })
        .await
    }
}

fn spent(row: &Row) -> Result<Spent> {
    Ok(Spent {
        usd: row.opt_real(1)?.unwrap_or(0.0),
        tokens: row.int(2)?.unsigned_abs(),
    })
}

fn expense(row: &Row) -> Result<Expense> {
    let tokens = |at| Ok::<u32, StoreError>(u32::try_from(row.int(at)?).unwrap_or(u32::MAX));
    let model = row.text(2)?;
    Ok(Expense {
        id: row.text(0)?,
        at: row.time(1)?,
        model: model.parse().map_err(|error: InvalidModelRef| {
            let message = text!("the store holds a name of a model that is none: {model}", model = model);
            StoreError::new(StoreErrorKind::Damaged, message)
                .with_hint(text!("run: yabby store check"))
                .with_source(error)
        })?,
        conversation: row.text(3)?,
        input: tokens(4)?,
        cached: tokens(5)?,
        written: tokens(6)?,
        output: tokens(7)?,
        usd: row.opt_real(8)?,
        exact: row.flag(9)?,
        key: row.opt_text(10)?,
    })
}
