//! Working on a message, and the end of that.

use std::time::Duration;

use yabby_core::{Text, text};

use super::{InboundState, next_open};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    lanes::{self, LaneKind, Lease},
    outbox::{self, NewDelivery},
    sql::{Tx, params},
    store::Store,
    transcript::{self, NewItem},
};

/// The end of a turn: what it leaves behind, all at once.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnEnd {
    /// The number of the message in the inbox.
    pub message: i64,
    /// The turn that was begun for it.
    pub turn: String,
    /// Whether the message was answered.
    pub how: TurnOutcome,
    /// What was said and done.
    pub items: Option<NewItems>,
    /// What must go out.
    pub deliveries: Vec<NewDelivery>,
    /// Whether the caller goes on in the conversation ([`Store::claim_next`]), and keeps the lease. After a turn that has
    /// failed it does not: the conversation waits.
    pub keep_lease: bool,
}

/// Whether a message was answered.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnOutcome {
    /// It was.
    Done,
    /// It was not; it is tried again. Later messages of the conversation wait for it.
    Failed {
        /// Why.
        problem: Text,
        /// Not before so long from now; six hours at the most.
        retry_after: Duration,
    },
    /// It was not, and it is given up. Its sender should be told by a delivery.
    Dead {
        /// Why.
        problem: Text,
    },
}

/// Items for a session.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItems {
    /// The id of the session.
    pub session: String,
    /// In order.
    pub items: Vec<NewItem>,
}

/// How far the message of a turn has come.
struct Standing {
    state: InboundState,
    turn: Option<String>,
    fence: i64,
}

impl Store {
    /// Notes that a turn works on a message.
    pub async fn begin_turn(&self, lease: &Lease, message: i64, turn: &str) -> Result<()> {
        let (lease, turn) = (lease.clone(), turn.to_owned());
        self.write("begin_turn", move |tx| {
            lanes::hold(tx, &lease)?;
            let statement = "UPDATE inbox SET state = ?1, turn = ?2 \
                             WHERE id = ?3 AND conversation = ?4 AND fence = ?5 AND ended_at IS NULL";
            let running = InboundState::Running.name();
            let changed = tx.execute(statement, params![running, &turn, message, &lease.key, lease.fence])?;
            if changed == 1 { Ok(()) } else { Err(not_ours(message)) }
        })
        .await
    }

    /// Ends a turn: its items, what must go out, the outcome for its message and the way for the next one, all or nothing.
    /// To end it once more, because the answer to the first time was lost, changes nothing.
    pub async fn end_turn(&self, lease: &Lease, end: TurnEnd) -> Result<()> {
        let (lease, kept) = (lease.clone(), self.kept());
        self.write("end_turn", move |tx| {
            match lanes::hold(tx, &lease) {
                Ok(()) => {}
                // The first time has given the lane back.
                Err(error) if error.kind == StoreErrorKind::Fenced => {
                    let standing = standing(tx, &lease, end.message)?;
                    let ended = standing.is_some_and(|standing| standing.is_ended_by(&lease, &end));
                    return if ended { Ok(()) } else { Err(error) };
                }
                Err(error) => return Err(error),
            }
            let standing = standing(tx, &lease, end.message)?.ok_or_else(|| not_ours(end.message))?;
            if standing.is_ended_by(&lease, &end) {
                return Ok(());
            }
            if !matches!(standing.state, InboundState::Claimed | InboundState::Running) || standing.fence != lease.fence
            {
                return Err(not_ours(end.message));
            }
            if let Some(new) = &end.items {
                transcript::append(tx, &kept, &lease.key, &new.session, &new.items)?;
            }
            outbox::put(tx, &lease.key, Some(&end.turn), &end.deliveries)?;
            settle(tx, &lease, &end)
        })
        .await
    }

    /// Gives a message back that nobody has come to an end with, for another to take: this does not count as a try.
    pub async fn give_back(&self, lease: &Lease, message: i64) -> Result<()> {
        let lease = lease.clone();
        self.write("give_back", move |tx| {
            if let Err(error) = lanes::hold(tx, &lease) {
                // It has been given back, or taken away.
                return if error.kind == StoreErrorKind::Fenced {
                    Ok(())
                } else {
                    Err(error)
                };
            }
            let statement = "UPDATE inbox SET state = ?1, claims = CASE WHEN claims > 0 THEN claims - 1 ELSE 0 END \
                             WHERE id = ?2 AND fence = ?3 AND state IN (?4, ?5)";
            tx.execute(
                statement,
                params![
                    InboundState::Received.name(),
                    message,
                    lease.fence,
                    InboundState::Claimed.name(),
                    InboundState::Running.name(),
                ],
            )?;
            lanes::free(tx, &lease, Duration::ZERO)
        })
        .await
    }
}

impl TurnOutcome {
    const fn state(&self) -> InboundState {
        match self {
            Self::Done => InboundState::Done,
            Self::Failed { .. } => InboundState::Failed,
            Self::Dead { .. } => InboundState::Dead,
        }
    }
}

impl Standing {
    /// Whether this end was committed already.
    fn is_ended_by(&self, lease: &Lease, end: &TurnEnd) -> bool {
        self.state == end.how.state() && self.fence == lease.fence && self.turn.as_ref() == Some(&end.turn)
    }
}

fn standing(tx: &mut dyn Tx, lease: &Lease, message: i64) -> Result<Option<Standing>> {
    let statement = "SELECT state, turn, fence FROM inbox WHERE id = ?1 AND conversation = ?2";
    let row = tx.query_one(statement, params![message, &lease.key])?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Standing {
        state: InboundState::of_name(&row.text(0)?)?,
        turn: row.opt_text(1)?,
        fence: row.int(2)?,
    }))
}

/// The outcome for the message, and what the lane goes on with.
fn settle(tx: &mut dyn Tx, lease: &Lease, end: &TurnEnd) -> Result<()> {
    let now = tx.now()?;
    let (problem, ended, wait) = match &end.how {
        TurnOutcome::Done => (None, Some(now), Duration::ZERO),
        TurnOutcome::Failed { problem, retry_after } => (Some(problem), None, *retry_after),
        TurnOutcome::Dead { problem } => (Some(problem), Some(now), Duration::ZERO),
    };
    let problem = problem.map(json::to_text).transpose()?;
    let failed = ended.is_none();
    let statement = "UPDATE inbox SET state = ?1, turn = ?2, problem = ?3, ended_at = ?4, failures = failures + ?5, \
                     claims = CASE WHEN ?5 = 1 THEN 0 ELSE claims END WHERE id = ?6";
    tx.execute(
        statement,
        params![end.how.state().name(), &end.turn, problem, ended, failed, end.message],
    )?;
    if !failed {
        let next = next_open(tx, &lease.key)?;
        lanes::set_head(tx, LaneKind::In, &lease.key, next)?;
    }
    if end.keep_lease && !failed {
        Ok(())
    } else {
        lanes::free(tx, lease, wait)
    }
}

fn not_ours(message: i64) -> StoreError {
    let message = text!("message {id} is not in work under this lease", id = message);
    StoreError::new(StoreErrorKind::Invalid, message)
}
