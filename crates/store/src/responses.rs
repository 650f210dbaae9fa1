//! Answers that a program may ask for again by their ids, and who may.

use std::time::Duration;

use serde_json::Value;
use yabby_core::{SessionKey, Time};

use crate::{
    error::Result,
    inbox::{Accepted, NewInbound, accept, known},
    json,
    lanes::{self, Lease},
    sessions,
    sql::{Row, Tx, params},
    store::Store,
};

/// A response that is begun.
#[derive(Clone, Debug, PartialEq)]
pub struct NewResponse {
    /// Its id.
    pub id: String,
    /// The key that has asked for it.
    pub key: String,
    /// The conversation that it belongs to.
    pub conversation: SessionKey,
    /// What was asked, as a list of items.
    pub input: Value,
    /// The response as far as it has come.
    pub body: Value,
}

/// What a program has asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its message.
    pub message: NewInbound,
    /// What is set for the conversation from now on.
    pub state: Value,
    /// The response that is kept of it.
    pub response: Option<NewResponse>,
}

/// A response that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptResponse {
    /// What it was begun with; `body` is the latest.
    pub new: NewResponse,
    /// The number of its message in the inbox.
    pub message: i64,
    /// When it was begun.
    pub created_at: Time,
    /// When it has ended; `None` while it is answered.
    pub ended_at: Option<Time>,
}

impl Store {
    /// Takes in what a program has asked for in the conversation that is leased, which must have a session: its message, what is
    /// set, and the response that is begun, and gives the conversation back; all of it or nothing. To do so once more, because
    /// the answer to the first time was lost, changes nothing.
    pub async fn accept_asked(&self, lease: &Lease, asked: Asked) -> Result<Accepted> {
        let lease = lease.clone();
        self.write("accept_asked", move |tx| {
            if let Err(error) = lanes::hold(tx, &lease) {
                // The first time has given it back.
                return known(tx, &asked.message)?.ok_or(error);
            }
            sessions::set(tx, &lease, "state", &json::to_text(&asked.state)?)?;
            let accepted = accept(tx, &asked.message)?;
            let (Accepted::New { id } | Accepted::Known { id, .. }) = accepted;
            if let Some(new) = &asked.response {
                begin(tx, new, id)?;
            }
            lanes::free(tx, &lease, Duration::ZERO)?;
            Ok(accepted)
        })
        .await
    }

    /// Ends a response with this body, unless it has ended: the first end counts. Gives the body that counts now; `None` when
    /// the response was deleted.
    pub async fn end_response(&self, id: &str, body: Value) -> Result<Option<Value>> {
        let id = id.to_owned();
        self.write("end_response", move |tx| {
            let now = tx.now()?;
            // The conversation may have got another session meanwhile, which the answer stands in.
            let statement = "UPDATE responses SET body = ?1, ended_at = ?2, session = COALESCE((SELECT session \
                             FROM conversations WHERE conversations.key = responses.conversation), session) \
                             WHERE id = ?3 AND ended_at IS NULL";
            tx.execute(statement, params![json::to_text(&body)?, now, &id])?;
            let row = tx.query_one("SELECT body FROM responses WHERE id = ?1", params![&id])?;
            row.map(|row| row.json(0)).transpose()
        })
        .await
    }

    /// A response by its id.
    pub async fn response(&self, id: &str) -> Result<Option<KeptResponse>> {
        let id = id.to_owned();
        self.read("response", move |tx| {
            let statement = "SELECT id, key, conversation, message, input, body, created_at, ended_at \
                             FROM responses WHERE id = ?1";
            tx.query_one(statement, params![&id])?.as_ref().map(kept).transpose()
        })
        .await
    }

    /// Deletes a response; whether it was there. What was said stays in its conversation.
    pub async fn delete_response(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        self.write("delete_response", move |tx| {
            let deleted = tx.execute("DELETE FROM responses WHERE id = ?1", params![&id])?;
            Ok(deleted > 0)
        })
        .await
    }
}

/// Keeps a response that is begun.
fn begin(tx: &mut dyn Tx, new: &NewResponse, message: i64) -> Result<()> {
    let now = tx.now()?;
    let (input, body) = (json::to_text(&new.input)?, json::to_text(&new.body)?);
    let statement = "INSERT INTO responses (id, key, conversation, session, message, input, body, created_at) \
                     VALUES (?1, ?2, ?3, (SELECT session FROM conversations WHERE key = ?3), ?4, ?5, ?6, ?7) \
                     ON CONFLICT (id) DO NOTHING";
    let conversation = new.conversation.as_str();
    tx.execute(
        statement,
        params![&new.id, &new.key, conversation, message, input, body, now],
    )
    .map(drop)
}

fn kept(row: &Row) -> Result<KeptResponse> {
    Ok(KeptResponse {
        new: NewResponse {
            id: row.text(0)?,
            key: row.text(1)?,
            conversation: row.session_key(2)?,
            input: row.json(4)?,
            body: row.json(5)?,
        },
        message: row.int(3)?,
        created_at: row.time(6)?,
        ended_at: row.opt_time(7)?,
    })
}
