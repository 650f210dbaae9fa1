//! What is heard of turns that run at other gateways, for the pages that are open here.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use yabby_core::SessionKey;
use yabby_store::Whom;

use super::word::{Wanted, Word};

/// How often it is asked whether all was heard.
const ASKS: Duration = Duration::from_secs(4);
/// What lacks a piece, or has nobody who answers, is asked for anew so often.
const AGAIN: Duration = Duration::from_secs(1);
/// One that has said nothing for so long is gone.
const SILENT: Duration = Duration::from_secs(13);
/// A turn that nobody goes on with for so long is over, for the pages.
const GIVEN_UP: Duration = Duration::from_mins(2);
/// So many conversations in one word.
const IN_ONE: usize = 100;

/// Turns that run elsewhere.
#[derive(Debug, Default)]
pub(super) struct Following {
    turns: HashMap<SessionKey, Followed>,
    /// Conversations that somebody has begun to watch.
    wanted: HashSet<SessionKey>,
}

#[derive(Debug)]
struct Followed {
    /// Who answers; none when it has died.
    at: Option<String>,
    turn: String,
    n: u64,
    /// Whether something was missed since.
    gap: bool,
    asked: Instant,
    heard: Instant,
}

/// What is known too late.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lost {
    /// Whoever answered there has died.
    pub(super) orphaned: Vec<SessionKey>,
    /// Nobody goes on with these.
    pub(super) given_up: Vec<SessionKey>,
}

/// What becomes of pieces.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// They are the next ones.
    Next,
    /// They are known, or nobody here has asked for them.
    Old,
}

impl Following {
    /// Whether the turn of a conversation runs elsewhere.
    pub(super) fn has(&self, of: &SessionKey) -> bool {
        self.turns.contains_key(of)
    }

    /// Somebody here watches a conversation from now on; whether nobody has asked for it yet.
    pub(super) fn want(&mut self, of: &SessionKey) -> bool {
        !self.has(of) && self.wanted.insert(of.clone())
    }

    /// It runs here, or is over.
    pub(super) fn forget(&mut self, of: &SessionKey) {
        self.turns.remove(of);
        self.wanted.remove(of);
    }

    /// All of a turn has come.
    pub(super) fn whole(&mut self, of: &SessionKey, from: &str, (turn, n): (&str, u64), now: Instant) {
        self.wanted.remove(of);
        self.turns.insert(
            of.clone(),
            Followed {
                at: Some(from.to_owned()),
                turn: turn.to_owned(),
                n,
                gap: false,
                asked: now,
                heard: now,
            },
        );
    }

    /// Pieces of a turn have come.
    pub(super) fn more(&mut self, of: &SessionKey, from: &str, n: u64, now: Instant) -> Verdict {
        let Some(followed) = self.turns.get_mut(of).filter(|known| known.at.as_deref() == Some(from)) else {
            return Verdict::Old;
        };
        followed.heard = now;
        if n == followed.n + 1 && !followed.gap {
            followed.n = n;
            return Verdict::Next;
        }
        followed.gap |= n > followed.n;
        Verdict::Old
    }

    /// There is nothing new of it.
    pub(super) fn still(&mut self, of: &SessionKey, from: &str, now: Instant) {
        if let Some(followed) = self.turns.get_mut(of).filter(|known| known.at.as_deref() == Some(from)) {
            followed.heard = now;
        }
    }

    /// It does not run there any more; whether it was followed there.
    pub(super) fn over(&mut self, of: &SessionKey, from: &str) -> bool {
        let is_it = self
            .turns
            .get(of)
            .is_some_and(|known| known.at.as_deref() == Some(from));
        if is_it {
            self.turns.remove(of);
        }
        is_it
    }

    /// Whoever answered in these conversations has died.
    pub(super) fn gone(&mut self, from: &str, now: Instant) -> Vec<SessionKey> {
        let mut orphaned = Vec::new();
        for (of, followed) in &mut self.turns {
            if followed.at.as_deref() == Some(from) {
                followed.orphan(now);
                orphaned.push(of.clone());
            }
        }
        orphaned
    }

    /// Something may have been said that was not heard: everything is asked for.
    pub(super) fn missed(&mut self, watched: impl Iterator<Item = SessionKey>, now: Instant) {
        for followed in self.turns.values_mut() {
            followed.gap = true;
            if followed.at.is_some() {
                followed.heard = now;
            }
        }
        self.wanted.extend(watched);
    }

    /// Forgets what nobody here watches any more; what it was, and who is to be told.
    pub(super) fn unwatched(
        &mut self,
        is_watched: impl Fn(&SessionKey) -> bool,
    ) -> (Vec<SessionKey>, Vec<(Whom, Word)>) {
        let mut left: HashMap<String, Vec<SessionKey>> = HashMap::new();
        let mut forgotten = Vec::new();
        self.turns.retain(|of, followed| {
            if is_watched(of) {
                return true;
            }
            if let Some(at) = &followed.at {
                left.entry(at.clone()).or_default().push(of.clone());
            }
            forgotten.push(of.clone());
            false
        });
        self.wanted.retain(|of| is_watched(of));
        let words = left.into_iter().flat_map(|(at, all)| {
            let of = |some: &[SessionKey]| Word::Leave { of: some.to_vec() };
            let words: Vec<_> = all
                .chunks(IN_ONE)
                .map(|some| (Whom::One(at.clone()), of(some)))
                .collect();
            words
        });
        (forgotten, words.collect())
    }

    /// Whom nobody has heard of for too long.
    pub(super) fn lost(&mut self, now: Instant) -> Lost {
        let mut lost = Lost::default();
        self.turns.retain(|of, followed| {
            let silent = now.saturating_duration_since(followed.heard);
            if followed.at.is_some() && silent >= SILENT {
                followed.orphan(now);
                lost.orphaned.push(of.clone());
            } else if followed.at.is_none() && silent >= GIVEN_UP {
                lost.given_up.push(of.clone());
                return false;
            }
            true
        });
        lost
    }

    /// What is to be asked now, when there is anybody to ask.
    pub(super) fn ask(&mut self, has_others: bool, now: Instant) -> Vec<(Whom, Word)> {
        let mut all: HashMap<Option<String>, Vec<Wanted>> = HashMap::new();
        if has_others {
            for of in self.wanted.drain() {
                let wanted = Wanted { of, has: None };
                all.entry(None).or_default().push(wanted);
            }
        } else {
            self.wanted.clear();
        }
        for (of, followed) in &mut self.turns {
            let pause = if followed.gap { AGAIN } else { ASKS };
            if now.saturating_duration_since(followed.asked) < pause {
                continue;
            }
            followed.asked = now;
            let is_whole = followed.at.is_some() && !followed.gap;
            let wanted = Wanted {
                of: of.clone(),
                has: followed
                    .at
                    .is_some()
                    .then(|| (followed.turn.clone(), if is_whole { followed.n } else { 0 })),
            };
            all.entry(followed.at.clone()).or_default().push(wanted);
        }
        let words = all.into_iter().flat_map(|(at, all)| {
            let to = at.map_or(Whom::All, Whom::One);
            let of = |some: &[Wanted]| Word::Ask { of: some.to_vec() };
            let words: Vec<_> = all.chunks(IN_ONE).map(|some| (to.clone(), of(some))).collect();
            words
        });
        words.collect()
    }

    /// How soon there is something to ask; none when nobody is followed.
    pub(super) fn due(&self) -> Option<Duration> {
        if !self.wanted.is_empty() {
            return Some(Duration::ZERO);
        }
        let gap = self.turns.values().any(|followed| followed.gap);
        (!self.turns.is_empty()).then_some(if gap { AGAIN } else { ASKS / 4 })
    }
}

impl Followed {
    fn orphan(&mut self, now: Instant) {
        self.at = None;
        self.gap = true;
        self.heard = now;
        self.asked = now;
    }
}
