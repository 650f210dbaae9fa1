//! What may happen in one turn: a script of the turn and of each candidate.

use std::time::Duration;

use yabby_core::{EndReason, ErrorKind, Priority, Zone, ZoneRule};

use crate::{Deadlines, upstream::Remedies};

/// One turn.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) priority: Priority,
    pub(super) limit: Option<Duration>,
    pub(super) hedge_after: Option<Duration>,
    pub(super) prefer_fast: bool,
    pub(super) rules: Vec<ZoneRule>,
    /// How many messages the conversation has; an odd number.
    pub(super) messages: usize,
    /// The number of the first story.
    pub(super) story: usize,
    pub(super) places: Vec<Place>,
    /// When the person stops.
    pub(super) stop: Option<Stop>,
}

#[derive(Clone, Debug)]
pub(super) enum Stop {
    At(Duration),
    /// After so many events.
    After(usize),
}

/// One candidate.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Where it seems to be.
    pub(super) zone: Zone,
    /// How long it takes to find out where it is, and where it is then.
    pub(super) settled: Option<(Duration, Result<Zone, ErrorKind>)>,
    /// Where it is when it is ready to be asked.
    pub(super) prepared: Option<Zone>,
    pub(super) excepted: bool,
    pub(super) managed: bool,
    pub(super) deadlines: Deadlines,
    /// How long the look at its breaker takes, and whether it may be asked.
    pub(super) breaker: (Duration, bool),
    pub(super) slots: Slots,
    /// How many requests the budget lasts for.
    pub(super) budget: usize,
    /// The window, in messages, and what is left of it after it was overrun.
    pub(super) room: Option<u32>,
    pub(super) smaller: Option<u32>,
    pub(super) expected: Option<Duration>,
    pub(super) usual_load: Option<Duration>,
    pub(super) continues: Continues,
    /// White space before a text of its own.
    pub(super) lead: &'static str,
    /// What is done before each request; the last is repeated.
    pub(super) prepare: Vec<Prepare>,
    /// What is done beside the first request.
    pub(super) beside: Option<Duration>,
    /// Each request; the last is repeated.
    pub(super) asks: Vec<Ask>,
    /// What is seen beside a request, from some time on.
    pub(super) looks: Vec<(Duration, Look)>,
    pub(super) look_takes: Duration,
    /// What is offered after each error; then nothing, or the last for ever.
    pub(super) offers: Vec<Offer>,
    pub(super) offers_for_ever: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Slots {
    /// There are some.
    Free,
    /// There is one after this time.
    After(Duration),
    Never,
    /// The line has an end.
    Broken,
    /// Others come at these times, and have the only slot for so long.
    Shared(Vec<(Duration, Duration)>),
}

/// How it goes on with what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continues {
    /// It takes the text for the beginning of its own.
    Prefills,
    /// It does what it is asked.
    Obeys,
    /// It says all of it again first.
    RepeatsAll,
    /// It says the end again first, and so many words more of it than it must.
    RepeatsEnd(usize),
    /// It says something else.
    Begins,
}

#[derive(Clone, Debug)]
pub(super) struct Prepare {
    pub(super) steps: Vec<(Duration, Ready)>,
    /// How long it takes after them.
    pub(super) takes: Duration,
    pub(super) fails: Option<ErrorKind>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    Loading,
    Untimed,
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// Until the head, or an error.
    pub(super) head: Duration,
    pub(super) opens: Opens,
    pub(super) beats: Vec<(Duration, Beat)>,
    pub(super) pause: Duration,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opens {
    Head,
    Fails(Failure),
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// So many letters.
    Text(usize),
    Space,
    Reasoning,
    Call,
    Malformed,
    Usage,
    ServedBy,
    Opaque,
    Alive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete(EndReason),
    Fails(Failure),
    /// The connection ends, and nobody says so.
    Cut,
    Hangs,
    /// The same again and again.
    Endless(Duration, Beat),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Alive,
    Working,
    Loading,
    Idle,
    Hung,
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) takes: Duration,
    /// Finding out may fail.
    pub(super) remedies: Result<Remedies, ErrorKind>,
}
