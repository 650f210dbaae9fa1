//! Messages that come in by themselves, at their time.
//!
//! A timer that is due becomes a message of the inbox in the transaction that moves it on: it is neither lost nor doubled. A
//! repeated one that was missed many times fires once, and goes on with its next time. Times are those of the clock of the
//! store; when that is put back, a repeated timer does not wait until it has caught up.

mod due;
mod fire;

pub use fire::{FiredTimer, Fires};

use std::time::Duration;

use yabby_core::{Label, SessionKey, Time, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    sql::{Row, params},
    store::Store,
    wakes::Topic,
};

/// The shortest time between two firings.
const SHORTEST: Duration = Duration::from_secs(1);

/// A timer to be set.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTimer {
    /// From [`crate::new_id`], or a name that stands for it.
    pub id: String,
    /// The conversation that its message comes in to.
    pub conversation: SessionKey,
    /// When it fires first.
    pub begins_at: Time,
    /// How long after that it fires again, and so on; `None` for once. A second at least.
    pub every: Option<Duration>,
    /// What it says; the store does not look into it.
    pub body: serde_json::Value,
    /// Whose word it is.
    pub label: Label,
}

/// A timer that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    /// What was set.
    pub set: NewTimer,
    /// When it fires next.
    pub due_at: Time,
    /// How often it has fired.
    pub fired: u64,
}

/// The columns that [`timer`] reads.
const COLUMNS: &str = "id, conversation, begins_at, due_at, every_ms, body, label, fired";

impl Store {
    /// Sets a timer, or changes the one of the same id. Its next time stays unless its times are changed.
    pub async fn set_timer(&self, new: NewTimer) -> Result<()> {
        if new.every.is_some_and(|every| every < SHORTEST) {
            let message = text!("a timer cannot fire more often than once a second");
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        }
        self.write("set_timer", move |tx| {
            let statement = "INSERT INTO timers (id, conversation, begins_at, due_at, every_ms, body, label) \
                             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET \
                             conversation = excluded.conversation, body = excluded.body, label = excluded.label, \
                             due_at = CASE WHEN timers.begins_at = excluded.begins_at \
                             AND timers.every_ms IS NOT DISTINCT FROM excluded.every_ms \
                             THEN timers.due_at ELSE excluded.due_at END, \
                             begins_at = excluded.begins_at, every_ms = excluded.every_ms, problem = NULL";
            let every = new
                .every
                .map(|every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
            tx.execute(
                statement,
                params![
                    &new.id,
                    new.conversation.as_str(),
                    new.begins_at,
                    every,
                    // It becomes a part of the body of a message.
                    json::to_text_of_part(&new.body, 1)?,
                    json::to_text(&new.label)?,
                ],
            )?;
            tx.wake(Topic::Timers)
        })
        .await
    }

    /// Takes a timer away, if it is there. What has come in already stays.
    pub async fn cancel_timer(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.write("cancel_timer", move |tx| {
            tx.execute("DELETE FROM timers WHERE id = ?1", params![&id]).map(drop)
        })
        .await
    }

    /// Timers in the order in which they fire, of one conversation or of all, so many at the most. What cannot be read is
    /// left out; [`Store::check`] names it.
    pub async fn timers(&self, conversation: Option<&SessionKey>, most: usize) -> Result<Vec<Timer>> {
        let conversation = conversation.map(|key| key.as_str().to_owned());
        self.read("timers", move |tx| {
            let rows = match &conversation {
                Some(key) => {
                    let statement =
                        format!("SELECT {COLUMNS} FROM timers WHERE conversation = ?1 ORDER BY due_at, id LIMIT ?2");
                    tx.query(&statement, params![key, most])?
                }
                None => tx.query(
                    &format!("SELECT {COLUMNS} FROM timers ORDER BY due_at, id LIMIT ?1"),
                    params![most],
                )?,
            };
            Ok(rows.iter().filter_map(|row| timer(row).ok()).collect())
        })
        .await
    }
}

fn timer(row: &Row) -> Result<Timer> {
    let every = row.opt_int(4)?.map(|every| Duration::from_millis(every.unsigned_abs()));
    Ok(Timer {
        set: NewTimer {
            id: row.text(0)?,
            conversation: row.session_key(1)?,
            begins_at: row.time(2)?,
            every,
            body: row.json(5)?,
            label: row.json(6)?,
        },
        due_at: row.time(3)?,
        fired: row.int(7)?.unsigned_abs(),
    })
}
