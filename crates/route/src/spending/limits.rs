//! Whether a request may be paid.

use yabby_config::Budget;
use yabby_core::{ErrorKind, ModelError, ModelRef, Phase, Text, text};

use super::{Spent, dollars, price::Known};

/// A limit that is against a request.
#[derive(Clone, Debug, PartialEq)]
pub enum OverBudget {
    /// Money is used up, or what is left is less than the prompt alone costs.
    Money {
        /// The key of the config.
        key: &'static str,
        /// What was spent.
        spent: f64,
        /// What is reserved for requests that are under way.
        reserved: f64,
        /// What the prompt costs.
        prompt: f64,
        /// What may be.
        most: f64,
    },
    /// Tokens are used up, or what is left is less than the prompt has.
    Tokens {
        /// The key of the config.
        key: &'static str,
        /// What was used.
        spent: u64,
        /// What is reserved for requests that are under way.
        reserved: u64,
        /// What the prompt has.
        prompt: u64,
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
    /// There is a limit, and nobody knows what other replicas have spent.
    Unseen,
}

/// What counts against a limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) spent: Spent,
    pub(super) reserved: Spent,
}

/// Whether a request may be paid: pure, over what was spent and is reserved.
pub(super) fn check(
    budget: &Budget,
    today: Taken,
    session: Taken,
    prompt: Spent,
    known: Known,
) -> Result<(), OverBudget> {
    if budget.in_doubt && known != Known::Free {
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
    for (usd, tokens, limit, taken) in scopes {
        if let Some(most) = limit.usd {
            money(usd, most, taken, prompt.usd, known)?;
        }
        if let Some(most) = limit.tokens {
            of_tokens(tokens, most, taken, prompt.tokens)?;
        }
    }
    Ok(())
}

/// Whether a request may be paid with a key of the gateway that has a limit of its own.
pub(super) fn of_key(most: f64, taken: Taken, prompt: Spent, known: Known) -> Result<(), OverBudget> {
    money("--budget of yabby keys", most, taken, prompt.usd, known)
}

/// Whether a request may be paid while it is not known what other replicas have spent: where no limit applies.
pub(super) fn unseen(budget: &Budget, key_per_day: Option<f64>, known: Known) -> Result<(), OverBudget> {
    let limits_tokens = budget.per_day.tokens.is_some() || budget.per_session.tokens.is_some();
    let limits_money = budget.limits_money() || key_per_day.is_some();
    if limits_tokens || (limits_money && known != Known::Free) {
        return Err(OverBudget::Unseen);
    }
    Ok(())
}

fn money(key: &'static str, most: f64, taken: Taken, prompt: f64, known: Known) -> Result<(), OverBudget> {
    let (spent, reserved) = (taken.spent.usd, taken.reserved.usd);
    match known {
        Known::Free => Ok(()),
        Known::Unknown => Err(OverBudget::UnknownPrice { key }),
        Known::Paid if spent + reserved < most && spent + reserved + prompt <= most => Ok(()),
        Known::Paid => Err(OverBudget::Money {
            key,
            spent,
            reserved,
            prompt,
            most,
        }),
    }
}

fn of_tokens(key: &'static str, most: u64, taken: Taken, prompt: u64) -> Result<(), OverBudget> {
    let (spent, reserved) = (taken.spent.tokens, taken.reserved.tokens);
    let all = spent.saturating_add(reserved);
    if all < most && all.saturating_add(prompt) <= most {
        return Ok(());
    }
    Err(OverBudget::Tokens {
        key,
        spent,
        reserved,
        prompt,
        most,
    })
}

impl OverBudget {
    /// In words.
    pub fn text(&self) -> Text {
        match self {
            Self::Money { key, spent, most, .. } if spent >= most => text!(
                "it is not asked: {key} allows {most}, and {spent} are spent",
                key = key,
                most = dollars(*most),
                spent = dollars(*spent)
            ),
            Self::Money {
                key,
                spent,
                reserved,
                prompt,
                most,
            } => text!(
                "it is not asked: {key} allows {most}; {spent} are spent or reserved, and its prompt alone costs about {prompt}",
                key = key,
                most = dollars(*most),
                spent = dollars(spent + reserved),
                prompt = dollars(*prompt)
            ),
            Self::Tokens { key, spent, most, .. } if spent >= most => text!(
                "it is not asked: {key} allows {most} tokens, and {spent} are used",
                key = key,
                most = most,
                spent = spent
            ),
            Self::Tokens {
                key,
                spent,
                reserved,
                prompt,
                most,
            } => text!(
                "it is not asked: {key} allows {most} tokens; {spent} are used or reserved, and its prompt alone has about {prompt}",
                key = key,
                most = most,
                spent = spent + reserved,
                prompt = prompt
            ),
            Self::UnknownPrice { key } => text!(
                "it is not asked: {key} is a limit, and its price is not known",
                key = key
            ),
            Self::InDoubt => text!("it is not asked: route.budget has a mistake, so that no limit is known"),
            Self::Unseen => text!(
                "it is not asked: there is a limit in route.budget, and the database that knows what was spent cannot be reached"
            ),
        }
    }

    /// What to do next.
    pub fn hint(&self, model: &ModelRef) -> Text {
        match self {
            Self::Money { key, .. } | Self::Tokens { key, .. } if !key.contains("perSession") => {
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
            Self::Unseen => text!("run `yabby store` to see why; models of your own are asked all the same"),
        }
    }

    /// As the error of a candidate.
    pub fn error(&self, model: &ModelRef, endpoint: &str) -> ModelError {
        ModelError::new(ErrorKind::OverBudget, Phase::Connect, endpoint, self.text()).with_hint(self.hint(model))
    }
}
