//! What the owner decides about deliveries that have stopped.

use yabby_core::{SessionKey, Text, Time, text};

use super::{Said, Target, ask::answered};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    inbox::unknown_state,
    lanes::{self, LaneKind},
    sql::{Row, Tx, params},
    store::Store,
    wakes::Topic,
};

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// It waits.
    Pending,
    /// Somebody sends it.
    Sending,
    /// The channel has it.
    Sent,
    /// It was not sent.
    Failed,
    /// It may have been sent.
    Unknown,
    /// It has become stale before it was sent.
    Held,
    /// The owner has given it up.
    Dropped,
}

/// A delivery that has stopped, for the owner to decide.
#[derive(Clone, Debug, PartialEq)]
pub struct StoppedDelivery {
    /// Its number in the outbox.
    pub id: i64,
    /// The conversation that it comes from.
    pub conversation: SessionKey,
    /// Where to.
    pub to: Target,
    /// What.
    pub content: Said,
    /// `Failed`, `Unknown` or `Held`.
    pub state: OutboxState,
    /// When it was kept.
    pub created_at: Time,
    /// Why it has stopped.
    pub problem: Option<Text>,
}

impl OutboxState {
    fn of_name(name: &str) -> Result<Self> {
        Ok(match name {
            "pending" => Self::Pending,
            "sending" => Self::Sending,
            "sent" => Self::Sent,
            "failed" => Self::Failed,
            "unknown" => Self::Unknown,
            "held" => Self::Held,
            "dropped" => Self::Dropped,
            other => return Err(unknown_state(other)),
        })
    }
}

impl Store {
    /// Deliveries that have stopped, the oldest first, so many at the most.
    pub async fn stopped_deliveries(&self, most: usize) -> Result<Vec<StoppedDelivery>> {
        self.read("stopped_deliveries", move |tx| {
            let statement = "SELECT id, conversation, channel, account, peer, thread, body, state, created_at, problem \
                             FROM outbox WHERE state IN ('failed', 'unknown', 'held') ORDER BY id LIMIT ?1";
            let rows = tx.query(statement, params![most])?;
            rows.iter().map(stopped).collect()
        })
        .await
    }

    /// How far a delivery has come.
    pub async fn delivery_state(&self, delivery: i64) -> Result<Option<OutboxState>> {
        self.read("delivery_state", move |tx| {
            let row = tx.query_one("SELECT state FROM outbox WHERE id = ?1", params![delivery])?;
            row.map(|row| OutboxState::of_name(&row.text(0)?)).transpose()
        })
        .await
    }

    /// Sends a delivery that has stopped all the same: the owner has said so. It goes before what is newer, and does not
    /// become stale any more.
    pub async fn requeue_delivery(&self, delivery: i64) -> Result<()> {
        let mut asked_for = None;
        self.write("requeue_delivery", move |tx| {
            if !lock(tx, delivery)? {
                return Err(no_delivery(delivery));
            }
            let last = last_try(tx, delivery)?;
            // Run again, it may find that it was sent since: the owner has not been asked about that.
            if *asked_for.get_or_insert(last) == last {
                decide(tx, delivery, true)
            } else {
                Ok(())
            }
        })
        .await
    }

    /// Gives a delivery up that has stopped: the owner has said so.
    pub async fn drop_delivery(&self, delivery: i64) -> Result<()> {
        self.write("drop_delivery", move |tx| {
            if lock(tx, delivery)? {
                decide(tx, delivery, false)
            } else {
                Err(no_delivery(delivery))
            }
        })
        .await
    }
}

/// Locks the place that a delivery goes to; whether there is such a delivery.
pub(crate) fn lock(tx: &mut dyn Tx, delivery: i64) -> Result<bool> {
    let Some(lane) = lane_of(tx, delivery)? else {
        return Ok(false);
    };
    lanes::make(tx, LaneKind::Out, &lane)?;
    Ok(true)
}

/// Sends a delivery that has stopped, or gives it up, and closes the questions about it. Its place is locked.
pub(crate) fn decide(tx: &mut dyn Tx, delivery: i64, send: bool) -> Result<()> {
    let Some(lane) = lane_of(tx, delivery)? else {
        return Ok(());
    };
    if send {
        let head = lanes::make(tx, LaneKind::Out, &lane)?;
        let statement = "UPDATE outbox SET state = 'pending', tries = 0, problem = NULL, ended_at = NULL, \
                         expires_at = NULL WHERE id = ?1 AND state IN ('failed', 'unknown', 'held')";
        if tx.execute(statement, params![delivery])? == 1 {
            // Whoever sends something now goes on with the oldest afterwards.
            let first = head.map_or(delivery, |head| head.min(delivery));
            lanes::set_head(tx, LaneKind::Out, &lane, Some(first))?;
        }
    } else {
        let now = tx.now()?;
        let statement = "UPDATE outbox SET state = 'dropped', ended_at = ?1 \
                         WHERE id = ?2 AND state IN ('failed', 'unknown', 'held')";
        tx.execute(statement, params![now, delivery])?;
    }
    answered(tx, delivery, if send { "granted" } else { "denied" })?;
    // Whoever looked for work meanwhile has passed over the lane.
    tx.wake(Topic::Outbox)
}

/// The try to send it that was the last one.
fn last_try(tx: &mut dyn Tx, delivery: i64) -> Result<Option<i64>> {
    let row = tx.query_one("SELECT fence FROM outbox WHERE id = ?1", params![delivery])?;
    row.map(|row| row.int(0)).transpose()
}

fn lane_of(tx: &mut dyn Tx, delivery: i64) -> Result<Option<String>> {
    let row = tx.query_one("SELECT lane FROM outbox WHERE id = ?1", params![delivery])?;
    row.map(|row| row.text(0)).transpose()
}

pub(crate) fn no_delivery(delivery: i64) -> StoreError {
    let message = text!("there is no delivery {id}", id = delivery);
    StoreError::new(StoreErrorKind::Missing, message)
}

fn stopped(row: &Row) -> Result<StoppedDelivery> {
    let problem = row.opt_text(9)?.and_then(|_| row.json(9).ok());
    Ok(StoppedDelivery {
        id: row.int(0)?,
        conversation: row.session_key(1)?,
        to: Target {
            channel: row.text(2)?,
            account: row.text(3)?,
            peer: row.text(4)?,
            thread: row.opt_text(5)?,
        },
        // The others can be decided about also when this one cannot be read.
        content: Said::of_kept(&row.text(6)?).unwrap_or_else(|error| Said::Notice(error.message)),
        state: OutboxState::of_name(&row.text(7)?)?,
        created_at: row.time(8)?,
        problem,
    })
}
