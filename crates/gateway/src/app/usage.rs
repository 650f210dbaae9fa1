//! How much the models were used.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use yabby_config::Limit;
use yabby_core::{ModelRef, now};
use yabby_route::{spending::Day, tally::Sum};

use super::{Answer, Desk};

/// So many days are shown unless somebody wants more.
const DAYS: u64 = 30;
/// More are not kept.
const MOST_DAYS: u64 = 400;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// How many days, today included.
    days: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Usage {
    /// Each day and model that was used, the latest day first.
    days: Vec<UsageOfDay>,
    budget: BudgetNow,
}

/// One model on one day of UTC.
#[derive(Debug, Serialize, JsonSchema)]
struct UsageOfDay {
    /// `2026-11-25`.
    day: String,
    model: String,
    /// Attempts at it.
    requests: u64,
    /// Those of them that failed.
    failed: u64,
    /// Tokens of prompts, cached ones included.
    input: u64,
    cached: u64,
    output: u64,
    /// US dollars, as far as prices are known.
    cost: f64,
    /// The median.
    first_token_ms_p50: Option<u64>,
    tokens_per_second: Option<f64>,
}

/// What may be spent, and what is.
#[derive(Debug, Serialize, JsonSchema)]
struct BudgetNow {
    per_day: Money,
    per_session: Money,
    /// What hosted models had today; with a database that replicas share, all of them together.
    today: Money,
    /// Whether a mistake in the config hides the limits, so that no model that costs something is asked.
    in_doubt: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Money {
    /// US dollars.
    usd: Option<f64>,
    tokens: Option<u64>,
}

pub(super) async fn show(State(desk): State<Desk>, wanted: Result<Query<Wanted>, QueryRejection>) -> Answer<Usage> {
    let Query(wanted) = wanted?;
    let days = wanted.days.unwrap_or(DAYS).min(MOST_DAYS);
    let tally = desk.0.now.tally.clone();
    // Files are read.
    let read = move || {
        let today = Day::of(now());
        let days = (0..days).map(|ago| today.before(ago));
        days.flat_map(|day| {
            let models = tally.on(day);
            models
                .into_iter()
                .map(move |(model, sum)| UsageOfDay::of(day, &model, &sum))
        })
        .collect()
    };
    let days = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    let relay = desk.relay();
    relay.spending.look("").await;
    let (budget, today) = (relay.spending.budget(), relay.spending.today());
    Ok(Json(Usage {
        days,
        budget: BudgetNow {
            per_day: Money::of(budget.per_day),
            per_session: Money::of(budget.per_session),
            today: Money {
                usd: Some(today.usd),
                tokens: Some(today.tokens),
            },
            in_doubt: budget.in_doubt,
        },
    }))
}

impl UsageOfDay {
    fn of(day: Day, model: &ModelRef, sum: &Sum) -> Self {
        Self {
            day: day.name(),
            model: model.to_string(),
            requests: sum.requests,
            failed: sum.failed,
            input: sum.input,
            cached: sum.cached,
            output: sum.output,
            cost: sum.cost,
            first_token_ms_p50: sum.first_token_ms(),
            tokens_per_second: sum.tokens_per_second(),
        }
    }
}

impl Money {
    fn of(limit: Limit) -> Self {
        Self {
            usd: limit.usd,
            tokens: limit.tokens,
        }
    }
}
