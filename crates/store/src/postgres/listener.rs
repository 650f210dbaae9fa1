//! The connection over which replicas tell each other that there is work.
//!
//! Whoever waits in the same process is woken by the worker that has committed. The others are told from here, and hear it
//! here. A note that is a part of the transaction would be simpler, but the server commits such transactions one after the
//! other, each with its own wait for the disk: of 3000 a second 900 remain.
//!
//! No wake-up is lost while a process lives: notes wait for a connection, and because `PostgreSQL` keeps none for who
//! does not listen, everybody is woken whenever listening has begun. Of a process that is killed between a commit and its
//! note, the others find the work when they look by themselves, as they must for its leases.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    errors::Failure,
    patience::Patience,
    session::Session,
    wait::{self, Heard},
    worker::Shared,
};
use crate::wakes::Topic;

/// The channel of all replicas.
const CHANNEL: &str = "yabby";
/// After such a silence the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);
/// For its answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Between notes. What happens meanwhile is told together.
const TOGETHER: Duration = Duration::from_millis(5);

/// Hears and tells until the store is closed, which it is when there are no more jobs.
pub(super) fn listen(shared: &Shared, mut closed: watch::Receiver<bool>) {
    let Ok(runtime) = wait::runtime() else { return };
    let address = Rc::new(shared.address.clone());
    let mut patience = Patience::RECONNECT;
    loop {
        if let Ok(mut session) = Session::connect(&runtime, &address, shared.limits) {
            if session.batch(&format!("LISTEN {CHANNEL}")).is_ok() {
                patience = Patience::RECONNECT;
                shared.wakes.wake_all();
                // When it fails, that is seen by the end of the connection.
                let _ = exchange(&mut session, shared, &mut closed);
            }
            session.close();
        }
        if wait::pause(&runtime, &mut closed, patience.next()) {
            return;
        }
    }
}

/// Until the store is closed, or the connection breaks off.
fn exchange(session: &mut Session, shared: &Shared, closed: &mut watch::Receiver<bool>) -> Result<(), Failure> {
    let mut told: Option<Instant> = None;
    loop {
        let pause = told.map_or(Duration::ZERO, |at| TOGETHER.saturating_sub(at.elapsed()));
        let waits = !shared.notes.is_empty();
        if waits && (pause.is_zero() || *closed.borrow()) {
            tell(session, shared)?;
            told = Some(Instant::now());
            continue;
        }
        if *closed.borrow() {
            return Ok(());
        }
        let limit = if waits { pause } else { SILENCE };
        match session.driver().hear(limit, closed, &shared.notes) {
            Heard::Note(note) => heard(shared, &note),
            Heard::Nothing if limit == SILENCE => session.batch_within(ANSWER, "SELECT 1")?,
            Heard::Nothing => {}
            Heard::End => return Ok(()),
        }
    }
}

/// A note is a topic and who sends it.
fn heard(shared: &Shared, note: &str) {
    let (topic, from) = note.split_once(' ').unwrap_or((note, ""));
    if from == shared.me {
        return;
    }
    match Topic::of_name(topic) {
        Some(topic) => shared.wakes.wake(topic),
        // A newer Yabby knows more topics than this one.
        None => shared.wakes.wake_all(),
    }
}

fn tell(session: &mut Session, shared: &Shared) -> Result<(), Failure> {
    let topics = shared.notes.take();
    let note = |topic: &Topic| format!("pg_notify('{CHANNEL}', '{} {}')", topic.name(), shared.me);
    let notes: Vec<String> = topics.iter().map(note).collect();
    let told = session.batch_within(ANSWER, &format!("SELECT {}", notes.join(", ")));
    if told.is_err() {
        // On the next connection.
        shared.notes.add(&topics);
    }
    told
}
