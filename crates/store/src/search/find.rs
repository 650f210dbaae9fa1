//! Looking.

use std::ops::Range;

use yabby_core::{SessionKey, Time};

use super::{query::Query, snippet::snippet};
use crate::{
    error::Result,
    sql::{Flavor, params},
    store::Store,
    transcript::{Content, said},
};

/// A place where something was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// For the next page: hits before this one.
    pub number: i64,
    /// The session.
    pub session: String,
    /// The conversation of the session.
    pub conversation: SessionKey,
    /// The title of the session.
    pub title: Option<String>,
    /// The item's place in the session.
    pub seq: u64,
    /// When it was said.
    pub at: Time,
    /// Who said it: `user`, `assistant`, `tool`, `summary`.
    pub kind: String,
    /// The text around the first place.
    pub snippet: String,
    /// What was looked for in the snippet, in bytes.
    pub marks: Vec<Range<usize>>,
}

impl Store {
    /// Looks for words in everything that was said, what was said last first. `before` is the number of the last hit of the
    /// page before. Words may go on (`deploy` finds `deployed`), `"phrases"` may not; all of them must be in one item.
    pub async fn search(&self, text: &str, before: Option<i64>, most: usize) -> Result<Vec<Hit>> {
        self.find(text, None, before, most).await
    }

    /// The same in the sessions of one conversation.
    pub async fn search_in(&self, conversation: &SessionKey, text: &str, most: usize) -> Result<Vec<Hit>> {
        self.find(text, Some(conversation), None, most).await
    }

    async fn find(
        &self,
        text: &str,
        conversation: Option<&SessionKey>,
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<Hit>> {
        let conversation = conversation.map(|key| key.as_str().to_owned());
        let Some(query) = Query::read(text) else {
            return Ok(Vec::new());
        };
        self.read("search", move |tx| {
            let (from, words) = match tx.flavor() {
                Flavor::Sqlite => (
                    "items_search f JOIN items i ON i.id = f.rowid",
                    "f.items_search MATCH ?1 AND f.rowid",
                ),
                Flavor::Postgres => ("items i", "i.words @@ CAST(CAST(?1 AS text) AS tsquery) AND i.id"),
            };
            let statement = format!(
                "SELECT i.id, i.session, s.conversation, s.title, i.seq, i.at, i.kind, i.body FROM {from} \
                 JOIN sessions s ON s.id = i.session WHERE {words} < ?2 \
                 AND (?4 = '' OR s.conversation = ?4) ORDER BY i.id DESC LIMIT ?3"
            );
            // No conversation has an empty name.
            let within = conversation.clone().unwrap_or_default();
            let asked = match tx.flavor() {
                Flavor::Sqlite => query.for_sqlite(),
                Flavor::Postgres => query.for_postgres(),
            };
            let rows = tx.query(&statement, params![asked, before.unwrap_or(i64::MAX), most, within])?;
            let hit = |row: &crate::sql::Row| {
                let content: Content = row.json(7)?;
                let (snippet, marks) = snippet(said(&content), &query);
                Ok(Hit {
                    number: row.int(0)?,
                    session: row.text(1)?,
                    conversation: row.session_key(2)?,
                    title: row.opt_text(3)?,
                    seq: u64::try_from(row.int(4)?).unwrap_or(0),
                    at: row.time(5)?,
                    kind: row.text(6)?,
                    snippet,
                    marks,
                })
            };
            rows.iter().map(hit).collect()
        })
        .await
    }
}
