//! Asking the owner about a delivery that has stopped.

use yabby_core::{Text, text};

use crate::{
    error::Result,
    json,
    sql::{Tx, params},
    wakes::Topic,
};

/// What the row of a question says that it is about.
pub(super) fn effect(delivery: i64) -> String {
    format!("delivery/{delivery}")
}

/// The delivery that such a question is about.
pub(crate) fn delivery_of(effect: &str) -> Option<i64> {
    effect.strip_prefix("delivery/")?.parse().ok()
}

/// Asks whether to send it all the same.
pub(super) fn ask(tx: &mut dyn Tx, delivery: i64, problem: &Text) -> Result<()> {
    let statement = "SELECT conversation, turn, channel, peer, fence FROM outbox WHERE id = ?1";
    let Some(row) = tx.query_one(statement, params![delivery])? else {
        return Ok(());
    };
    let question = text!(
        "a message to {peer} ({channel}) has stopped: {problem}. Send it now?",
        peer = row.text(3)?,
        channel = row.text(2)?,
        problem = problem
    );
    let now = tx.now()?;
    // One question for each time that it stops.
    let id = format!("delivery-{delivery}-{}-{}", row.int(4)?, now.0);
    let statement = "INSERT INTO approvals (id, conversation, turn, effect, question, state, asked_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6) ON CONFLICT (id) DO NOTHING";
    tx.execute(
        statement,
        params![
            id,
            row.text(0)?,
            row.opt_text(1)?,
            effect(delivery),
            json::to_text(&question)?,
            now
        ],
    )?;
    tx.wake(Topic::Approvals)
}

/// Closes the questions about it.
pub(super) fn answered(tx: &mut dyn Tx, delivery: i64, state: &str) -> Result<()> {
    let now = tx.now()?;
    let statement = "UPDATE approvals SET state = ?1, answered_at = ?2 WHERE effect = ?3 AND state = 'open'";
    let closed = tx.execute(statement, params![state, now, effect(delivery)])?;
    if closed == 0 { Ok(()) } else { tx.wake(Topic::Approvals) }
}
