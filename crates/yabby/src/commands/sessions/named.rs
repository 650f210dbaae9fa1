//! The session that a person means.

use yabby_core::{InvalidSessionKey, SessionKey, text};
use yabby_store::{Session, SessionFilter, Store, StoreError, StoreErrorKind};

use crate::terminal::visible;

/// So many characters of an id are shown: they hold the millisecond in which it was made.
pub(super) const SHORT: usize = 12;
/// So many sessions are named when several are meant.
const NAMED: usize = 5;

/// The session whose id begins so, or the last one of a conversation.
pub(super) async fn session(store: &Store, name: &str) -> Result<Session, StoreError> {
    if name.contains(':') {
        let key = key(name)?;
        let filter = SessionFilter {
            conversation: Some(key.clone()),
            ..SessionFilter::default()
        };
        // What a conversation goes on with; imported ones may have none.
        let current = store.conversation(&key).await?.and_then(|known| known.session);
        if let Some(current) = current
            && let [session] = store.sessions_named(&current, 2).await?.as_slice()
        {
            return Ok(session.clone());
        }
        let last = store.sessions(filter, None, 1).await?;
        return last.into_iter().next().ok_or_else(|| missing(name));
    }
    let mut found = store.sessions_named(name, NAMED + 1).await?;
    if found.len() > 1 {
        return Err(several(name, &found));
    }
    found.pop().ok_or_else(|| missing(name))
}

/// The beginning of an id by which it can be named, as long as no other one of `all` begins so.
pub(super) fn short<'a>(id: &'a str, all: &[Session]) -> &'a str {
    let others = || all.iter().filter(|other| other.id != id);
    let ends = id
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8())
        .skip(SHORT - 1);
    ends.map(|end| id.get(..end).unwrap_or(id))
        .find(|begin| others().all(|other| !other.id.starts_with(begin)))
        .unwrap_or(id)
}

fn key(name: &str) -> Result<SessionKey, StoreError> {
    name.parse().map_err(|error: InvalidSessionKey| {
        let message = text!("{key} is no key of a session", key = name);
        StoreError::new(StoreErrorKind::Invalid, message)
            .with_hint(text!("write it as in: yabby sessions list"))
            .with_source(error)
    })
}

fn missing(name: &str) -> StoreError {
    let message = text!("there is no session {session}", session = name);
    StoreError::new(StoreErrorKind::Missing, message).with_hint(text!("those that there are: yabby sessions list"))
}

fn several(name: &str, found: &[Session]) -> StoreError {
    let mut ids: Vec<String> = found.iter().take(NAMED).map(|session| visible(&session.id)).collect();
    if found.len() > NAMED {
        ids.push("…".to_owned());
    }
    let message = text!("several sessions begin with {beginning}", beginning = name);
    StoreError::new(StoreErrorKind::Invalid, message)
        .with_hint(text!("write more of the id: {ids}", ids = ids.join(", ")))
}
