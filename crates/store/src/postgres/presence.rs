//! Who is there, and who has died.
//!
//! Each process holds a lock of its own on the connection that it listens on, as long as it lives: the server gives the lock
//! free as soon as the connection ends, so that others see a killed process at once and need not wait for its leases. They
//! wait a little, because a connection may also break off under one that lives, which then comes back; and longer when their
//! own broke off too, because then it was the server. Who was taken for dead and lives is fenced, as one that has slept.
//!
//! What was taken without the lock, also by a Yabby that knows of none, waits for the end of its lease.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use super::{errors::Failure, session::Session, worker::Shared};
use crate::{between::Heard, lanes::PRESENT, sql::params, wakes::Topic};

/// How often to look while there are others.
const LOOK: Duration = Duration::from_secs(1);
/// How often to look when there is nobody, and for what has died before it was seen.
const SELDOM: Duration = Duration::from_secs(10);
/// One whose lock is gone for so long is dead.
const DEAD: Duration = Duration::from_millis(2_500);
/// The same after the own connection broke off: the others have to come back too.
const DEAD_AFTER_BREAK: Duration = Duration::from_secs(10);

/// What one process knows of the others.
#[derive(Debug)]
pub(super) struct Presence {
    key: i64,
    /// Of those that were there at the last look.
    others: HashSet<i64>,
    /// Those that have work and are not there, and since when.
    missing: BTreeMap<String, Instant>,
    /// Whether it was on an earlier connection.
    was_there: bool,
    /// Until then the others may have to come back, too.
    careful_until: Option<Instant>,
    next: Instant,
    /// When all that is in work was looked at.
    searched: Option<Instant>,
}

impl Presence {
    pub(super) fn new(me: &str) -> Self {
        Self {
            key: key(me),
            others: HashSet::new(),
            missing: BTreeMap::new(),
            was_there: false,
            careful_until: None,
            next: Instant::now(),
            searched: None,
        }
    }

    /// On a new connection: from now on others see that this process lives.
    pub(super) fn enter(&mut self, session: &mut Session) -> Result<(), Failure> {
        // A connection that the server still takes for alive may have it too.
        session.execute(None, "SELECT pg_advisory_lock_shared(?1)", params![self.key])?;
        if std::mem::replace(&mut self.was_there, true) {
            self.careful_until = Some(Instant::now() + 2 * DEAD_AFTER_BREAK);
        }
        self.missing.clear();
        self.searched = None;
        Ok(())
    }

    /// Somebody has come.
    pub(super) fn look_soon(&mut self) {
        self.next = Instant::now();
    }

    /// How long until the next look.
    pub(super) fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Looks who is there, and frees what the dead have had.
    pub(super) fn look(&mut self, session: &mut Session, shared: &Shared) -> Result<(), Failure> {
        let there = there(session)?;
        let now = Instant::now();
        let outcome = self.look_at(session, shared, there, now);
        self.next = now + self.pause(now);
        outcome
    }

    /// How long the next look can wait.
    fn pause(&self, now: Instant) -> Duration {
        let pause = if self.others.is_empty() && self.missing.is_empty() {
            SELDOM
        } else {
            LOOK
        };
        let patience = self.patience(now);
        let dead = self.missing.values().map(|since| *since + patience).min();
        dead.map_or(pause, |dead| {
            dead.saturating_duration_since(now).clamp(LOOK / 10, pause)
        })
    }

    /// How long one whose lock is gone may be away.
    fn patience(&self, now: Instant) -> Duration {
        if self.careful_until.is_some_and(|until| now < until) {
            DEAD_AFTER_BREAK
        } else {
            DEAD
        }
    }

    fn look_at(
        &mut self,
        session: &mut Session,
        shared: &Shared,
        there: HashSet<i64>,
        now: Instant,
    ) -> Result<(), Failure> {
        if !there.contains(&self.key) {
            // Something between has given the connection another session, as poolers do: what it says of the others is not true
            // either. From now on leases are waited for.
            shared.between.set_present(false);
            return Ok(());
        }
        let others: HashSet<i64> = there.into_iter().filter(|key| *key != self.key).collect();
        shared.between.set_others(!others.is_empty());
        let has_left = !self.others.is_subset(&others);
        self.others = others;
        let is_time = self.searched.is_none_or(|searched| now - searched >= SELDOM);
        if !has_left && !is_time && self.missing.is_empty() {
            return Ok(());
        }
        self.searched = Some(now);
        let busy = busy(session)?;
        for dead in self.judge(&busy, now) {
            shared.between.tell(Heard::Gone(dead.clone()));
            if busy.contains(&dead) {
                free(session, &dead)?;
                shared.wakes.wake(Topic::Inbox);
                shared.wakes.wake(Topic::Outbox);
            }
        }
        Ok(())
    }

    /// Who is dead, of those that have work and were missing.
    fn judge(&mut self, busy: &[String], now: Instant) -> Vec<String> {
        for owner in busy {
            let key = key(owner);
            if key != self.key && !self.others.contains(&key) {
                self.missing.entry(owner.clone()).or_insert(now);
            }
        }
        let others = &self.others;
        self.missing.retain(|owner, _| !others.contains(&key(owner)));
        let patience = self.patience(now);
        // Also of one that has nothing any more nobody knows who has freed that: somebody else, or it lives and has come to an end.
        let dead: Vec<String> = self
            .missing
            .iter()
            .filter(|(_, since)| now - **since >= patience)
            .map(|(owner, _)| owner.clone())
            .collect();
        // What could not be freed is found again.
        self.missing.retain(|owner, _| !dead.contains(owner));
        dead
    }
}

/// The number of the lock of a process: of its id, the digits that are random.
fn key(id: &str) -> i64 {
    let random = id.get(id.len().saturating_sub(16)..).unwrap_or_default();
    u64::from_str_radix(random, 16).unwrap_or_default().cast_signed()
}

/// The numbers of the locks of all that are there. Others may use such locks too, which does no harm.
fn there(session: &mut Session) -> Result<HashSet<i64>, Failure> {
    let statement = "SELECT (CAST(classid AS BIGINT) << 32) | CAST(objid AS BIGINT) FROM pg_locks \
                     WHERE locktype = 'advisory' AND objsubid = 1 AND granted \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = session.query(None, statement, params![])?;
    rows.iter().map(|row| Ok(row.int(0)?)).collect()
}

/// Whose leases have not ended, of those that hold a lock as long as they live.
fn busy(session: &mut Session) -> Result<Vec<String>, Failure> {
    let statement = "SELECT DISTINCT split_part(owner, ?1, 1) FROM lanes WHERE strpos(owner, ?1) > 0 \
                     AND until > CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)";
    let rows = session.query(None, statement, params![PRESENT])?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}

/// Ends the leases of one that is dead. What somebody has locked in this moment is left for the next look.
fn free(session: &mut Session, dead: &str) -> Result<(), Failure> {
    let statement = "UPDATE lanes SET until = 0 WHERE (kind, key) IN (SELECT kind, key FROM lanes \
                     WHERE split_part(owner, ?1, 1) = ?2 AND until > 0 FOR UPDATE SKIP LOCKED)";
    session.execute(None, statement, params![PRESENT, dead]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0198f3c2a4b07c11aaaaaaaaaaaaaaaa";
    const OTHER: &str = "0198f3c2a4b07c11bbbbbbbbbbbbbbbb";

    fn known(others: &[&str]) -> Presence {
        Presence {
            others: others.iter().map(|id| key(id)).collect(),
            ..Presence::new(ONE)
        }
    }

    #[test]
    fn one_is_dead_when_it_stays_away() {
        let mut presence = known(&[OTHER]);
        let begin = Instant::now();
        let busy = [ONE.to_owned(), OTHER.to_owned()];
        let nobody: [String; 0] = [];
        assert_eq!(presence.judge(&busy, begin), nobody, "it is there");
        presence.others.clear();
        assert_eq!(presence.judge(&busy, begin), nobody, "it may come back");
        let later = begin + DEAD;
        assert_eq!(presence.judge(&busy, begin + DEAD / 2), nobody);
        assert_eq!(presence.judge(&busy, later), [OTHER]);
        // What could not be freed is waited for anew.
        assert_eq!(presence.judge(&busy, later), nobody);
        assert_eq!(presence.judge(&busy, later + DEAD), [OTHER]);
    }

    #[test]
    fn one_that_comes_back_is_not_dead() {
        let mut presence = known(&[]);
        let begin = Instant::now();
        let busy = [OTHER.to_owned()];
        assert!(presence.judge(&busy, begin).is_empty());
        presence.others.insert(key(OTHER));
        assert!(presence.judge(&busy, begin + DEAD).is_empty());
        presence.others.clear();
        assert!(presence.judge(&busy, begin + DEAD).is_empty(), "counted anew");
    }

    #[test]
    fn after_the_own_connection_broke_off_others_have_longer() {
        let begin = Instant::now();
        let mut presence = Presence {
            careful_until: Some(begin + 2 * DEAD_AFTER_BREAK),
            ..known(&[])
        };
        let busy = [OTHER.to_owned()];
        assert!(presence.judge(&busy, begin).is_empty());
        assert!(presence.judge(&busy, begin + DEAD).is_empty());
        assert_eq!(presence.judge(&busy, begin + DEAD_AFTER_BREAK), [OTHER]);
    }

    #[test]
    fn what_another_has_freed_was_of_a_dead_one_too() {
        let mut presence = known(&[]);
        let begin = Instant::now();
        assert!(presence.judge(&[OTHER.to_owned()], begin).is_empty());
        assert_eq!(presence.judge(&[], begin + DEAD), [OTHER]);
    }

    /// As after a restart of the server, when it comes to the end of its work over one connection before it listens on another.
    #[test]
    fn one_that_comes_to_an_end_before_it_is_back_is_not_dead() {
        let mut presence = known(&[]);
        let begin = Instant::now();
        assert!(presence.judge(&[OTHER.to_owned()], begin).is_empty());
        assert!(presence.judge(&[], begin + DEAD / 2).is_empty());
        presence.others.insert(key(OTHER));
        assert!(presence.judge(&[], begin + DEAD).is_empty());
    }
}
