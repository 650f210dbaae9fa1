//! The end of a try to send.

use std::time::Duration;

use yabby_core::{Text, text};

use super::{ask::ask, next_open};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    lanes::{self, LaneKind, Lease},
    sql::{Tx, params},
    store::Store,
};

/// How a try to send has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryOutcome {
    /// The channel has it.
    Sent {
        /// The channel's id of it.
        receipt: Option<String>,
    },
    /// It was not sent, for sure; it is tried again. Later deliveries to the place wait for it.
    Retry {
        /// Not before so long from now; six hours at the most.
        after: Duration,
        /// Why.
        problem: Text,
    },
    /// It was not sent, for sure, and will not be by itself. The owner is asked.
    Failed {
        /// Why.
        problem: Text,
    },
    /// It may have been sent, and nobody can say. It is not sent again by itself; the owner is asked.
    Unknown {
        /// Why.
        problem: Text,
    },
}

impl Store {
    /// Notes how a try to send has ended, and frees the place for the next one. To note it once more changes nothing.
    pub async fn end_delivery(&self, lease: &Lease, delivery: i64, outcome: DeliveryOutcome) -> Result<()> {
        let lease = lease.clone();
        self.write("end_delivery", move |tx| {
            match lanes::hold(tx, &lease) {
                Ok(()) => {}
                // The first time has given the lane back.
                Err(error) if error.kind == StoreErrorKind::Fenced => {
                    let statement = "SELECT 1 FROM outbox WHERE id = ?1 AND fence = ?2 AND state = ?3";
                    let ended = tx.query_one(statement, params![delivery, lease.fence, outcome.state()])?;
                    return if ended.is_some() { Ok(()) } else { Err(error) };
                }
                Err(error) => return Err(error),
            }
            note(tx, &lease, delivery, &outcome)?;
            let next = next_open(tx, &lease.key)?;
            lanes::set_head(tx, LaneKind::Out, &lease.key, next)?;
            let wait = match &outcome {
                DeliveryOutcome::Retry { after, .. } => *after,
                _ => Duration::ZERO,
            };
            lanes::free(tx, &lease, wait)
        })
        .await
    }
}

impl DeliveryOutcome {
    const fn state(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Retry { .. } => "pending",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }
}

fn note(tx: &mut dyn Tx, lease: &Lease, delivery: i64, outcome: &DeliveryOutcome) -> Result<()> {
    let now = tx.now()?;
    let (receipt, problem, ended) = match outcome {
        DeliveryOutcome::Sent { receipt } => (receipt.clone(), None, Some(now)),
        DeliveryOutcome::Retry { problem, .. } => (None, Some(problem), None),
        DeliveryOutcome::Failed { problem } | DeliveryOutcome::Unknown { problem } => (None, Some(problem), Some(now)),
    };
    let kept = problem.map(json::to_text).transpose()?;
    let statement = "UPDATE outbox SET state = ?1, receipt = ?2, problem = ?3, ended_at = ?4 \
                     WHERE id = ?5 AND lane = ?6 AND fence = ?7 AND state = 'sending'";
    let changed = tx.execute(
        statement,
        params![outcome.state(), receipt, kept, ended, delivery, &lease.key, lease.fence],
    )?;
    if changed != 1 {
        let message = text!("delivery {id} is not being sent under this lease", id = delivery);
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    match outcome {
        DeliveryOutcome::Failed { problem } | DeliveryOutcome::Unknown { problem } => ask(tx, delivery, problem),
        DeliveryOutcome::Sent { .. } | DeliveryOutcome::Retry { .. } => Ok(()),
    }
}
