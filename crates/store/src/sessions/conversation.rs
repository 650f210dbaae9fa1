//! What is known of a conversation.

use yabby_core::{Origin, SessionKey, Time, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    lanes::{self, Lease},
    sql::{Tx, params},
    store::Store,
};

/// A conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Its key.
    pub key: SessionKey,
    /// The current session, if one was begun.
    pub session: Option<String>,
    /// Where it was heard of: what nobody has asked for goes there. None for one of the owner's machine.
    pub origin: Option<Origin>,
    /// What was set for it: a model, privacy.
    pub state: serde_json::Value,
    /// When any of this was changed.
    pub updated_at: Time,
}

impl Store {
    /// A conversation by its key.
    pub async fn conversation(&self, key: &SessionKey) -> Result<Option<Conversation>> {
        let key = key.clone();
        self.read("conversation", move |tx| {
            let statement = "SELECT session, origin, state, updated_at FROM conversations WHERE key = ?1";
            let row = tx.query_one(statement, params![key.as_str()])?;
            row.map(|row| {
                Ok(Conversation {
                    key: key.clone(),
                    session: row.opt_text(0)?,
                    origin: row.json(1)?,
                    state: row.json(2)?,
                    updated_at: row.time(3)?,
                })
            })
            .transpose()
        })
        .await
    }

    /// Sets what is set for the conversation that is leased. It must have a session.
    pub async fn set_state(&self, lease: &Lease, state: serde_json::Value) -> Result<()> {
        let lease = lease.clone();
        self.write("set_state", move |tx| {
            let state = json::to_text(&state)?;
            set(tx, &lease, "state", &state)
        })
        .await
    }

    /// From now on the conversation that is leased is heard of there. It must have a session.
    pub async fn set_origin(&self, lease: &Lease, origin: &Origin) -> Result<()> {
        let (lease, origin) = (lease.clone(), origin.clone());
        self.write("set_origin", move |tx| {
            let origin = json::to_text(&origin)?;
            set(tx, &lease, "origin", &origin)
        })
        .await
    }
}

/// Sets a column of the conversation that is leased.
pub(crate) fn set(tx: &mut dyn Tx, lease: &Lease, column: &'static str, value: &str) -> Result<()> {
    lanes::hold(tx, lease)?;
    let now = tx.now()?;
    let statement = format!("UPDATE conversations SET {column} = ?1, updated_at = ?2 WHERE key = ?3");
    match tx.execute(&statement, params![value, now, &lease.key])? {
        0 => {
            let message = text!("there is no conversation {key}", key = lease.key);
            Err(StoreError::new(StoreErrorKind::Missing, message))
        }
        _ => Ok(()),
    }
}
