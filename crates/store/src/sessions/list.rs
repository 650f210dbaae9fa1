//! Lists of sessions.

use yabby_core::{Label, SessionKey, Time};

use crate::{
    error::Result,
    sql::{Row, Value, params},
    store::Store,
};

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The conversation that it belongs to.
    pub conversation: SessionKey,
    /// The agent.
    pub agent: String,
    /// The first thing that was said, in short.
    pub title: Option<String>,
    /// When it was begun.
    pub begun_at: Time,
    /// When something happened in it last.
    pub active_at: Time,
    /// When a person said something in it last.
    pub heard_at: Option<Time>,
    /// When it ended, and why: `daily`, `idle`, `new`, ….
    pub ended: Option<(Time, String)>,
    /// How many items it has.
    pub items: u64,
    /// The labels of all its items, joined.
    pub label: Label,
    /// Where it was imported from.
    pub source: Option<String>,
}

/// Which sessions are meant; everything that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Those of an agent.
    pub agent: Option<String>,
    /// Those of a conversation.
    pub conversation: Option<SessionKey>,
    /// Those in which something has happened since.
    pub since: Option<Time>,
}

/// The place behind a session in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    active_at: Time,
    id: String,
}

impl Page {
    /// The place behind the session `id` that was active last at `active_at`, as [`Session::page`] of it.
    pub fn behind(active_at: Time, id: &str) -> Self {
        Self {
            active_at,
            id: id.to_owned(),
        }
    }
}

/// The columns that [`session`] reads.
pub(super) const COLUMNS: &str = "id, conversation, agent, title, begun_at, active_at, heard_at, ended_at, ended_by, \
                                  next_seq, label, source";

impl Session {
    /// Where the next page of a list begins that ends with this session.
    pub fn page(&self) -> Page {
        Page {
            active_at: self.active_at,
            id: self.id.clone(),
        }
    }
}

impl Store {
    /// Sessions, those in which something has happened last first.
    pub async fn sessions(&self, filter: SessionFilter, from: Option<Page>, most: usize) -> Result<Vec<Session>> {
        self.read("sessions", move |tx| {
            let mut given: Vec<Value> = Vec::new();
            let mut holds: Vec<String> = Vec::new();
            let mut hold = |text: &str, value: Value| {
                given.push(value);
                holds.push(text.replace('?', &format!("?{}", given.len())));
            };
            if let Some(agent) = &filter.agent {
                hold("agent = ?", agent.into());
            }
            if let Some(conversation) = &filter.conversation {
                hold("conversation = ?", conversation.as_str().into());
            }
            if let Some(since) = filter.since {
                hold("active_at >= ?", since.into());
            }
            if let Some(page) = &from {
                hold("active_at <= ?", page.active_at.into());
                let at = given.len();
                given.push(page.id.as_str().into());
                holds.push(format!("(active_at < ?{at} OR id < ?{})", at + 1));
            }
            given.push(most.into());
            let holds = if holds.is_empty() {
                "1 = 1".to_owned()
            } else {
                holds.join(" AND ")
            };
            let statement = format!(
                "SELECT {COLUMNS} FROM sessions WHERE {holds} ORDER BY active_at DESC, id DESC LIMIT ?{}",
                given.len()
            );
            tx.query(&statement, &given)?.iter().map(session).collect()
        })
        .await
    }

    /// The session of an id, or the sessions whose ids begin so; no more than `most`.
    pub async fn sessions_named(&self, beginning: &str, most: usize) -> Result<Vec<Session>> {
        let beginning = beginning.to_owned();
        self.read("sessions_named", move |tx| {
            let statement = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1");
            let mut rows = tx.query(&statement, params![&beginning])?;
            if rows.is_empty() {
                let statement = format!(
                    "SELECT {COLUMNS} FROM sessions WHERE substr(id, 1, ?2) = ?1 ORDER BY active_at DESC, id DESC LIMIT ?3"
                );
                rows = tx.query(&statement, params![&beginning, beginning.chars().count(), most])?;
            }
            rows.iter().map(session).collect()
        })
        .await
    }
}

/// A session of a row of [`COLUMNS`].
pub(super) fn session(row: &Row) -> Result<Session> {
    let ended_by = row.opt_text(8)?.unwrap_or_default();
    Ok(Session {
        id: row.text(0)?,
        conversation: row.session_key(1)?,
        agent: row.text(2)?,
        title: row.opt_text(3)?,
        begun_at: row.time(4)?,
        active_at: row.time(5)?,
        heard_at: row.opt_time(6)?,
        ended: row.opt_time(7)?.map(|at| (at, ended_by)),
        items: u64::try_from(row.int(9)?).unwrap_or(0),
        label: row.json(10)?,
        source: row.opt_text(11)?,
    })
}
