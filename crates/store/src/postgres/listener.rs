//! The connection that hears of wake-ups.
//!
//! `PostgreSQL` keeps a note for nobody who does not listen. So everybody is woken whenever listening has begun.

use std::{rc::Rc, time::Duration};

use super::{
    errors::Failure,
    patience::Patience,
    session::Session,
    tx::CHANNEL,
    wait::{self, Heard},
    worker::Shared,
};
use crate::wakes::Topic;

/// After such a silence the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);
/// For its answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Listens until the store is closed.
pub(super) fn listen(mut shared: Shared) {
    let Ok(runtime) = wait::runtime() else { return };
    let address = Rc::new(shared.address.clone());
    let mut patience = Patience::RECONNECT;
    loop {
        if let Ok(mut session) = Session::connect(&runtime, &address) {
            if hear(&mut session, &mut shared).is_ok() {
                patience = Patience::RECONNECT;
            }
            session.close();
        }
        if wait::pause(&runtime, &mut shared.closing, patience.next()) {
            return;
        }
    }
}

/// Until the connection ends, after it has begun.
fn hear(session: &mut Session, shared: &mut Shared) -> Result<(), Failure> {
    session.batch(&format!("LISTEN {CHANNEL}"))?;
    shared.wakes.wake_all();
    loop {
        match session.driver().hear(SILENCE, &mut shared.closing) {
            Heard::Note(topic) => match Topic::of_name(&topic) {
                Some(topic) => shared.wakes.wake(topic),
                // A newer Yabby knows more topics than this one.
                None => shared.wakes.wake_all(),
            },
            Heard::Silence if session.batch_within(ANSWER, "SELECT 1").is_ok() => {}
            Heard::Silence | Heard::End => return Ok(()),
        }
    }
}
