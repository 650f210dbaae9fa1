//! Taking a message in.

use yabby_core::{Label, Origin, SessionKey, Time, text};

use super::InboundState;
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    lanes::{self, LaneKind},
    sql::{Row, Tx, params},
    store::Store,
    wakes::Topic,
};

/// A message as a channel has received it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInbound {
    /// The channel's id of it, unique within a channel and an account: by it a message that is sent again is known.
    pub message: String,
    /// Where it was said, and where answers to it go.
    pub origin: Origin,
    /// The conversation that it belongs to, of the agent that answers.
    pub conversation: SessionKey,
    /// When.
    pub received_at: Time,
    /// What was said; the store does not look into it.
    pub body: serde_json::Value,
    /// Whose word it is.
    pub label: Label,
}

/// Whether a message was known. Both mean that it is on the disk, and may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is new.
    New {
        /// Its number in the inbox.
        id: i64,
    },
    /// It was there already.
    Known {
        /// Its number in the inbox.
        id: i64,
        /// How far it has come.
        state: InboundState,
    },
}

impl Store {
    /// Takes a message in. When this returns, it is on the disk and may be acknowledged.
    pub async fn accept(&self, new: NewInbound) -> Result<Accepted> {
        self.write("accept", move |tx| accept(tx, &new)).await
    }

    /// A message by its number in the inbox, and how far it has come.
    pub async fn inbound(&self, id: i64) -> Result<Option<(NewInbound, InboundState)>> {
        self.read("inbound", move |tx| {
            let statement = format!("SELECT {COLUMNS}, state FROM inbox WHERE id = ?1");
            let Some(row) = tx.query_one(&statement, params![id])? else {
                return Ok(None);
            };
            Ok(Some((inbound(&row)?, InboundState::of_name(&row.text(COUNT)?)?)))
        })
        .await
    }

    /// The turn that a message of the inbox was taken into; none as long as nobody works on it.
    pub async fn turn_of(&self, message: i64) -> Result<Option<String>> {
        self.read("turn_of", move |tx| {
            let row = tx.query_one("SELECT turn FROM inbox WHERE id = ?1", params![message])?;
            row.map_or(Ok(None), |row| row.opt_text(0))
        })
        .await
    }
}

/// Takes a message in, and locks the lane of its conversation when it is new.
pub(crate) fn accept(tx: &mut dyn Tx, new: &NewInbound) -> Result<Accepted> {
    // Most that comes again is seen here, without a lock.
    if let Some(known) = known(tx, new)? {
        return Ok(known);
    }
    // The lane is locked until the end, so that numbers within a conversation are in the order of commits.
    let head = lanes::make(tx, LaneKind::In, new.conversation.as_str())?;
    // Whoever looked for work meanwhile has passed over the lane.
    tx.wake(Topic::Inbox)?;
    match insert(tx, new)? {
        Some(id) => {
            if head.is_none() {
                lanes::set_head(tx, LaneKind::In, new.conversation.as_str(), Some(id))?;
            }
            Ok(Accepted::New { id })
        }
        None => known(tx, new)?.ok_or_else(gone),
    }
}

/// A message that was taken in before.
pub(crate) fn known(tx: &mut dyn Tx, new: &NewInbound) -> Result<Option<Accepted>> {
    let statement = "SELECT id, state FROM inbox WHERE channel = ?1 AND account = ?2 AND message = ?3";
    let row = tx.query_one(statement, params![&new.origin.channel, account(new), &new.message])?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Accepted::Known {
        id: row.int(0)?,
        state: InboundState::of_name(&row.text(1)?)?,
    }))
}

/// Its number, unless it is there already.
fn insert(tx: &mut dyn Tx, new: &NewInbound) -> Result<Option<i64>> {
    let statement = "INSERT INTO inbox \
                     (channel, account, message, conversation, origin, state, received_at, body, label) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
                     ON CONFLICT (channel, account, message) DO NOTHING RETURNING id";
    let row = tx.query_one(
        statement,
        params![
            &new.origin.channel,
            account(new),
            &new.message,
            new.conversation.as_str(),
            json::to_text(&new.origin)?,
            InboundState::Received.name(),
            new.received_at,
            json::to_text(&new.body)?,
            json::to_text(&new.label)?,
        ],
    )?;
    row.map(|row| row.int(0)).transpose()
}

/// The account as a part of what makes a message unique: the only one has no name.
fn account(new: &NewInbound) -> &str {
    new.origin.account.as_deref().unwrap_or_default()
}

/// The columns that [`inbound`] reads, and how many they are.
pub(super) const COLUMNS: &str = "message, origin, conversation, received_at, body, label";
pub(super) const COUNT: usize = 6;
/// The place of the origin among them.
pub(super) const ORIGIN: usize = 1;

/// A message of a row that begins with [`COLUMNS`].
pub(super) fn inbound(row: &Row) -> Result<NewInbound> {
    Ok(NewInbound {
        message: row.text(0)?,
        origin: row.json(ORIGIN)?,
        conversation: row.session_key(2)?,
        received_at: row.time(3)?,
        body: row.json(4)?,
        label: row.json(5)?,
    })
}

/// Somebody has deleted it in this moment: the channel sends it again.
fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, text!("the message was deleted meanwhile"))
}
