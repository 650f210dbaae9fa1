//! Plays a script, and writes down all that happens.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};
use yabby_core::{Caller, ErrorKind, Message, ModelError, ModelRef, ModelRequest, Phase, Zone, text};
use yabby_servers::AdmissionQueue;

use crate::{
    RouteEvent,
    check::{
        script::{Continues, Failure, Look, Place, Script, Slots},
        story::{Voice, last_words, letter},
    },
    upstream::Upstream,
};

/// What a candidate that is asked to go on is told.
const GO_ON: &str = "go on";
/// More requests than this are not answered: the check has failed long before.
const TOO_MANY: usize = 6000;

/// Something that happened, and when.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// It is found out where a candidate is.
    Settling(usize),
    /// Something was asked of a candidate in this zone, as far as that was known. Whose slots were taken at this time has a
    /// bit for each candidate.
    Contact {
        place: usize,
        how: How,
        zone: Zone,
        held: u8,
    },
    /// A request was sent, to be answered behind this.
    Behind(String),
    /// What was open at a candidate is closed.
    Closed {
        place: usize,
        how: How,
    },
    /// What a request may cost was reserved, and what it did cost is known.
    Reserved(usize),
    Settled(usize),
    /// A candidate was told what came of it.
    Failed(usize, ErrorKind),
    Succeeded(usize),
    /// Somebody else had to wait for the turn's work that nobody waits for.
    Disturbed(Duration),
    /// What the turn says.
    Told {
        event: Box<RouteEvent>,
        held: u8,
    },
    /// The turn has no more to say.
    Over,
    /// The person has stopped it.
    Stopped,
    /// It did not end.
    Endless,
    /// After all of it.
    Left {
        held: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    MayAsk,
    Enter,
    Prepare,
    Beside,
    /// The request of this number, from 0.
    Ask(usize),
    Look,
    Remedy,
}

pub(super) struct World {
    pub(super) script: Arc<Script>,
    start: Instant,
    state: Mutex<State>,
}

struct State {
    log: Vec<Entry>,
    places: Vec<Now>,
    stories: usize,
}

/// One candidate now.
pub(super) struct Now {
    settled: bool,
    prepared: bool,
    pub(super) overrun: bool,
    pub(super) asks: usize,
    pub(super) prepares: usize,
    pub(super) offers: usize,
    pub(super) reservations: usize,
    pub(super) queue: AdmissionQueue,
}

impl World {
    pub(super) fn new(script: Arc<Script>) -> Arc<Self> {
        let now = |place: &Place| Now {
            settled: false,
            prepared: false,
            overrun: false,
            asks: 0,
            prepares: 0,
            offers: 0,
            reservations: 0,
            queue: AdmissionQueue::new(match place.slots {
                Slots::Free | Slots::Broken => 4,
                Slots::After(_) | Slots::Never => 0,
                Slots::Shared(_) => 1,
            }),
        };
        Arc::new(Self {
            start: Instant::now(),
            state: Mutex::new(State {
                log: Vec::new(),
                places: script.places.iter().map(now).collect(),
                stories: script.story,
            }),
            script,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn place<T>(&self, place: usize, change: impl FnOnce(&mut Now) -> T) -> T {
        change(&mut self.state().places[place])
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn note(&self, what: What) {
        let at = self.elapsed();
        self.state().log.push(Entry { at, what });
    }

    pub(super) fn take_log(&self) -> Vec<Entry> {
        std::mem::take(&mut self.state().log)
    }

    pub(super) fn told(&self, event: RouteEvent) {
        let held = self.held();
        let event = Box::new(event);
        self.note(What::Told { event, held });
    }

    /// Whose slots the turn holds.
    pub(super) fn held(&self) -> u8 {
        let state = self.state();
        let holds = |now: &Now| now.queue.status().running.contains_key(&self.script.priority);
        let bits = state
            .places
            .iter()
            .zip(0..)
            .filter(|(now, _)| holds(now))
            .map(|(_, place)| 1 << place);
        bits.sum()
    }

    /// Where a candidate is, as far as that is known.
    pub(super) fn zone(&self, place: usize) -> Zone {
        let script = &self.script.places[place];
        let state = self.state();
        let now = &state.places[place];
        let settled = script.settled.as_ref().filter(|_| now.settled);
        let settled = settled.and_then(|(_, zone)| zone.as_ref().ok());
        let prepared = script.prepared.as_ref().filter(|_| now.prepared);
        prepared.or(settled).unwrap_or(&script.zone).clone()
    }

    pub(super) fn is_settled(&self, place: usize) {
        self.place(place, |now| now.settled = true);
    }

    pub(super) fn is_prepared(&self, place: usize) {
        self.place(place, |now| now.prepared = true);
    }

    pub(super) fn contact(&self, place: usize, how: How) {
        let zone = self.zone(place);
        // Only whoever is asked, or gets in line, is one of several.
        let held = if matches!(how, How::Ask(_) | How::Enter) {
            self.held()
        } else {
            0
        };
        self.note(What::Contact { place, how, zone, held });
    }

    /// What the model of a candidate says to this request.
    pub(super) fn voice(&self, place: usize, request: &ModelRequest) -> Voice {
        let said = match request.messages.as_slice() {
            [.., Message::Assistant { text, .. }] => text.as_str(),
            [.., Message::Assistant { text, .. }, Message::User { text: asked, .. }] if asked == GO_ON => text.as_str(),
            _ => "",
        };
        self.note(What::Behind(said.trim_end().to_owned()));
        let script = &self.script.places[place];
        match (Voice::behind(said), Voice::behind(said.trim_end()), script.continues) {
            (Some(voice), _, Continues::Prefills | Continues::Obeys) => voice,
            (Some(voice), _, Continues::RepeatsAll) => voice.after_saying(said.trim_start()),
            (_, Some(voice), Continues::RepeatsEnd(more)) => voice.after_saying(last_words(said, more)),
            _ => {
                let mut state = self.state();
                state.stories += 1;
                Voice::of(letter(state.stories), script.lead)
            }
        }
    }

    /// Others come and go, and slots become free.
    pub(super) async fn others(self: Arc<Self>, place: usize, arrival: Option<(Duration, Duration)>) {
        let queue = self.place(place, |now| now.queue.clone());
        let Some((at, hold)) = arrival else {
            if let Slots::After(time) = self.script.places[place].slots {
                sleep(time).await;
                queue.set_limit(1);
            }
            return;
        };
        sleep_until(self.start + at).await;
        let before = queue.status();
        let disturbs = before.waiting.values().sum::<usize>() == 0
            && before.yielding == 0
            && self.script.priority.is_background()
            && before.running.contains_key(&self.script.priority);
        let caller = Caller {
            priority: yabby_core::Priority::Webhook,
            session: "another".to_owned(),
        };
        let mut waiting = queue.enter(caller);
        let entered = Instant::now();
        loop {
            if let yabby_servers::Admission::Granted(permit) = waiting.next().await {
                if disturbs {
                    self.note(What::Disturbed(entered.elapsed()));
                }
                sleep(hold).await;
                drop(permit);
                return;
            }
        }
    }
}

/// One candidate of the script.
pub(super) struct Scripted {
    pub(super) world: Arc<World>,
    pub(super) place: usize,
    pub(super) model: ModelRef,
}

/// Something that is open at a candidate as long as this is kept.
pub(super) struct Open {
    world: Arc<World>,
    place: usize,
    how: How,
}

impl Scripted {
    pub(super) fn new(world: &Arc<World>, place: usize) -> Self {
        Self {
            world: Arc::clone(world),
            place,
            model: format!("p{place}/m").parse().unwrap(),
        }
    }

    pub(super) fn script(&self) -> &Place {
        &self.world.script.places[self.place]
    }

    pub(super) fn open(&self, how: How) -> Open {
        self.world.contact(self.place, how);
        Open {
            world: Arc::clone(&self.world),
            place: self.place,
            how,
        }
    }

    /// The error that a script wants. Its message is `scripted`, and that of no other error.
    pub(super) fn error(&self, failure: Failure, phase: Phase) -> ModelError {
        let mut error = ModelError::new(
            failure.kind,
            phase,
            self.address(),
            text!("{words}", words = "scripted"),
        );
        error.details.numbers.retry_after = failure.retry_after;
        error
    }

    pub(super) fn plain(&self, kind: ErrorKind) -> ModelError {
        let failure = Failure {
            kind,
            retry_after: None,
        };
        self.error(failure, Phase::Connect)
    }

    /// What is seen beside a request now.
    pub(super) fn seen(&self) -> Look {
        let now = self.world.elapsed();
        let looks = &self.script().looks;
        let past = looks
            .iter()
            .filter(|(from, _)| *from <= now)
            .max_by_key(|(from, _)| *from);
        past.or(looks.first()).map_or(Look::Hung, |(_, look)| *look)
    }

    /// The number of the next request; `None` when there were too many.
    pub(super) fn count(&self) -> Option<usize> {
        let number = self.world.place(self.place, |now| {
            now.asks += 1;
            now.asks - 1
        });
        (number < TOO_MANY).then_some(number)
    }

    pub(super) fn go_on_with(&self, request: &mut ModelRequest, said: &str) -> bool {
        if self.script().continues == Continues::Prefills {
            request.messages.push(Message::assistant(said.trim_end()));
            return true;
        }
        request
            .messages
            .extend([Message::assistant(said), Message::user(GO_ON)]);
        false
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let (place, how) = (self.place, self.how);
        self.world.note(What::Closed { place, how });
    }
}
