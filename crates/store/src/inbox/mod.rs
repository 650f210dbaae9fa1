//! What has come in and must be answered.
//!
//! A message is kept before it is acknowledged, once, however often a channel sends it again. Messages of one conversation
//! are answered one after another, in the order in which they came; conversations side by side.

mod accept;
mod backlog;
mod claim;
mod end;
mod state;

pub use accept::{Accepted, NewInbound};
pub use backlog::Backlog;
pub use claim::Claimed;
pub use end::{NewItems, TurnEnd, TurnOutcome};
pub use state::InboundState;

pub(crate) use accept::{accept, known};
pub(crate) use claim::Found;
pub(crate) use state::unknown_state;

use crate::{
    error::Result,
    sql::{Tx, params},
};

/// The oldest message of a conversation that has not ended.
fn next_open(tx: &mut dyn Tx, conversation: &str) -> Result<Option<i64>> {
    let statement = "SELECT id FROM inbox WHERE conversation = ?1 AND ended_at IS NULL ORDER BY id LIMIT 1";
    let row = tx.query_one(statement, params![conversation])?;
    row.map(|row| row.int(0)).transpose()
}
