//! The journal of what tools do to the world.
//!
//! Before a tool does something, the intent is on the disk; afterwards the outcome is. What was begun and has no outcome
//! may have happened, and is never done again by itself.

use yabby_core::text;

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    ids::new_id,
    inbox::unknown_state,
    json, lanes,
    lanes::Lease,
    sql::params,
    store::Store,
};

/// Whether an effect may be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// Yes, once, by whoever got this answer.
    Go,
    /// It was done, with this outcome.
    Done(serde_json::Value),
    /// It may have been done: somebody began it and did not say how it ended. The owner decides.
    MayHaveHappened,
    /// Under this key something else was begun.
    Differs,
}

impl Store {
    /// Notes that an effect is about to be done. `key` stands for this one effect, whoever tries it and however often;
    /// `call_hash` for what exactly is done.
    pub async fn begin_effect(&self, lease: &Lease, key: &str, turn: &str, call_hash: &str) -> Result<Begun> {
        let (lease, key, turn, call) = (lease.clone(), key.to_owned(), turn.to_owned(), call_hash.to_owned());
        // So that this operation knows its own intent when it is run again, and nobody else does.
        let me = new_id();
        self.write("begin_effect", move |tx| {
            lanes::hold(tx, &lease)?;
            let now = tx.now()?;
            let statement = "INSERT INTO effects (key, conversation, turn, call, state, begun_at, begun_by) \
                             VALUES (?1, ?2, ?3, ?4, 'intent', ?5, ?6) ON CONFLICT (key) DO NOTHING";
            if tx.execute(statement, params![&key, &lease.key, &turn, &call, now, &me])? == 1 {
                return Ok(Begun::Go);
            }
            let statement = "SELECT call, state, begun_by, outcome, conversation FROM effects WHERE key = ?1";
            let Some(row) = tx.query_one(statement, params![&key])? else {
                return Err(no_effect(&key));
            };
            if row.text(0)? != call || row.text(4)? != lease.key {
                return Ok(Begun::Differs);
            }
            match row.text(1)?.as_str() {
                "intent" if row.text(2)? == me => Ok(Begun::Go),
                "intent" => {
                    let statement = "UPDATE effects SET state = 'unknown' WHERE key = ?1";
                    tx.execute(statement, params![&key])?;
                    Ok(Begun::MayHaveHappened)
                }
                "unknown" => Ok(Begun::MayHaveHappened),
                "done" => Ok(Begun::Done(row.json(3)?)),
                other => Err(unknown_state(other)),
            }
        })
        .await
    }

    /// Notes how an effect has ended: also one that may have happened, when somebody has found out.
    pub async fn end_effect(&self, lease: &Lease, key: &str, outcome: serde_json::Value) -> Result<()> {
        let (lease, key) = (lease.clone(), key.to_owned());
        self.write("end_effect", move |tx| {
            lanes::hold(tx, &lease)?;
            let now = tx.now()?;
            let outcome = json::to_text(&outcome)?;
            let statement = "UPDATE effects SET state = 'done', outcome = ?1, ended_at = ?2 \
                             WHERE key = ?3 AND conversation = ?4 AND (state <> 'done' OR outcome = ?1)";
            match tx.execute(statement, params![outcome, now, &key, &lease.key])? {
                0 => Err(no_effect(&key)),
                _ => Ok(()),
            }
        })
        .await
    }
}

fn no_effect(key: &str) -> StoreError {
    let message = text!("no effect {key} was begun that could end so", key = key);
    StoreError::new(StoreErrorKind::Missing, message)
}
