//! What the owner has allowed for good, until it ends or is taken back.

use yabby_core::{Time, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    sql::{Row, Tx, params},
    store::Store,
};

/// Something that is to be allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewGrant {
    /// From [`crate::new_id`].
    pub id: String,
    /// The agent that may do it.
    pub agent: String,
    /// What it may do; the store does not look into it.
    pub body: serde_json::Value,
    /// Until when; `None` for always.
    pub expires_at: Option<Time>,
}

/// Something that was allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// What.
    pub given: NewGrant,
    /// Since when.
    pub given_at: Time,
    /// When it was taken back.
    pub revoked_at: Option<Time>,
}

/// The columns that [`grant`] reads.
const COLUMNS: &str = "id, agent, body, expires_at, given_at, revoked_at";

impl Store {
    /// Allows something. To do so once more under the same id changes nothing, also when it was taken back meanwhile.
    pub async fn give_grant(&self, new: NewGrant) -> Result<Grant> {
        self.write("give_grant", move |tx| {
            let now = tx.now()?;
            let statement = "INSERT INTO grants (id, agent, body, given_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                             ON CONFLICT (id) DO NOTHING";
            let body = json::to_text(&new.body)?;
            tx.execute(statement, params![&new.id, &new.agent, body, now, new.expires_at])?;
            let there = existing(tx, &new.id)?;
            if there.given == new {
                Ok(there)
            } else {
                let message = text!("another permission has the id {id}", id = new.id);
                Err(StoreError::new(StoreErrorKind::Invalid, message))
            }
        })
        .await
    }

    /// Takes it back. To do so once more changes nothing.
    pub async fn revoke_grant(&self, id: &str) -> Result<Grant> {
        let id = id.to_owned();
        self.write("revoke_grant", move |tx| {
            let now = tx.now()?;
            let statement = "UPDATE grants SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL";
            tx.execute(statement, params![now, &id])?;
            existing(tx, &id)
        })
        .await
    }

    /// What an agent may do now, the oldest first.
    pub async fn grants(&self, agent: &str) -> Result<Vec<Grant>> {
        let agent = agent.to_owned();
        self.read("grants", move |tx| {
            let now = tx.now()?;
            let statement = format!(
                "SELECT {COLUMNS} FROM grants WHERE agent = ?1 AND revoked_at IS NULL \
                 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY given_at, id"
            );
            tx.query(&statement, params![&agent, now])?.iter().map(grant).collect()
        })
        .await
    }

    /// What was ever allowed to an agent, the latest first, so much at the most.
    pub async fn all_grants(&self, agent: &str, most: usize) -> Result<Vec<Grant>> {
        let agent = agent.to_owned();
        self.read("all_grants", move |tx| {
            let statement =
                format!("SELECT {COLUMNS} FROM grants WHERE agent = ?1 ORDER BY given_at DESC, id DESC LIMIT ?2");
            tx.query(&statement, params![&agent, most])?.iter().map(grant).collect()
        })
        .await
    }
}

fn existing(tx: &mut dyn Tx, id: &str) -> Result<Grant> {
    let row = tx.query_one(&format!("SELECT {COLUMNS} FROM grants WHERE id = ?1"), params![id])?;
    row.map(|row| grant(&row)).transpose()?.ok_or_else(|| {
        let message = text!("there is no permission {id}", id = id);
        StoreError::new(StoreErrorKind::Missing, message)
    })
}

fn grant(row: &Row) -> Result<Grant> {
    Ok(Grant {
        given: NewGrant {
            id: row.text(0)?,
            agent: row.text(1)?,
            body: row.json(2)?,
            expires_at: row.opt_time(3)?,
        },
        given_at: row.time(4)?,
        revoked_at: row.opt_time(5)?,
    })
}
