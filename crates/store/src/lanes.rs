//! Who may work where.
//!
//! A lane is a conversation, or a place that is delivered to. One owner at a time has it, for the time of a lease that it
//! renews. Each new owner gets a higher number (a fencing token); whatever is written for a lane says its number in the
//! same transaction, and an older one is refused, however late it comes.
//!
//! An operation that takes lanes is an owner of its own. When it is run again, because nobody knows whether it was committed,
//! it so knows its own lanes and gives them to its caller, who would wait for their leases otherwise.
//!
//! Replicas measure leases by the clock of the database. What one had that was killed, others see at once, and end its leases
//! ([`PRESENT`]); one that lives and was taken for dead is fenced. With SQLite there is one process: its lanes are free when it
//! has ended, and no clock that jumps takes them away from it.

use std::time::Duration;

use yabby_core::{Time, text};

use crate::{
    between::Between,
    error::{Result, StoreError, StoreErrorKind},
    ids::new_id,
    sql::{Flavor, Tx, params},
    store::Store,
    wakes::Topic,
};

/// Stands behind the id of a process in the name of an owner: as long as that process lives it holds a lock, and when the
/// lock is gone its lanes are free.
pub(crate) const PRESENT: &str = "~";

/// The right to work in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub(crate) kind: LaneKind,
    pub(crate) key: String,
    pub(crate) owner: String,
    pub(crate) fence: i64,
}

/// What a lane leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneKind {
    /// A conversation.
    In,
    /// A place that is delivered to.
    Out,
}

impl Lease {
    /// The conversation, or the place that is delivered to.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The fencing token: higher than that of every owner before.
    pub fn fence(&self) -> i64 {
        self.fence
    }
}

impl LaneKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }

    /// Who waits for lanes of this kind.
    pub(crate) const fn topic(self) -> Topic {
        match self {
            Self::In => Topic::Inbox,
            Self::Out => Topic::Outbox,
        }
    }
}

impl Store {
    /// Takes the lane of a conversation, to work in it without a message that has come in; `None` while another owner
    /// has it.
    pub async fn lease_conversation(&self, conversation: &str, time: Duration) -> Result<Option<Lease>> {
        self.lease_for(self.new_owner(), conversation, time, || true).await
    }

    /// Takes nothing when it `is_wanted` no more at the moment in which it has locked the lane.
    pub(crate) async fn lease_for(
        &self,
        owner: String,
        conversation: &str,
        time: Duration,
        is_wanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<Option<Lease>> {
        let conversation = conversation.to_owned();
        let mut before = Vec::new();
        self.write("lease", move |tx| {
            if let Some(lease) = still_held(tx, &before)?.pop() {
                return Ok(Some(lease));
            }
            make(tx, LaneKind::In, &conversation)?;
            let now = tx.now()?;
            if !is_wanted() || !is_free(tx, LaneKind::In, &conversation, now)? {
                return Ok(None);
            }
            let lease = take(tx, &owner, LaneKind::In, &conversation, now, time)?;
            before = vec![lease.clone()];
            Ok(Some(lease))
        })
        .await
    }

    /// Keeps a lane for so long from now. An error of the kind `Fenced` says that another has it.
    pub async fn renew(&self, lease: &Lease, time: Duration) -> Result<()> {
        let lease = lease.clone();
        self.write("renew", move |tx| {
            let until = tx.now()? + time;
            let statement = "UPDATE lanes SET until = ?1 WHERE kind = ?2 AND key = ?3 AND owner = ?4 AND fence = ?5";
            let kept = tx.execute(
                statement,
                params![until, lease.kind.name(), &lease.key, &lease.owner, lease.fence],
            )?;
            if kept == 1 { Ok(()) } else { Err(fenced(&lease)) }
        })
        .await
    }

    /// Gives a lane back.
    pub async fn release(&self, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.write("release", move |tx| free(tx, &lease, Duration::ZERO)).await
    }

    /// The owner that an operation is.
    pub(crate) fn new_owner(&self) -> String {
        let mark = if self.is_present() { PRESENT } else { "/" };
        format!("{}{mark}{}", self.me(), new_id())
    }

    /// Whether others may end this lease, or have ended it: because they do not see that this process lives, or did not for a
    /// while since [`Store::seen`] was this, before the lease was taken.
    pub(crate) fn may_seem_dead(&self, lease: &Lease, seen: u64) -> bool {
        lease.owner.contains(PRESENT) && (!self.is_present() || self.seen() != seen)
    }

    /// Changes when others see this process no more, and when they see it again.
    pub(crate) fn seen(&self) -> u64 {
        self.backend().between().map_or(0, Between::seen)
    }

    fn is_present(&self) -> bool {
        self.backend().between().is_some_and(Between::is_present)
    }
}

/// Something that is done under a lease.
pub(crate) trait Leased {
    fn lease(&self) -> &Lease;
}

impl Leased for Lease {
    fn lease(&self) -> &Lease {
        self
    }
}

/// What an operation has taken when it ran before, and has: all of it when that was committed, nothing when it was not.
/// What was not heard of in the time of its lease may have another owner.
pub(crate) fn still_held<T: Leased + Clone>(tx: &mut dyn Tx, before: &[T]) -> Result<Vec<T>> {
    // By their names alone and in one order: the first time may be about to be committed, and is waited for.
    let statement = format!(
        "SELECT owner, fence FROM lanes WHERE kind = ?1 AND key = ?2{}",
        tx.flavor().for_update()
    );
    let mut sorted: Vec<&T> = before.iter().collect();
    sorted.sort_by(|one, other| one.lease().key.cmp(&other.lease().key));
    let mut held = Vec::new();
    for work in sorted {
        let lease = work.lease();
        let Some(row) = tx.query_one(&statement, params![lease.kind.name(), &lease.key])? else {
            continue;
        };
        if row.opt_text(0)?.as_deref() == Some(&lease.owner) && row.int(1)? == lease.fence {
            held.push(work.clone());
        }
    }
    Ok(held)
}

/// Makes a lane where there is none, and locks it until the end of the transaction; the oldest row that waits in it.
pub(crate) fn make(tx: &mut dyn Tx, kind: LaneKind, key: &str) -> Result<Option<i64>> {
    let statement = "INSERT INTO lanes (kind, key) VALUES (?1, ?2) \
                     ON CONFLICT (kind, key) DO UPDATE SET fence = lanes.fence RETURNING head";
    let row = tx.query_one(statement, params![kind.name(), key])?;
    row.map_or(Ok(None), |row| row.opt_int(0))
}

/// Sets the oldest row that waits in a lane.
pub(crate) fn set_head(tx: &mut dyn Tx, kind: LaneKind, key: &str, head: Option<i64>) -> Result<()> {
    let statement = "UPDATE lanes SET head = ?1 WHERE kind = ?2 AND key = ?3";
    tx.execute(statement, params![head, kind.name(), key]).map(drop)
}

/// The free lane in which something has waited longest, and its head; locked until the end of the transaction. Only the
/// conversation `only` is looked at, or the places whose names begin with it.
pub(crate) fn longest_waiting(tx: &mut dyn Tx, kind: LaneKind, now: Time, only: &str) -> Result<Option<(String, i64)>> {
    let statement = format!(
        "SELECT key, head FROM lanes WHERE kind = ?1 AND head IS NOT NULL \
         AND ((until <= ?2 AND (owner IS NULL OR ?3 = 1)) OR (until > ?4 AND owner IS NULL)) \
         AND (?5 = '' OR key = ?5 OR ?1 = 'out' AND substr(key, 1, length(?5)) = ?5) ORDER BY head LIMIT 1{}",
        tx.flavor().skip_locked()
    );
    let expires = tx.flavor() == Flavor::Postgres;
    let row = tx.query_one(&statement, params![kind.name(), now, expires, impossible(now), only])?;
    row.map(|row| Ok((row.text(0)?, row.int(1)?))).transpose()
}

/// When a lane in which something waits becomes free without anybody being told; none when there is no such lane.
pub(crate) fn next_due(tx: &mut dyn Tx, kind: LaneKind, now: Time) -> Result<Option<Duration>> {
    let statement = "SELECT MIN(until) FROM lanes WHERE kind = ?1 AND head IS NOT NULL AND until > ?2 AND until <= ?4 \
                     AND (owner IS NULL OR ?3 = 1)";
    let expires = tx.flavor() == Flavor::Postgres;
    let row = tx.query_one(statement, params![kind.name(), now, expires, impossible(now)])?;
    let due = row.map_or(Ok(None), |row| row.opt_time(0))?;
    Ok(due.map(|due| due.since(now)))
}

/// Whether nobody has a lane that is locked by this transaction.
fn is_free(tx: &mut dyn Tx, kind: LaneKind, key: &str, now: Time) -> Result<bool> {
    let expires = tx.flavor() == Flavor::Postgres;
    let statement = "SELECT 1 FROM lanes WHERE kind = ?1 AND key = ?2 AND (owner IS NULL OR (?3 = 1 AND until <= ?4))";
    let row = tx.query_one(statement, params![kind.name(), key, expires, now])?;
    Ok(row.is_some())
}

/// Whether somebody has a lane that is locked by this transaction.
pub(crate) fn is_owned(tx: &mut dyn Tx, kind: LaneKind, key: &str, now: Time) -> Result<bool> {
    is_free(tx, kind, key, now).map(|free| !free)
}

/// Takes a lane that is free and locked by this transaction.
pub(crate) fn take(
    tx: &mut dyn Tx,
    owner: &str,
    kind: LaneKind,
    key: &str,
    now: Time,
    time: Duration,
) -> Result<Lease> {
    let statement = "UPDATE lanes SET owner = ?1, until = ?2, fence = fence + 1 WHERE kind = ?3 AND key = ?4 \
                     RETURNING fence";
    let row = tx.query_one(statement, params![owner, now + time, kind.name(), key])?;
    let Some(row) = row else {
        let message = text!("there is no conversation {key}", key = key);
        return Err(StoreError::new(StoreErrorKind::Missing, message));
    };
    Ok(Lease {
        kind,
        key: key.to_owned(),
        owner: owner.to_owned(),
        fence: row.int(0)?,
    })
}

/// Makes sure that the owner of a lease still has its lane, and keeps that so until the end of the transaction. Every
/// operation that writes for a lane begins with it.
pub(crate) fn hold(tx: &mut dyn Tx, lease: &Lease) -> Result<()> {
    let statement = format!(
        "SELECT 1 FROM lanes WHERE kind = ?1 AND key = ?2 AND owner = ?3 AND fence = ?4{}",
        tx.flavor().for_update()
    );
    let row = tx.query_one(
        &statement,
        params![lease.kind.name(), &lease.key, &lease.owner, lease.fence],
    )?;
    if row.is_some() { Ok(()) } else { Err(fenced(lease)) }
}

/// Nothing is put off for longer.
const LONGEST_WAIT: Duration = Duration::from_hours(6);

/// When something is put off until after this, the clock was wrong then or is now; it is not waited for.
fn impossible(now: Time) -> Time {
    now + 2 * LONGEST_WAIT
}

/// Gives a lane back; nobody takes it for so long. Who has lost it already has nothing to give back.
pub(crate) fn free(tx: &mut dyn Tx, lease: &Lease, wait: Duration) -> Result<()> {
    let not_before = match wait {
        Duration::ZERO => Time(0),
        wait => tx.now()? + wait.min(LONGEST_WAIT),
    };
    let statement =
        "UPDATE lanes SET owner = NULL, until = ?1 WHERE kind = ?2 AND key = ?3 AND owner = ?4 AND fence = ?5";
    tx.execute(
        statement,
        params![not_before, lease.kind.name(), &lease.key, &lease.owner, lease.fence],
    )?;
    tx.wake(lease.kind.topic())
}

/// Gives back what an owner has of a conversation, if it has it. One that is about to take it is waited for, or sees, when it
/// has locked the lane, that it is not wanted any more.
pub(crate) fn give_back(tx: &mut dyn Tx, conversation: &str, owner: &str) -> Result<()> {
    make(tx, LaneKind::In, conversation)?;
    let statement = "UPDATE lanes SET owner = NULL, until = 0 WHERE kind = ?1 AND key = ?2 AND owner = ?3";
    let kind = LaneKind::In;
    if tx.execute(statement, params![kind.name(), conversation, owner])? > 0 {
        tx.wake(kind.topic())?;
    }
    Ok(())
}

pub(crate) fn fenced(lease: &Lease) -> StoreError {
    let message = text!("another Yabby has taken over {key}", key = lease.key);
    StoreError::new(StoreErrorKind::Fenced, message)
        .with_hint(text!("nothing was written; the other one goes on with it"))
}
