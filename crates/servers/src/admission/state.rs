//! Who runs, who waits, and what follows from a change of either. Knows no async.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use yabby_core::{Caller, Priority};

use super::{
    AdmissionStatus,
    hold::{HoldTimes, expected_wait},
    lane::Lane,
};

/// All that a queue knows.
#[derive(Debug)]
pub(super) struct State {
    limit: usize,
    /// The number of the next request.
    next_id: u64,
    /// Those that wait, by priority, most urgent first.
    lanes: BTreeMap<Priority, Lane>,
    /// The same, by number.
    waiting: HashMap<u64, Waiter>,
    /// In the order of their grants, in which most of them end.
    running: VecDeque<Running>,
    holds: HoldTimes,
}

#[derive(Debug)]
struct Waiter {
    caller: Caller,
    /// How many come before it.
    place: Option<usize>,
    bell: Arc<Notify>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    priority: Priority,
    /// When it was granted, then when the permit was taken.
    since: Instant,
    /// Whether the permit was taken.
    taken: bool,
    /// Whether it was told to yield.
    yielding: bool,
    bell: Arc<Notify>,
}

/// What one in line does not know yet.
#[derive(Debug)]
pub(super) enum News {
    Queued { ahead: usize, expected: Option<Duration> },
    Granted,
}

// === impl State ===

impl State {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            next_id: 0,
            lanes: BTreeMap::new(),
            waiting: HashMap::new(),
            running: VecDeque::new(),
            holds: HoldTimes::default(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds a request to the line.
    pub(super) fn enter(&mut self, caller: &Caller, now: Instant) -> (u64, Arc<Notify>) {
        let id = self.next_id;
        self.next_id += 1;
        let bell = Arc::new(Notify::new());
        if self.waiting.is_empty() && self.running.len() < self.limit {
            // Most often. It is what lining up would come to.
            self.lanes
                .entry(caller.priority)
                .or_default()
                .grant(caller.session.clone());
            self.run(id, caller.priority, Arc::clone(&bell), now);
            return (id, bell);
        }
        self.lanes.entry(caller.priority).or_default().push(&caller.session, id);
        let waiter = Waiter {
            caller: caller.clone(),
            place: None,
            bell: Arc::clone(&bell),
        };
        self.waiting.insert(id, waiter);
        (id, bell)
    }

    fn run(&mut self, id: u64, priority: Priority, bell: Arc<Notify>, since: Instant) {
        self.running.push_back(Running {
            id,
            priority,
            since,
            taken: false,
            yielding: false,
            bell,
        });
    }

    /// Forgets a request, whether it waits or runs.
    pub(super) fn leave(&mut self, id: u64, now: Instant) {
        if let Some(Waiter { caller, .. }) = self.waiting.remove(&id) {
            if let Some(lane) = self.lanes.get_mut(&caller.priority) {
                lane.remove(&caller.session, id);
            }
        } else if let Some(at) = self.running.iter().position(|running| running.id == id)
            && let Some(ended) = self.running.remove(at)
        {
            // What was cut short says nothing about how long work takes.
            if ended.taken && !ended.yielding {
                self.holds.record(now.saturating_duration_since(ended.since));
            }
        }
    }

    /// Lets follow what follows from a change, and says whose bell is to be rung.
    pub(super) fn settle(&mut self, now: Instant) -> Vec<Arc<Notify>> {
        let mut bells = Vec::new();
        if self.waiting.is_empty() {
            return bells;
        }
        while self.running.len() < self.limit
            && let Some(id) = self.lanes.values_mut().find_map(Lane::pop)
        {
            let Some(Waiter { caller, bell, .. }) = self.waiting.remove(&id) else {
                continue;
            };
            bells.push(Arc::clone(&bell));
            self.run(id, caller.priority, bell, now);
        }
        for (place, id) in self.lanes.values().flat_map(Lane::order).enumerate() {
            if let Some(waiter) = self.waiting.get_mut(&id)
                && waiter.place.replace(place) != Some(place)
            {
                bells.push(Arc::clone(&waiter.bell));
            }
        }
        self.preempt(&mut bells);
        bells
    }

    /// Tells as many to yield as are needed for those that somebody waits for, and can help them.
    fn preempt(&mut self, bells: &mut Vec<Arc<Notify>>) {
        let urgent = self
            .waiting
            .values()
            .filter(|waiter| !waiter.caller.priority.is_background());
        let firm = self.running.iter().filter(|running| !running.priority.is_background());
        let room = self.limit.saturating_sub(firm.count());
        let needed = urgent.count().min(room);
        if needed == 0 {
            return;
        }
        let stays = |running: &&mut Running| running.priority.is_background() && !running.yielding;
        let staying = self.running.iter_mut().filter(stays).count();
        for _ in (room - needed)..staying {
            // The last of the greatest is the youngest of the least urgent.
            let least = self.running.iter_mut().filter(stays);
            if let Some(running) = least.max_by_key(|running| running.priority) {
                running.yielding = true;
                bells.push(Arc::clone(&running.bell));
            }
        }
    }

    /// Whether a request runs. Its permit is taken.
    pub(super) fn take(&mut self, id: u64) -> bool {
        let running = self.running.iter_mut().rev().find(|running| running.id == id);
        running.is_some_and(|running| {
            running.taken = true;
            true
        })
    }

    /// What a request that was last told the place `told` does not know yet. A grant is taken with it.
    pub(super) fn news(&mut self, id: u64, told: Option<usize>, now: Instant) -> Option<News> {
        if let Some(running) = self.running.iter_mut().find(|running| running.id == id) {
            if !mem::replace(&mut running.taken, true) {
                running.since = now;
            }
            return Some(News::Granted);
        }
        let ahead = self.waiting.get(&id)?.place?;
        (told != Some(ahead)).then(|| News::Queued {
            ahead,
            expected: self.expected(ahead, now),
        })
    }

    fn expected(&self, ahead: usize, now: Instant) -> Option<Duration> {
        let hold = self.holds.median()?;
        let left = |running: &Running| {
            let held = now.saturating_duration_since(running.since);
            if running.yielding {
                Duration::ZERO
            } else {
                hold.saturating_sub(held)
            }
        };
        expected_wait(hold, self.running.iter().map(left).collect(), self.limit, ahead)
    }

    pub(super) fn is_yielding(&self, id: u64) -> bool {
        self.running.iter().any(|running| running.id == id && running.yielding)
    }

    /// The numbers of those that run, in the order of their grants, and whether they were told to yield.
    #[cfg(test)]
    pub(super) fn running(&self) -> Vec<(u64, bool)> {
        let known = |running: &Running| (running.id, running.yielding);
        self.running.iter().map(known).collect()
    }

    pub(super) fn status(&self) -> AdmissionStatus {
        AdmissionStatus {
            limit: self.limit,
            running: count(self.running.iter().map(|running| running.priority)),
            yielding: self.running.iter().filter(|running| running.yielding).count(),
            waiting: count(self.waiting.values().map(|waiter| waiter.caller.priority)),
            usual_hold: self.holds.median(),
        }
    }
}

fn count(priorities: impl Iterator<Item = Priority>) -> BTreeMap<Priority, usize> {
    let mut counts = BTreeMap::new();
    for priority in priorities {
        *counts.entry(priority).or_default() += 1;
    }
    counts
}
