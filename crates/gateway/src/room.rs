//! How many come at once: connections, and among them those that wait for events.
//!
//! Each connection is a file of this process, and one whose request is passed on has a second one to its upstream. A page
//! that waits for events has one for as long as it is open, so that pages must never take the place of requests.

use std::{fmt::Write as _, sync::Arc};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::Place;

/// Connections, where the system gives files for them. More clients wait in the system's queue.
const MOST: usize = 16_384;
/// The files that are asked for: for connections, for those to upstreams, and for what else is open.
const FILES: u64 = 32_768;
/// What macOS gives, where it gives no more.
const FEWER_FILES: u64 = 10_240;

/// The room for connections. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Arc<Semaphore>,
    most: usize,
    events: Arc<Semaphore>,
    most_events: usize,
}

/// A connection. It counts until the last clone is dropped: whoever takes it over from HTTP keeps one.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    _inner: Arc<(OwnedSemaphorePermit, Place)>,
}

// === impl Room ===

impl Room {
    /// As much as the system gives this process, which is asked for more where it gives little.
    pub(crate) fn of_this_process() -> Self {
        Self::with_files(files())
    }

    fn with_files(files: usize) -> Self {
        // A quarter is for connections to upstreams and for what else is open, an eighth of the rest for requests.
        let most = MOST.min(files / 4 * 3);
        let most_events = most / 8 * 7;
        Self(Arc::new(Inner {
            connections: Arc::new(Semaphore::new(most)),
            most,
            events: Arc::new(Semaphore::new(most_events)),
            most_events,
        }))
    }

    /// Waits until there is room for a connection.
    pub(crate) async fn free(&self) {
        // It is never closed.
        drop(self.0.connections.acquire().await);
    }

    /// Room for a connection, if there is some.
    pub(crate) fn connection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.connections).try_acquire_owned().ok()
    }

    /// Room for somebody who waits for events, if there is some.
    pub(crate) fn events(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.events).try_acquire_owned().ok()
    }

    /// Until all connections have ended.
    pub(crate) async fn empty(&self) {
        let all = u32::try_from(self.0.most).unwrap_or(u32::MAX);
        drop(self.0.connections.acquire_many(all).await);
    }

    /// How many there are now, in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (name, help, most, free) in [
            (
                "yabby_connections",
                "Connections of clients that are open now.",
                self.0.most,
                self.0.connections.available_permits(),
            ),
            (
                "yabby_event_streams",
                "Clients that wait for events now.",
                self.0.most_events,
                self.0.events.available_permits(),
            ),
        ] {
            let now = most.saturating_sub(free);
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {now}");
        }
        out
    }
}

// === impl Stay ===

impl Stay {
    pub(crate) fn new(connection: OwnedSemaphorePermit, address: Place) -> Self {
        Self {
            _inner: Arc::new((connection, address)),
        }
    }
}

/// How many files this process may have open, after it has asked for more.
fn files() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut given = current.unwrap_or(FILES);
    for wanted in [FILES, FEWER_FILES].map(|wanted| maximum.map_or(wanted, |most| most.min(wanted))) {
        let asked = Rlimit {
            current: Some(wanted),
            maximum,
        };
        if given < wanted && setrlimit(Resource::Nofile, asked).is_ok() {
            given = wanted;
        }
    }
    usize::try_from(given).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Crowd, Peer};

    #[test]
    fn pages_leave_room_for_requests() {
        for (files, most, events) in [(1024, 768, 672), (20_000, 15_000, 13_125), (1 << 20, MOST, 14_336)] {
            let room = Room::with_files(files);
            assert_eq!((room.0.most, room.0.most_events), (most, events), "{files}");
        }
    }

    #[tokio::test]
    async fn what_has_ended_makes_room() {
        let room = Room::with_files(12);
        let peer = Peer::new("10.0.0.1:9".parse().unwrap(), "10.0.0.9:1".parse().unwrap());
        let crowd = Crowd::default();
        let mut stays = Vec::new();
        for _ in 0..9 {
            let place = crowd.enter(&peer, false).unwrap();
            stays.push(Stay::new(room.connection().unwrap(), place));
        }
        let events: Vec<_> = (0..7).map(|_| room.events().unwrap()).collect();
        assert!(room.events().is_none() && room.connection().is_none());
        let text = room.text();
        assert!(
            text.contains("\nyabby_connections 9\n") && text.ends_with("\nyabby_event_streams 7\n"),
            "{text}"
        );
        let taken_over = stays[0].clone();
        stays.clear();
        drop(events);
        let text = room.text();
        assert!(
            text.contains("\nyabby_connections 1\n") && text.ends_with("\nyabby_event_streams 0\n"),
            "{text}"
        );
        drop(taken_over);
        room.empty().await;
    }
}
