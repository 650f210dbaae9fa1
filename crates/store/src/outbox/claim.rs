//! Taking deliveries to send.

use std::time::Duration;

use yabby_core::{Text, Time, text};

use super::{Said, Target, ask::ask, next_open};
use crate::{
    error::Result,
    inbox::Found,
    json,
    lanes::{self, LaneKind, Lease, Leased},
    sql::{Tx, params},
    store::Store,
};

/// A delivery that the caller sends, as long as the lease lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedDelivery {
    /// The right to send to the place.
    pub lease: Lease,
    /// Its number in the outbox.
    pub id: i64,
    /// What makes it unique, for channels that can use that.
    pub key: String,
    /// Where to.
    pub to: Target,
    /// What.
    pub content: Said,
    /// How often it was tried, with this time.
    pub tries: u64,
    /// Somebody began to send it and did not say how that ended: it may have been sent.
    pub was_sending: bool,
}

impl Store {
    /// Takes the oldest delivery to the free place that has waited longest, for the time of a lease. `None` when there is
    /// nothing to do. What has become stale is held on the way, and the owner is asked.
    pub async fn claim_delivery(&self, lease: Duration) -> Result<Option<ClaimedDelivery>> {
        Ok(self.claim_deliveries(lease, 1, "").await?.work.pop())
    }

    /// The same for several places at once, only of those whose names begin with `only`.
    pub(crate) async fn claim_deliveries(
        &self,
        lease: Duration,
        most: usize,
        only: &str,
    ) -> Result<Found<ClaimedDelivery>> {
        let (owner, only) = (self.new_owner(), only.to_owned());
        let mut before = Found::default();
        self.write("claim_delivery", move |tx| {
            let work = lanes::still_held(tx, &before.work)?;
            if !work.is_empty() {
                return Ok(Found { work, due: before.due });
            }
            before = take(tx, (&owner, &only), lease, most)?;
            Ok(before.clone())
        })
        .await
    }
}

impl Leased for ClaimedDelivery {
    fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// Takes the oldest of the free lanes that have waited longest, up to so many.
fn take(tx: &mut dyn Tx, (owner, only): (&str, &str), lease: Duration, most: usize) -> Result<Found<ClaimedDelivery>> {
    let now = tx.now()?;
    let mut work = Vec::new();
    while work.len() < most {
        let Some((lane, head)) = lanes::longest_waiting(tx, LaneKind::Out, now, only)? else {
            let due = lanes::next_due(tx, LaneKind::Out, now)?;
            return Ok(Found { work, due });
        };
        if let Some(claimed) = claim(tx, owner, &lane, head, now, lease)? {
            work.push(claimed);
        } else {
            // It was deleted, has ended, is held, or cannot be read.
            let next = next_open(tx, &lane)?.filter(|next| *next != head);
            lanes::set_head(tx, LaneKind::Out, &lane, next)?;
        }
    }
    Ok(Found { work, due: None })
}

/// Takes a delivery of a lane that is locked and free; holds it instead when it is stale.
fn claim(
    tx: &mut dyn Tx,
    owner: &str,
    lane: &str,
    id: i64,
    now: Time,
    time: Duration,
) -> Result<Option<ClaimedDelivery>> {
    let statement = "SELECT key, channel, account, peer, thread, body, state, tries, expires_at FROM outbox \
                     WHERE id = ?1 AND lane = ?2 AND state IN ('pending', 'sending')";
    let Some(row) = tx.query_one(statement, params![id, lane])? else {
        return Ok(None);
    };
    let was_sending = row.text(6)? == "sending";
    let stale = row.opt_time(8)?.is_some_and(|expires_at| expires_at <= now);
    // What may have been sent is looked up first.
    if stale && !was_sending {
        hold(tx, id)?;
        return Ok(None);
    }
    let content = match Said::of_kept(&row.text(5)?) {
        Ok(content) => content,
        Err(error) => {
            let state = if was_sending { "unknown" } else { "failed" };
            fail(tx, id, state, now, &error.message)?;
            return Ok(None);
        }
    };
    let lease = lanes::take(tx, owner, LaneKind::Out, lane, now, time)?;
    let statement = "UPDATE outbox SET state = 'sending', tries = tries + ?1, fence = ?2 WHERE id = ?3";
    tx.execute(statement, params![!was_sending, lease.fence, id])?;
    Ok(Some(ClaimedDelivery {
        lease,
        id,
        key: row.text(0)?,
        to: Target {
            channel: row.text(1)?,
            account: row.text(2)?,
            peer: row.text(3)?,
            thread: row.opt_text(4)?,
        },
        content,
        tries: u64::try_from(row.int(7)?).unwrap_or(0) + u64::from(!was_sending),
        was_sending,
    }))
}

/// Ends a delivery that cannot be read, so that the others do not wait for ever, and asks the owner.
fn fail(tx: &mut dyn Tx, id: i64, state: &str, now: Time, problem: &Text) -> Result<()> {
    let statement = "UPDATE outbox SET state = ?1, problem = ?2, ended_at = ?3 WHERE id = ?4";
    tx.execute(statement, params![state, json::to_text(problem)?, now, id])?;
    ask(tx, id, problem)
}

/// Keeps a stale delivery back, and asks the owner.
fn hold(tx: &mut dyn Tx, id: i64) -> Result<()> {
    let problem = text!("it could not be delivered in time");
    let statement = "UPDATE outbox SET state = 'held', problem = ?1 WHERE id = ?2";
    tx.execute(statement, params![json::to_text(&problem)?, id])?;
    ask(tx, id, &problem)
}
