//! Timers that are due.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use yabby_core::{Origin, Peer, PeerKind, Time};

use super::{COLUMNS, Timer, due::Times, timer};
use crate::{
    error::{Result, StoreError},
    inbox::{self, NewInbound},
    json,
    lanes::{self, LaneKind},
    sql::{Tx, params},
    store::Store,
};

/// So many fire in one transaction: others wait for it.
const AT_ONCE: usize = 100;

/// The body of the message that a timer becomes. Its channel is `timer`, its peer the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FiredTimer {
    /// The id of the timer.
    pub timer: String,
    /// When it was due.
    pub due_at: Time,
    /// How many of its times were over when it fired, apart from this one: nobody was there, or the clock has jumped.
    pub missed: u64,
    /// What it says.
    pub body: serde_json::Value,
}

/// What has become of the timers that were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fires {
    /// So many have fired.
    pub fired: usize,
    /// When to look again: how long it is until the next one is due, none when more are due already; `None` when there is no
    /// timer. A clock may jump, so that nobody should wait much longer than a minute.
    pub wait: Option<Duration>,
}

impl Store {
    /// Lets timers fire that are due, some at a time. To be called by every replica.
    pub async fn fire_due(&self) -> Result<Fires> {
        self.write("fire_due", |tx| {
            let now = tx.now()?;
            fire(tx, now)
        })
        .await
    }

    /// The same by another clock than that of the store. All that call it must have the same.
    pub async fn fire_due_at(&self, now: Time) -> Result<Fires> {
        self.write("fire_due", move |tx| fire(tx, now)).await
    }
}

fn fire(tx: &mut dyn Tx, now: Time) -> Result<Fires> {
    let statement = format!(
        "SELECT {COLUMNS} FROM timers WHERE due_at <= ?1 AND problem IS NULL ORDER BY due_at, id LIMIT {AT_ONCE}"
    );
    let mut due = Vec::new();
    for row in tx.query(&statement, params![now])? {
        match timer(&row).and_then(|timer| Ok((message(&timer, now)?, timer))) {
            Ok(timer) => due.push(timer),
            // The others do not wait for it.
            Err(error) => stop(tx, &row.text(0)?, &error)?,
        }
    }
    // Lanes are locked before anything else, in one order.
    let lanes: BTreeSet<&str> = due.iter().map(|(_, timer)| timer.set.conversation.as_str()).collect();
    for lane in lanes {
        lanes::make(tx, LaneKind::In, lane)?;
    }
    let mut fired = 0;
    for (message, timer) in &due {
        if move_on(tx, timer, now)? {
            inbox::accept(tx, message)?;
            fired += 1;
        }
    }
    bring_back(tx, now)?;
    let next = tx.query_one("SELECT MIN(due_at) FROM timers WHERE problem IS NULL", params![])?;
    let next = next.map_or(Ok(None), |row| row.opt_time(0))?;
    Ok(Fires {
        fired,
        wait: next.map(|next| next.since(now)),
    })
}

/// Lets a timer fire no more.
fn stop(tx: &mut dyn Tx, id: &str, error: &StoreError) -> Result<()> {
    let problem = json::to_text(&error.message)?;
    tx.execute("UPDATE timers SET problem = ?1 WHERE id = ?2", params![problem, id])
        .map(drop)
}

/// Moves a timer to its next time, or takes it away; whether nobody else has done so.
fn move_on(tx: &mut dyn Tx, timer: &Timer, now: Time) -> Result<bool> {
    let is_this = "id = ?1 AND due_at = ?2 AND fired = ?3";
    let changed = match Times::new(timer.set.begins_at, timer.set.every) {
        Some(times) => tx.execute(
            &format!("UPDATE timers SET due_at = ?4, fired = fired + 1 WHERE {is_this}"),
            params![&timer.set.id, timer.due_at, timer.fired, times.after(now)],
        )?,
        None => tx.execute(
            &format!("DELETE FROM timers WHERE {is_this}"),
            params![&timer.set.id, timer.due_at, timer.fired],
        )?,
    };
    Ok(changed == 1)
}

fn message(timer: &Timer, now: Time) -> Result<NewInbound> {
    let times = Times::new(timer.set.begins_at, timer.set.every);
    let body = FiredTimer {
        timer: timer.set.id.clone(),
        due_at: timer.due_at,
        missed: times.map_or(0, |times| times.missed(timer.due_at, now)),
        body: timer.set.body.clone(),
    };
    // What cannot be kept must not be found out when the timer has moved on.
    json::to_text(&body)?;
    Ok(NewInbound {
        // The clock may go back, so that the same time is due twice.
        message: format!("{}/{}/{}", timer.set.id, timer.due_at.0, timer.fired),
        origin: Origin {
            channel: "timer".to_owned(),
            account: None,
            peer: Peer {
                kind: PeerKind::Direct,
                id: timer.set.conversation.as_str().to_owned(),
            },
            thread: None,
            sender: None,
        },
        conversation: timer.set.conversation.clone(),
        received_at: now,
        body: json::to_value(&body)?,
        label: timer.set.label.clone(),
    })
}

/// Repeated timers that would wait for a clock that was put back to catch up: they go on with the next of their times.
fn bring_back(tx: &mut dyn Tx, now: Time) -> Result<()> {
    let statement = "SELECT id, begins_at, due_at, every_ms FROM timers \
                     WHERE every_ms IS NOT NULL AND problem IS NULL AND due_at > ?1 ORDER BY id";
    for row in tx.query(statement, params![now])? {
        let (id, due) = (row.text(0)?, row.time(2)?);
        let every = Duration::from_millis(row.int(3)?.unsigned_abs());
        let Some(times) = Times::new(row.time(1)?, Some(every)) else {
            continue;
        };
        if times.is_astray(due, now) {
            let statement = "UPDATE timers SET due_at = ?1 WHERE id = ?2 AND due_at = ?3";
            tx.execute(statement, params![times.after(now), id, due])?;
        }
    }
    Ok(())
}
