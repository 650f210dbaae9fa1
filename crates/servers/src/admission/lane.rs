//! The requests of one priority: fair between sessions, first come, first served inside one.

use std::collections::{BTreeMap, VecDeque};

/// How many grants are remembered. What lies further back counts as that long ago, so that a session which was never
/// seen has this much of a start over one that is being served, and no more.
const MEMORY: usize = 64;

/// Who waits in one priority.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// How many were granted so far.
    granted: u64,
    /// The sessions that were granted last, oldest first; at most [`MEMORY`].
    recent: VecDeque<String>,
    /// The sessions that wait.
    lines: BTreeMap<String, Line>,
}

/// The requests of one session, oldest first; never empty.
#[derive(Debug)]
struct Line {
    /// How many were granted in the lane when the session was served last, as far as is remembered.
    served: u64,
    waiting: VecDeque<u64>,
}

// === impl Lane ===

impl Lane {
    /// Adds a request, whose number is greater than that of all before.
    pub(super) fn push(&mut self, session: &str, id: u64) {
        if let Some(line) = self.lines.get_mut(session) {
            line.waiting.push_back(id);
            return;
        }
        let since = self.recent.iter().rev().position(|served| served == session);
        let since = since.unwrap_or(MEMORY).try_into().unwrap_or(u64::MAX);
        let line = Line {
            served: self.granted.saturating_sub(since),
            waiting: VecDeque::from([id]),
        };
        self.lines.insert(session.to_owned(), line);
    }

    /// Grants the first request.
    pub(super) fn pop(&mut self) -> Option<u64> {
        let (session, _) = self.lines.iter().min_by_key(|(_, line)| line.turn())?;
        let session = session.clone();
        let line = self.lines.get_mut(&session)?;
        let id = line.waiting.pop_front()?;
        line.served = self.granted + 1;
        if line.waiting.is_empty() {
            self.lines.remove(&session);
        }
        self.grant(session);
        Some(id)
    }

    /// Grants a request of a session that is not in the line: nobody is.
    pub(super) fn grant(&mut self, session: String) {
        self.granted += 1;
        if self.recent.len() == MEMORY {
            self.recent.pop_front();
        }
        self.recent.push_back(session);
    }

    /// Takes a request out of the line.
    pub(super) fn remove(&mut self, session: &str, id: u64) {
        if let Some(line) = self.lines.get_mut(session) {
            line.waiting.retain(|waiting| *waiting != id);
            if line.waiting.is_empty() {
                self.lines.remove(session);
            }
        }
    }

    /// All requests in the order in which [`Lane::pop`] will give them if nobody comes or goes.
    ///
    /// Whoever is served goes behind all sessions that wait, so that they take turns in an order that stays.
    pub(super) fn order(&self) -> Vec<u64> {
        let mut lines: Vec<&Line> = self.lines.values().collect();
        lines.sort_unstable_by_key(|line| line.turn());
        let mut order = Vec::new();
        for round in 0.. {
            lines.retain(|line| line.waiting.len() > round);
            if lines.is_empty() {
                break;
            }
            order.extend(lines.iter().filter_map(|line| line.waiting.get(round)));
        }
        order
    }
}

// === impl Line ===

impl Line {
    /// The least goes first.
    fn turn(&self) -> (u64, Option<u64>) {
        (self.served, self.waiting.front().copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn drain(mut lane: Lane) -> Vec<u64> {
        std::iter::from_fn(|| lane.pop()).collect()
    }

    #[test]
    fn sessions_take_turns() {
        let mut lane = Lane::default();
        for (id, session) in (0..).zip(["a", "a", "a", "b", "b", "c"]) {
            lane.push(session, id);
        }
        assert_eq!(drain(lane), [0, 3, 5, 1, 4, 2]);
    }

    #[test]
    fn who_was_served_least_recently_goes_first() {
        let mut lane = Lane::default();
        for (id, session) in (0..).zip(["a", "b"]) {
            lane.push(session, id);
            lane.pop();
        }
        for (id, session) in (2..).zip(["b", "a", "new"]) {
            lane.push(session, id);
        }
        assert_eq!(drain(lane), [4, 3, 2]);
    }

    #[test]
    fn new_sessions_without_end_do_not_keep_an_old_one_waiting() {
        let mut lane = Lane::default();
        lane.push("old", 0);
        lane.pop();
        lane.push("old", 1);
        let passed = (2..1000).take_while(|id| {
            lane.push(&format!("new {id}"), *id);
            lane.pop() != Some(1)
        });
        assert_eq!(passed.count(), MEMORY);
        assert_eq!(lane.recent.len(), MEMORY);
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_grants(steps in vec((0..5_u8, 0..6_u8), 0..200)) {
            let mut lane = Lane::default();
            let mut waiting: Vec<(u64, String)> = Vec::new();
            for (id, (step, session)) in (0..).zip(steps) {
                let session = session.to_string();
                match step {
                    0 => {
                        let granted = lane.pop();
                        waiting.retain(|(id, _)| Some(*id) != granted);
                    }
                    1 if !waiting.is_empty() => {
                        let (id, session) = waiting.swap_remove(waiting.len() / 2);
                        lane.remove(&session, id);
                    }
                    _ => {
                        lane.push(&session, id);
                        waiting.push((id, session));
                    }
                }
            }
            let order = lane.order();
            prop_assert_eq!(order.len(), waiting.len());
            prop_assert_eq!(order, drain(lane));
        }
    }
}
