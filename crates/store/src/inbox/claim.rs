//! Taking messages to work on.

use std::time::Duration;

use yabby_core::{Origin, Time};

use super::{
    InboundState,
    accept::{COLUMNS, COUNT, NewInbound, ORIGIN, inbound},
    next_open,
};
use crate::{
    error::{Result, StoreError},
    json,
    lanes::{self, LaneKind, Lease, Leased},
    outbox::{self, NewDelivery, Target},
    sql::{Row, Tx, params},
    store::Store,
};

/// A message that the caller works on, as long as the lease lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The right to work in the conversation.
    pub lease: Lease,
    /// Its number in the inbox.
    pub id: i64,
    /// The message.
    pub message: NewInbound,
    /// How often it was claimed, with this time, since somebody last came to an end with it.
    pub claims: u64,
    /// How often a turn has failed.
    pub failures: u64,
    /// The turn of an earlier try, which goes on.
    pub turn: Option<String>,
}

/// What there is to do now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) work: Vec<T>,
    /// When there may be more, with nobody being told; `None` when nothing else waits.
    pub(crate) due: Option<Duration>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            work: Vec::new(),
            due: None,
        }
    }
}

impl Store {
    /// Takes the oldest message of the free conversation that has waited longest, for the time of a lease. `None` when
    /// there is nothing to do.
    pub async fn claim_message(&self, lease: Duration) -> Result<Option<Claimed>> {
        Ok(self.claim_messages(lease, 1, "").await?.work.pop())
    }

    /// Takes the next message of a conversation that is leased, under the same lease: the oldest one behind the number
    /// `after`, which is the last one that the caller has. `None` when there is none. It can be ended before the others, or
    /// left for a turn of its own: this does not count as a claim, and to ask once more changes nothing.
    pub async fn claim_next(&self, lease: &Lease, after: i64) -> Result<Option<Claimed>> {
        let lease = lease.clone();
        self.write("claim_next", move |tx| {
            lanes::hold(tx, &lease)?;
            let statement =
                "SELECT id FROM inbox WHERE conversation = ?1 AND ended_at IS NULL AND id > ?2 ORDER BY id LIMIT 1";
            while let Some(row) = tx.query_one(statement, params![&lease.key, after])? {
                if let Some(claimed) = go_on(tx, &lease, row.int(0)?)? {
                    return Ok(Some(claimed));
                }
                // It cannot be read, and has ended.
                let next = next_open(tx, &lease.key)?;
                lanes::set_head(tx, LaneKind::In, &lease.key, next)?;
            }
            Ok(None)
        })
        .await
    }

    /// The same for several conversations at once, or only the conversation `only`.
    pub(crate) async fn claim_messages(&self, lease: Duration, most: usize, only: &str) -> Result<Found<Claimed>> {
        let (owner, only) = (self.new_owner(), only.to_owned());
        let mut before = Found::default();
        self.write("claim_message", move |tx| {
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

impl Leased for Claimed {
    fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// Takes the oldest of the free lanes that have waited longest, up to so many.
fn take(tx: &mut dyn Tx, (owner, only): (&str, &str), lease: Duration, most: usize) -> Result<Found<Claimed>> {
    let now = tx.now()?;
    let mut work = Vec::new();
    while work.len() < most {
        let Some((conversation, head)) = lanes::longest_waiting(tx, LaneKind::In, now, only)? else {
            let due = lanes::next_due(tx, LaneKind::In, now)?;
            return Ok(Found { work, due });
        };
        if let Some(claimed) = claim(tx, owner, &conversation, head, now, lease)? {
            work.push(claimed);
        } else {
            // It was deleted, has ended, or cannot be read.
            let next = next_open(tx, &conversation)?.filter(|next| *next != head);
            lanes::set_head(tx, LaneKind::In, &conversation, next)?;
        }
    }
    Ok(Found { work, due: None })
}

/// Takes a message of a lane that is locked and free.
fn claim(
    tx: &mut dyn Tx,
    owner: &str,
    conversation: &str,
    id: i64,
    now: Time,
    time: Duration,
) -> Result<Option<Claimed>> {
    let statement = format!(
        "UPDATE inbox SET state = ?1, claims = claims + 1 WHERE id = ?2 AND conversation = ?3 AND ended_at IS NULL \
         RETURNING {COLUMNS}, claims, failures, turn"
    );
    let row = tx.query_one(&statement, params![InboundState::Claimed.name(), id, conversation])?;
    let Some(row) = row else { return Ok(None) };
    let Some(message) = readable(tx, conversation, id, &row)? else {
        return Ok(None);
    };
    let lease = lanes::take(tx, owner, LaneKind::In, conversation, now, time)?;
    tx.execute("UPDATE inbox SET fence = ?1 WHERE id = ?2", params![lease.fence, id])?;
    claimed(lease, id, message, &row).map(Some)
}

/// Takes a message of a lane under the lease that holds it.
fn go_on(tx: &mut dyn Tx, lease: &Lease, id: i64) -> Result<Option<Claimed>> {
    let statement = format!(
        "UPDATE inbox SET state = 'claimed', fence = ?2 WHERE id = ?1 AND ended_at IS NULL \
         RETURNING {COLUMNS}, claims, failures, turn"
    );
    let Some(row) = tx.query_one(&statement, params![id, lease.fence])? else {
        return Ok(None);
    };
    let Some(message) = readable(tx, &lease.key, id, &row)? else {
        return Ok(None);
    };
    claimed(lease.clone(), id, message, &row).map(Some)
}

/// What the row of a message that was taken says.
fn claimed(lease: Lease, id: i64, message: NewInbound, row: &Row) -> Result<Claimed> {
    Ok(Claimed {
        lease,
        id,
        message,
        claims: u64::try_from(row.int(COUNT)?).unwrap_or(0),
        failures: u64::try_from(row.int(COUNT + 1)?).unwrap_or(0),
        turn: row.opt_text(COUNT + 2)?,
    })
}

/// The message of a row; one that cannot be read is given up.
fn readable(tx: &mut dyn Tx, conversation: &str, id: i64, row: &Row) -> Result<Option<NewInbound>> {
    match inbound(row) {
        Ok(message) => Ok(Some(message)),
        Err(error) => give_up(tx, conversation, id, row, &error).map(|()| None),
    }
}

/// Ends a message that cannot be read, so that what came after it does not wait for ever. Its sender is told, where it can
/// be read who that is.
fn give_up(tx: &mut dyn Tx, conversation: &str, id: i64, row: &Row, error: &StoreError) -> Result<()> {
    let now = tx.now()?;
    let problem = json::to_text(&error.message)?;
    let statement = "UPDATE inbox SET state = ?1, problem = ?2, ended_at = ?3 WHERE id = ?4";
    tx.execute(statement, params![InboundState::Dead.name(), problem, now, id])?;
    let Ok(origin) = row.json::<Origin>(ORIGIN) else {
        return Ok(());
    };
    let key = format!("inbox/{id}/given-up");
    let notice = NewDelivery::given_up(key, Target::answering(&origin), &error.message);
    outbox::put(tx, conversation, None, &[notice])
}
