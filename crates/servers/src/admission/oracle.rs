//! What must be true of a queue. Everything that is done to it is done through here, so that what follows is seen at
//! once; it knows the rules, slowly and one at a time, and shares no code with the queue.

use std::collections::{BTreeMap, HashMap};

use yabby_core::{Caller, Priority};

use super::{AdmissionQueue, AdmissionStatus, Permit, Waiting};

/// How many grants a new session counts as having waited for.
const HEAD_START: u64 = 64;

/// A queue, and what is known of it.
#[derive(Debug)]
pub(super) struct Oracle {
    queue: AdmissionQueue,
    limit: usize,
    waiting: BTreeMap<u64, Waiter>,
    /// In the order of their grants.
    running: Vec<Runner>,
    lanes: HashMap<Priority, Rules>,
    pub(super) seen: Seen,
}

#[derive(Debug)]
struct Waiter {
    caller: Caller,
    /// The place that it was told last.
    told: Option<usize>,
}

#[derive(Debug)]
struct Runner {
    id: u64,
    priority: Priority,
    /// Whether the permit has reached the one that waited.
    taken: bool,
    yielding: bool,
    /// Whether it knows that it has to yield.
    noticed: bool,
}

/// What is known of one priority.
#[derive(Clone, Debug, Default)]
struct Rules {
    grants: u64,
    /// When each session was served last, in grants.
    served: HashMap<String, u64>,
    backlogs: HashMap<String, Backlog>,
}

/// A session that waits.
#[derive(Clone, Debug)]
struct Backlog {
    /// When it was served last, or as good as.
    turn: u64,
    /// When it began to wait without being served, in grants.
    since: u64,
    /// Who was served since then.
    passed_by: Vec<String>,
}

/// How often what matters happened, so that a test can say that it did.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) entered: usize,
    pub(super) waited: usize,
    pub(super) taken: usize,
    pub(super) yielded: usize,
    /// Left without a permit.
    pub(super) left: usize,
    /// Left when the permit was there already.
    pub(super) in_vain: usize,
    /// Looks at a queue in which more ran than the limit allows.
    pub(super) over: usize,
    pub(super) longest: usize,
}

// === What is done ===

impl Oracle {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            queue: AdmissionQueue::new(limit),
            limit,
            waiting: BTreeMap::new(),
            running: Vec::new(),
            lanes: HashMap::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn enter(&mut self, caller: &Caller) -> (u64, Waiting) {
        let waiting = self.queue.enter(caller.clone());
        let id = waiting.id().unwrap();
        let rules = self.lanes.entry(caller.priority).or_default();
        if !self.waiting.values().any(|waiter| waiter.caller == *caller) {
            let served = rules.served.get(&caller.session).copied().unwrap_or_default();
            let turn = served.max(rules.grants.saturating_sub(HEAD_START));
            rules.wait(&caller.session, turn);
        }
        let waiter = Waiter {
            caller: caller.clone(),
            told: None,
        };
        self.waiting.insert(id, waiter);
        self.seen.entered += 1;
        self.follow();
        (id, waiting)
    }

    /// Gives up a place in the line.
    pub(super) fn leave(&mut self, id: u64, waiting: Waiting) {
        drop(waiting);
        if let Some(Waiter { caller, .. }) = self.waiting.remove(&id) {
            self.seen.left += 1;
            if !self.waiting.values().any(|waiter| waiter.caller == caller) {
                let rules = self.lanes.get_mut(&caller.priority).unwrap();
                rules.backlogs.remove(&caller.session);
            }
        } else {
            self.seen.in_vain += 1;
            self.running.retain(|running| running.id != id);
        }
        self.follow();
    }

    pub(super) fn end(&mut self, id: u64, permit: Permit) {
        drop(permit);
        self.running.retain(|running| running.id != id);
        self.follow();
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.queue.set_limit(limit);
        self.limit = limit;
        self.follow();
    }
}

// === What is told ===

impl Oracle {
    /// It was told its place.
    pub(super) fn queued(&mut self, id: u64, ahead: usize) {
        let told = self.waiting.get_mut(&id).expect("it waits").told.replace(ahead);
        assert_ne!(told, Some(ahead), "it was told the same twice");
        self.seen.waited += usize::from(told.is_none());
    }

    /// It has its permit.
    pub(super) fn taken(&mut self, id: u64) {
        self.runner(id).taken = true;
        self.seen.taken += 1;
    }

    /// It knows that it has to yield.
    pub(super) fn noticed(&mut self, id: u64) {
        let runner = self.runner(id);
        assert!(runner.yielding, "it was not told to yield");
        runner.noticed = true;
        self.seen.yielded += 1;
    }

    fn runner(&mut self, id: u64) -> &mut Runner {
        let found = self.running.iter_mut().find(|running| running.id == id);
        found.expect("it runs")
    }

    /// Looks at a queue when every task rests, so that nobody can be woken any more.
    pub(super) fn rests(&mut self, look_closely: bool) {
        assert!(
            self.running.iter().all(|running| running.taken),
            "a permit lies about: {self:?}"
        );
        let unnoticed = self.running.iter().find(|running| running.yielding != running.noticed);
        assert!(
            unnoticed.is_none(),
            "somebody does not know that it has to yield: {self:?}"
        );
        let status = self.queue.status();
        let expected = AdmissionStatus {
            limit: self.limit,
            running: count(self.running.iter().map(|running| running.priority)),
            yielding: self.running.iter().filter(|running| running.yielding).count(),
            waiting: count(self.waiting.values().map(|waiter| waiter.caller.priority)),
            usual_hold: status.usual_hold,
        };
        assert_eq!(status, expected);
        if look_closely {
            let places: Vec<_> = self.order().iter().map(|id| self.waiting[id].told).collect();
            let right: Vec<_> = (0..self.waiting.len()).map(Some).collect();
            assert_eq!(places, right, "places as they were told, in the order of the queue");
        }
        self.seen.over += usize::from(self.running.len() > self.limit);
        self.seen.longest = self.seen.longest.max(self.waiting.len());
    }
}

// === What must follow ===

impl Oracle {
    /// Looks what the queue has made of a change.
    fn follow(&mut self) {
        let running = self.queue.read(|state, _| state.running());
        for (id, _) in &running {
            if self.waiting.contains_key(id) {
                self.granted(*id);
            }
        }
        assert!(
            self.waiting.is_empty() || self.running.len() >= self.limit,
            "somebody waits for a free slot: {self:?}"
        );
        while let Some(victim) = self.victim() {
            self.runner(victim).yielding = true;
        }
        let known: Vec<_> = self
            .running
            .iter()
            .map(|running| (running.id, running.yielding))
            .collect();
        assert_eq!(running, known, "what runs, and what was told to yield: {self:?}");
    }

    fn granted(&mut self, id: u64) {
        assert!(self.running.len() < self.limit, "there is no slot: {self:?}");
        assert_eq!(self.order().first(), Some(&id), "it is not the first: {self:?}");
        let caller = self.waiting.remove(&id).unwrap().caller;
        self.is_right(id, &caller);
        self.running.push(Runner {
            id,
            priority: caller.priority,
            taken: false,
            yielding: false,
            noticed: false,
        });
    }

    /// Checks a grant without a word about turns: urgent before others, no session twice while another waits, first
    /// come, first served.
    fn is_right(&mut self, id: u64, caller: &Caller) {
        for (other, waiter) in &self.waiting {
            assert!(waiter.caller.priority >= caller.priority, "not the most urgent");
            assert!(waiter.caller != *caller || *other > id, "not the oldest of its session");
        }
        let rules = self.lanes.get_mut(&caller.priority).unwrap();
        rules.grants += 1;
        rules.served.insert(caller.session.clone(), rules.grants);
        let served = rules.backlogs.remove(&caller.session).expect("it waits");
        for other in rules.backlogs.values_mut() {
            assert!(
                !other.passed_by.contains(&caller.session),
                "served twice while another waits"
            );
            assert!(
                served.since < other.since + HEAD_START,
                "new sessions keep an old one waiting"
            );
            other.passed_by.push(caller.session.clone());
        }
        if self.waiting.values().any(|waiter| waiter.caller == *caller) {
            rules.wait(&caller.session, rules.grants);
        }
    }

    /// Who has to yield next, if anybody has to.
    fn victim(&self) -> Option<u64> {
        let firm = self
            .running
            .iter()
            .filter(|running| !running.priority.is_background())
            .count();
        let going = self.running.iter().filter(|running| running.yielding).count();
        let urgent = self
            .waiting
            .values()
            .filter(|waiter| !waiter.caller.priority.is_background());
        let helped = urgent.count().min(self.limit.saturating_sub(firm));
        if helped == 0 || self.running.len() - going + helped <= self.limit {
            return None;
        }
        let kept = || {
            self.running
                .iter()
                .filter(|running| running.priority.is_background() && !running.yielding)
        };
        let least = kept().map(|running| running.priority).max()?;
        kept()
            .rfind(|running| running.priority == least)
            .map(|running| running.id)
    }

    /// All that wait, in their order, played one by one.
    fn order(&self) -> Vec<u64> {
        let mut order = Vec::new();
        for priority in Priority::ALL {
            let of_priority = self
                .waiting
                .iter()
                .filter(|(_, waiter)| waiter.caller.priority == priority);
            let mut left: Vec<_> = of_priority.map(|(id, waiter)| (*id, &waiter.caller.session)).collect();
            let Some(rules) = self.lanes.get(&priority) else {
                continue;
            };
            let mut turns: HashMap<_, _> = rules
                .backlogs
                .iter()
                .map(|(session, line)| (session, line.turn))
                .collect();
            // Of each session the oldest comes first, as it has the lowest number of those with the same turn.
            while let Some(next) = (0..left.len()).min_by_key(|at| (turns[left[*at].1], left[*at].0)) {
                let (id, session) = left.remove(next);
                order.push(id);
                turns.insert(session, rules.grants + u64::try_from(order.len()).unwrap());
            }
        }
        order
    }
}

impl Rules {
    fn wait(&mut self, session: &str, turn: u64) {
        let backlog = Backlog {
            turn,
            since: self.grants,
            passed_by: Vec::new(),
        };
        self.backlogs.insert(session.to_owned(), backlog);
    }
}

fn count(priorities: impl Iterator<Item = Priority>) -> BTreeMap<Priority, usize> {
    priorities.fold(BTreeMap::new(), |mut counts, priority| {
        *counts.entry(priority).or_default() += 1;
        counts
    })
}
