//! What became of one turn: the plan, every attempt, and who answered. Never what was asked or said.

mod quotes;
mod recorder;
#[cfg(test)]
pub(crate) mod samples;
mod turns;

use serde::{Deserialize, Serialize};
use yabby_core::{Attempt, EndReason, ErrorKind, ModelRef, Text, Usage, Zone, now};

pub use recorder::Recorder;
pub use turns::Turns;

use crate::{Candidate, LeftOut, Plan, PlanError, Why};

/// One turn, from the plan to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// Eight hexadecimal digits.
    pub id: String,
    /// When it began, in seconds since 1970.
    pub at: u64,
    /// The agent whose policy held; the defaults without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<String>,
    /// The model that the person named, if one was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<String>,
    /// What was to be tried.
    pub plan: PlanRecord,
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// The candidates that did not answer, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub passed_over: Vec<PassedOver>,
    /// How it ended.
    pub end: TurnEnd,
    /// Milliseconds until the first visible word.
    pub first_word_ms: Option<u64>,
    /// Milliseconds until the end.
    pub total_ms: u64,
    /// Tokens of the answer, as reported.
    pub usage: Usage,
    /// What all attempts cost in US dollars, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost: Option<f64>,
}

/// A plan, in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// What was to be tried, in order.
    pub candidates: Vec<Planned>,
    /// What could not be tried.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_out: Vec<NotPlanned>,
}

/// A candidate of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The model.
    pub model: ModelRef,
    /// Why it was there.
    pub why: Why,
    /// Where its data goes, as far as that was known.
    pub zone: Zone,
    /// Its first address, without credentials.
    pub endpoint: String,
    /// Whether the person had made an exception for it from the rules for data.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub excepted: bool,
}

/// A model of the policy that was no candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotPlanned {
    /// The name as the config has it.
    pub name: String,
    /// A word for programs, of [`PlanError::kind`].
    pub kind: String,
    /// Why.
    pub reason: Text,
}

/// A candidate that did not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassedOver {
    /// The model.
    pub model: ModelRef,
    /// What kind of error.
    pub error: ErrorKind,
    /// In words.
    pub reason: Text,
    /// Whether it was asked; otherwise it rested, its data was not to go there, or nothing was free.
    pub asked: bool,
    /// How many attempts had been made by then; the last of them was its own, where it was asked.
    pub after: usize,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TurnEnd {
    /// A model answered.
    Answered {
        /// The model.
        model: ModelRef,
        /// Where it stands.
        zone: Zone,
        /// The model that the server says it used, when it says another.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        served_by: Option<String>,
        /// Why the answer ended.
        reason: EndReason,
    },
    /// Nobody answered.
    Failed,
    /// The person left before the end.
    Stopped {
        /// The model that was being asked.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        asking: Option<ModelRef>,
    },
    /// There was nothing to try.
    Unplanned {
        /// A word for programs, of [`PlanError::kind`].
        kind: String,
        /// Why.
        reason: Text,
    },
}

// === impl TurnRecord ===

impl TurnRecord {
    /// A turn for which there was nothing to try.
    pub fn unplanned(agent: Option<&str>, asked: Option<&str>, error: &PlanError) -> Self {
        let end = TurnEnd::Unplanned {
            kind: error.kind().to_owned(),
            reason: error.reason(),
        };
        Self {
            agent: agent.map(str::to_owned),
            asked: asked.map(str::to_owned),
            ..Self::begun(PlanRecord::default(), end)
        }
    }

    fn begun(plan: PlanRecord, end: TurnEnd) -> Self {
        Self {
            id: new_id(),
            at: now(),
            agent: None,
            asked: None,
            plan,
            attempts: Vec::new(),
            passed_over: Vec::new(),
            end,
            first_word_ms: None,
            total_ms: 0,
            usage: Usage::default(),
            cost: None,
        }
    }

    /// The model that answered.
    pub const fn answered_by(&self) -> Option<&ModelRef> {
        match &self.end {
            TurnEnd::Answered { model, .. } => Some(model),
            _ => None,
        }
    }

    /// Whether a model was to be tried, was left out, or was named.
    pub fn concerns(&self, model: &ModelRef) -> bool {
        let name = model.to_string();
        let is_it = |other: &str| other.eq_ignore_ascii_case(&name);
        self.plan.candidates.iter().any(|planned| planned.model == *model)
            || self.plan.left_out.iter().any(|left| is_it(&left.name))
            || self.asked.as_deref().is_some_and(is_it)
    }
}

// === impl PlanRecord ===

impl PlanRecord {
    /// The record of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self {
            candidates: plan.candidates.iter().map(Planned::of).collect(),
            left_out: plan.left_out.iter().map(NotPlanned::of).collect(),
        }
    }
}

impl Planned {
    fn of(candidate: &Candidate) -> Self {
        Self {
            model: candidate.model.clone(),
            why: candidate.why,
            zone: candidate.endpoint.zone_of(candidate.model.model()),
            endpoint: candidate.endpoint.base_url.clone(),
            excepted: candidate.excepted,
        }
    }
}

impl NotPlanned {
    fn of(left: &LeftOut) -> Self {
        Self {
            name: left.name.clone(),
            kind: left.error.kind().to_owned(),
            reason: left.error.reason(),
        }
    }
}

/// Eight hexadecimal digits. Nothing depends on it but that a person can name a turn.
fn new_id() -> String {
    let mut bytes = [0; 4];
    // Without random numbers the clock has to do.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u32::try_from(now() & 0xffff_ffff).unwrap_or_default().to_be_bytes();
    }
    format!("{:08x}", u32::from_be_bytes(bytes))
}
