//! Whether a request may be paid.

use yabby_config::{Budget, Limit};
use yabby_core::{ErrorKind, ModelError, ModelRef, Phase, Text, text};

use super::{Spent, dollars};

/// A limit that is against a request.
#[derive(Clone, Debug, PartialEq)]
pub enum OverBudget {
    /// Money is used up, or what is left is less than the prompt alone costs.
    Money {
        /// The key of the config.
        key: &'static str,
        /// What was spent, reservations included.
        spent: f64,
        /// What may be.
        most: f64,
    },
    /// Tokens are used up.
    Tokens {
        /// The key of the config.
        key: &'static str,
        /// What was used, reservations included.
        spent: u64,
        /// What may be.
        most: u64,
    },
    /// There is a limit of money, and nobody knows what the model costs.
    UnknownPrice {
        /// The key of the config.
        key: &'static str,
    },
    /// The budget in the config has a mistake, so that nobody knows what may be spent.
    InDoubt,
}

/// Whether a request may be paid: pure, over what was spent.
pub(super) fn check(
    budget: &Budget,
    today: Spent,
    session: Spent,
    estimate: Spent,
    price_known: bool,
) -> Result<(), OverBudget> {
    if budget.in_doubt {
        return Err(OverBudget::InDoubt);
    }
    let scopes = [
        (
            "route.budget.perDay.usd",
            "route.budget.perDay.tokens",
            budget.per_day,
            today,
        ),
        (
            "route.budget.perSession.usd",
            "route.budget.perSession.tokens",
            budget.per_session,
            session,
        ),
    ];
    for (usd, tokens, limit, spent) in scopes {
        within(usd, tokens, limit, spent, estimate, price_known)?;
    }
    Ok(())
}

fn within(
    usd: &'static str,
    tokens: &'static str,
    limit: Limit,
    spent: Spent,
    estimate: Spent,
    price_known: bool,
) -> Result<(), OverBudget> {
    if let Some(most) = limit.usd {
        if !price_known {
            return Err(OverBudget::UnknownPrice { key: usd });
        }
        if spent.usd >= most || spent.usd + estimate.usd > most {
            let spent = spent.usd;
            return Err(OverBudget::Money { key: usd, spent, most });
        }
    }
    match limit.tokens {
        Some(most) if spent.tokens + estimate.tokens > most => {
            let spent = spent.tokens;
            Err(OverBudget::Tokens {
                key: tokens,
                spent,
                most,
            })
        }
        _ => Ok(()),
    }
}

impl OverBudget {
    /// In words.
    pub fn text(&self) -> Text {
        match self {
            Self::Money { key, spent, most } => text!(
                "it is not asked: {key} allows {most}, and {spent} are spent",
                key = key,
                most = dollars(*most),
                spent = dollars(*spent)
            ),
            Self::Tokens { key, spent, most } => text!(
                "it is not asked: {key} allows {most} tokens, and {spent} are used",
                key = key,
                most = most,
                spent = spent
            ),
            Self::UnknownPrice { key } => text!(
                "it is not asked: {key} is a limit, and its price is not known",
                key = key
            ),
            Self::InDoubt => text!("it is not asked: route.budget has a mistake, so that no limit is known"),
        }
    }

    /// What to do next.
    pub fn hint(&self, model: &ModelRef) -> Text {
        match self {
            Self::Money { key, .. } | Self::Tokens { key, .. } if key.contains("perDay") => {
                text!("raise {key}, or wait until midnight (UTC)", key = key)
            }
            Self::Money { key, .. } | Self::Tokens { key, .. } => {
                text!("raise {key}, or begin a new session", key = key)
            }
            Self::UnknownPrice { .. } => text!(
                "write its cost into models.providers.{provider}.models",
                provider = model.provider()
            ),
            Self::InDoubt => text!("run `yabby config check` for the place, and correct it"),
        }
    }

    /// As the error of a candidate.
    pub fn error(&self, model: &ModelRef, endpoint: &str) -> ModelError {
        ModelError::new(ErrorKind::OverBudget, Phase::Connect, endpoint, self.text()).with_hint(self.hint(model))
    }
}
