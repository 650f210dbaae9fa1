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
    presence::Presence,
    session::Session,
    wait::{self, Heard},
    worker::Shared,
};
use crate::{
    between::{Heard as Told, Joined, Whom},
    wakes::Topic,
};

/// The channel of all replicas.
const CHANNEL: &str = "yabby";
/// The channel of words that are for all, and what stands before the id of one in the name of its own channel.
const WORDS: &str = "yabby_words";
/// What one says that has come. For an older Yabby it is a topic that it does not know.
const HERE: &str = "here";
/// For an answer of the server.
const ANSWER: Duration = Duration::from_secs(5);
/// So many bytes of words at once.
const AT_ONCE: usize = 256 << 10;
/// Between notes. What happens meanwhile is told together.
const TOGETHER: Duration = Duration::from_millis(5);

/// Hears and tells until the store is closed, which it is when there are no more jobs.
pub(super) fn listen(shared: &Shared, mut closed: watch::Receiver<bool>) {
    let Ok(runtime) = wait::runtime() else { return };
    let address = Rc::new(shared.address.clone());
    let mut patience = Patience::RECONNECT;
    let mut presence = Presence::new(&shared.me);
    loop {
        if let Ok(mut session) = Session::connect(&runtime, &address, shared.limits) {
            if begin(&mut session, shared, &mut presence).is_ok() {
                patience = Patience::RECONNECT;
                shared.wakes.wake_all();
                shared.between.tell(Told::Missed);
                // When it fails, that is seen by the end of the connection.
                let _ = exchange(&mut session, shared, &mut presence, &mut closed);
            }
            shared.between.set_present(false);
            shared.between.forget();
            session.close();
        }
        if wait::pause(&runtime, &mut closed, patience.next()) {
            return;
        }
    }
}

/// Listens, and is seen by the others from now on.
fn begin(session: &mut Session, shared: &Shared, presence: &mut Presence) -> Result<(), Failure> {
    let me = &shared.me;
    session.batch(&format!("LISTEN {CHANNEL}; LISTEN {WORDS}; LISTEN {WORDS}_{me}"))?;
    presence.enter(session)?;
    shared.between.set_present(true);
    session.batch(&format!("SELECT pg_notify('{CHANNEL}', '{HERE} {me}')"))?;
    presence.look(session, shared)
}

/// Until the store is closed, or the connection breaks off.
fn exchange(
    session: &mut Session,
    shared: &Shared,
    presence: &mut Presence,
    closed: &mut watch::Receiver<bool>,
) -> Result<(), Failure> {
    let mut told: Option<Instant> = None;
    let mut joined = Joined::default();
    loop {
        let pause = told.map_or(Duration::ZERO, |at| TOGETHER.saturating_sub(at.elapsed()));
        let waits = !shared.notes.is_empty() || !shared.between.is_idle();
        if waits && (pause.is_zero() || *closed.borrow()) {
            tell(session, shared)?;
            told = Some(Instant::now());
            continue;
        }
        if *closed.borrow() {
            return Ok(());
        }
        let look = presence.wait();
        if look.is_zero() {
            presence.look(session, shared)?;
            continue;
        }
        let limit = if waits { pause.min(look) } else { look };
        match session.driver().hear(limit, closed, shared) {
            Heard::Note { channel, payload } if channel == CHANNEL => heard(shared, presence, &payload),
            Heard::Note { payload, .. } => {
                if let Some((from, words)) = joined.add(&payload).filter(|(from, _)| *from != shared.me) {
                    shared.between.tell(Told::Said { from, words });
                }
            }
            // The server is asked something, so that it is seen whether it is still there.
            Heard::Nothing => {}
            Heard::End => return Ok(()),
        }
    }
}

/// A note is a topic and who sends it.
fn heard(shared: &Shared, presence: &mut Presence, note: &str) {
    let (topic, from) = note.split_once(' ').unwrap_or((note, ""));
    if from == shared.me {
        return;
    }
    match Topic::of_name(topic) {
        Some(topic) => shared.wakes.wake(topic),
        None if topic == HERE => presence.look_soon(),
        // A newer Yabby knows more topics than this one.
        None => shared.wakes.wake_all(),
    }
}

fn tell(session: &mut Session, shared: &Shared) -> Result<(), Failure> {
    let topics = shared.notes.take();
    if !topics.is_empty() {
        let note = |topic: &Topic| format!("pg_notify('{CHANNEL}', '{} {}')", topic.name(), shared.me);
        let notes: Vec<String> = topics.iter().map(note).collect();
        let told = session.batch_within(ANSWER, &format!("SELECT {}", notes.join(", ")));
        if told.is_err() {
            // On the next connection.
            shared.notes.add(&topics);
        }
        told?;
    }
    let words = shared.between.take(AT_ONCE);
    if words.is_empty() {
        return Ok(());
    }
    let channel = |to: &Whom| match to {
        Whom::All => WORDS.to_owned(),
        Whom::One(id) => format!("{WORDS}_{id}"),
    };
    let (channels, payloads): (Vec<String>, Vec<String>) =
        words.into_iter().map(|note| (channel(&note.to), note.payload)).unzip();
    session.notify(ANSWER, &channels, &payloads)
}
