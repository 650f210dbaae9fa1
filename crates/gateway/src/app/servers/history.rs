//! How servers were in the last hours, and telling whoever watches when something changes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use yabby_core::Time;

use super::{Passage, Point, Server, Standing, now};
use crate::{
    feed::Event,
    log::{Level, Log},
    reload::Now,
    routes::Routes,
};

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_secs(1);
/// How often the numbers of busy slots are told, which change all the time.
const COUNTS: Duration = Duration::from_secs(5);
/// One point of the history.
const POINT: Duration = Duration::from_mins(1);
const MOST_POINTS: usize = 120;

/// The last hours, by provider and address. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<Points>>);

type Points = HashMap<(String, String), VecDeque<Point>>;

/// What is told at once when it changes.
type Look = Vec<(String, Standing, Passage, Vec<super::ServedModel>)>;

impl History {
    /// All servers as they are now.
    pub(super) fn servers(&self, routes: &Routes) -> Vec<Server> {
        let points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut servers = now::servers(routes);
        for (server, endpoint) in servers.iter_mut().zip(routes.fleet().endpoints()) {
            let known = points.get(&(endpoint.provider.clone(), endpoint.base_url.clone()));
            server.history = known.into_iter().flatten().cloned().collect();
        }
        servers
    }

    /// Adds a point for each server; those that are not there any more are forgotten.
    fn add_points(&self, routes: &Routes) {
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Time::from(SystemTime::now()).0;
        let mut before = std::mem::take(&mut *points);
        for (server, endpoint) in now::servers(routes).iter().zip(routes.fleet().endpoints()) {
            let key = (endpoint.provider.clone(), endpoint.base_url.clone());
            let mut of_it = before.remove(&key).unwrap_or_default();
            if of_it.len() == MOST_POINTS {
                of_it.pop_front();
            }
            of_it.push_back(now::point(endpoint, server, at));
            points.insert(key, of_it);
        }
    }

    /// Watches the servers, for ever.
    pub(crate) async fn keep(self, current: Arc<Now>) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut last_counts) = (Look::new(), Vec::new());
        let (mut next_point, mut next_counts) = (Instant::now(), Instant::now());
        loop {
            tick.tick().await;
            let relay = current.relay();
            let is_point = Instant::now() >= next_point;
            if is_point {
                next_point = Instant::now() + POINT;
                self.add_points(&relay.routes);
            }
            let servers = now::servers(&relay.routes);
            let look: Look = servers
                .iter()
                .map(|server| (server.id.clone(), server.state, server.breaker, server.models.clone()))
                .collect();
            let counts: Vec<_> = servers.iter().map(|server| (server.busy, server.waiting)).collect();
            let counts_changed = counts != last_counts && Instant::now() >= next_counts;
            if look != last || is_point || counts_changed {
                note(&current.log, &last, &servers);
                (last, last_counts) = (look, counts);
                next_counts = Instant::now() + COUNTS;
                if current.feed.is_watched() {
                    let servers = self.servers(&relay.routes);
                    current.feed.tell(None, Event::Servers { servers });
                }
            }
        }
    }
}

/// Writes down which servers have gone, and which are back.
fn note(log: &Log, before: &Look, servers: &[Server]) {
    for server in servers {
        let was = before
            .iter()
            .find(|(id, ..)| *id == server.id)
            .map(|(_, state, ..)| *state);
        let is_bad = |state: Standing| matches!(state, Standing::Unreachable | Standing::Failing);
        let (id, url) = (&server.id, &server.base_url);
        match (was.is_some_and(is_bad), is_bad(server.state)) {
            (false, true) => {
                // What it has said may repeat what it was told.
                let how = if server.state == Standing::Unreachable {
                    "cannot be reached"
                } else {
                    "fails"
                };
                log.add(Level::Warn, "servers", &format!("{id} ({url}) {how}"));
            }
            (true, false) => log.add(Level::Info, "servers", &format!("{id} ({url}) is there again")),
            _ => {}
        }
    }
}
