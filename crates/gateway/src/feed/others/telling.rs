//! What other gateways are told of turns that run here: only those that have asked, and a few times a second.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use yabby_core::SessionKey;
use yabby_store::Whom;

use super::word::{Piece, Wanted, Word};
use crate::feed::{Event, Running};

/// Who has not asked again for so long does not listen any more.
const HEARS: Duration = Duration::from_secs(15);
/// The most bytes that wait to be said of a turn. What is more is lost, and asked for anew.
const WAITS: usize = 64 << 10;
/// Numbers of one stream are far from those of any other.
const APART: u64 = 1 << 32;

/// Turns that others hear of.
#[derive(Debug, Default)]
pub(super) struct Telling {
    streams: HashMap<SessionKey, Stream>,
    begun: u64,
}

#[derive(Debug)]
struct Stream {
    /// Of what was said last.
    n: u64,
    /// When each has asked last.
    hearers: HashMap<String, Instant>,
    pieces: Vec<Piece>,
    bytes: usize,
    /// Whether something was left out.
    lost: bool,
    ended: bool,
}

impl Telling {
    /// Somebody wants to hear of a turn that runs here; what it is to be told.
    pub(super) fn asked(&mut self, from: &str, wanted: &Wanted, running: &Running, now: Instant) -> Vec<(Whom, Word)> {
        let begun = &mut self.begun;
        let stream = self.streams.entry(wanted.of.clone()).or_insert_with(|| {
            *begun += APART;
            Stream {
                n: *begun,
                hearers: HashMap::new(),
                pieces: Vec::new(),
                bytes: 0,
                lost: false,
                ended: false,
            }
        });
        // What waits is in the whole already.
        let mut said = Vec::new();
        stream.say(&wanted.of, &mut said);
        stream.ended = false;
        stream.hearers.insert(from.to_owned(), now);
        let of = wanted.of.clone();
        let word = if wanted.has == Some((running.turn.clone(), stream.n)) {
            Word::Still { of }
        } else {
            Word::Whole {
                of,
                n: stream.n,
                turn: running.clone(),
            }
        };
        said.push((Whom::One(from.to_owned()), word));
        said
    }

    /// Somebody does not want to hear of it any more.
    pub(super) fn left(&mut self, from: &str, of: &SessionKey) {
        if let Some(stream) = self.streams.get_mut(of) {
            stream.hearers.remove(from);
            if stream.hearers.is_empty() {
                self.streams.remove(of);
            }
        }
    }

    /// Somebody hears nothing any more.
    pub(super) fn gone(&mut self, from: &str) {
        self.streams.retain(|_, stream| {
            stream.hearers.remove(from);
            !stream.hearers.is_empty()
        });
    }

    /// Something happens in a turn that runs here; whether there is something to say now that there was not before.
    pub(super) fn add(&mut self, of: &SessionKey, event: &Event) -> bool {
        // What follows an end is of another turn, which has to be asked for.
        let Some(stream) = self.streams.get_mut(of).filter(|stream| !stream.ended) else {
            return false;
        };
        let Some(piece) = Piece::of(event) else { return false };
        let is_first = stream.is_silent();
        stream.add(piece);
        is_first
    }

    /// Whether there is something to say.
    pub(super) fn waits(&self) -> bool {
        self.streams.values().any(|stream| !stream.is_silent())
    }

    /// What is to be said now.
    pub(super) fn say(&mut self, now: Instant) -> Vec<(Whom, Word)> {
        let mut said = Vec::new();
        self.streams.retain(|of, stream| {
            stream
                .hearers
                .retain(|_, asked| now.saturating_duration_since(*asked) < HEARS);
            stream.say(of, &mut said);
            !stream.hearers.is_empty() && !stream.ended
        });
        said
    }

    /// Whether anybody listens.
    #[cfg(test)]
    pub(super) fn is_heard(&self) -> bool {
        !self.streams.is_empty()
    }
}

impl Stream {
    fn is_silent(&self) -> bool {
        self.pieces.is_empty() && !self.lost
    }

    fn add(&mut self, piece: Piece) {
        self.ended |= piece == Piece::Ended;
        self.bytes += piece.size();
        if self.bytes > WAITS && !self.ended {
            self.pieces.clear();
            self.lost = true;
            return;
        }
        let rest = match self.pieces.last_mut() {
            Some(last) => last.join(piece),
            None => Some(piece),
        };
        self.pieces.extend(rest);
    }

    fn say(&mut self, of: &SessionKey, said: &mut Vec<(Whom, Word)>) {
        if self.is_silent() {
            return;
        }
        // A number that is missing is seen.
        self.n += 1 + u64::from(self.lost);
        self.lost = false;
        self.bytes = 0;
        let word = Word::More {
            of: of.clone(),
            n: self.n,
            pieces: std::mem::take(&mut self.pieces),
        };
        said.extend(self.hearers.keys().map(|id| (Whom::One(id.clone()), word.clone())));
    }
}
