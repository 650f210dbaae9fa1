//! What must be true of every turn, whatever the servers do. It shares nothing with the engine but the types.

use std::time::Duration;

use yabby_core::{Attempt, ErrorKind, ModelEvent, ModelRef, Outcome, Zone};

use super::{
    nature::{BREAKER, INSTANT, covers, is_allowed, is_dead, is_well, nth_ask},
    script::{Beat, Place, Script},
    story::without_space,
    upstream::THOUGHT,
    world::{Entry, How, What},
};
use crate::{Answer, RouteEvent, RouteFailure};

/// The most requests to one candidate for one slot, apart from those that find it loading.
const REQUESTS: usize = 40;
const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// The rule that was broken.
type Verdict = Result<(), &'static str>;

/// What is wrong with a turn.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) rule: &'static str,
    /// The entry of the log that shows it.
    pub(super) entry: usize,
}

/// What was seen of one turn so far.
struct Oracle<'a> {
    script: &'a Script,
    now: Duration,
    seen: Vec<Seen>,
    /// The requests and questions that are open.
    open: Vec<(usize, How)>,
    attempts: Vec<Attempt>,
    shown: String,
    tried: bool,
    calls: Vec<String>,
    ended: bool,
    stopped: bool,
    succeeded: Vec<usize>,
}

/// What was seen of one candidate.
#[derive(Clone, Default)]
struct Seen {
    begun: Option<Duration>,
    zone: Option<Zone>,
    /// The zone in which it was asked last, when, and the number of that request.
    asked: Option<(Zone, Duration, usize)>,
    /// When the last request was closed, and when the next was prepared.
    closed: Duration,
    prepared: Duration,
    /// Whether what the next request may cost is reserved.
    reserved: bool,
    /// How many requests it was sent for this slot.
    requests: usize,
    /// Whether it said last that it was loading.
    loads: bool,
    /// Whether one that was asked beside it was quicker.
    outrun: bool,
}

/// Whether all is as it must be.
pub(super) fn judge(script: &Script, log: &[Entry]) -> Result<(), Wrong> {
    let mut oracle = Oracle {
        script,
        now: Duration::ZERO,
        seen: vec![Seen::default(); script.places.len()],
        open: Vec::new(),
        attempts: Vec::new(),
        shown: String::new(),
        tried: false,
        calls: Vec::new(),
        ended: false,
        stopped: false,
        succeeded: Vec::new(),
    };
    for (number, entry) in log.iter().enumerate() {
        oracle.now = entry.at;
        oracle.see(&entry.what).map_err(|rule| Wrong { rule, entry: number })?;
    }
    Ok(())
}

const fn check(fine: bool, rule: &'static str) -> Verdict {
    if fine { Ok(()) } else { Err(rule) }
}

impl Oracle<'_> {
    fn see(&mut self, what: &What) -> Verdict {
        match what {
            What::Settling(place) => self.begins(*place),
            What::Contact { place, how, zone, held } => self.contacted(*place, *how, zone, *held),
            What::Behind(said) => check(
                said == self.shown.trim_end(),
                "a candidate does not go on behind what was shown",
            ),
            What::Closed { place, how } => {
                self.open.retain(|open| *open != (*place, *how));
                if let How::Ask(_) = how {
                    self.seen[*place].closed = self.now;
                }
                Ok(())
            }
            What::Reserved(place) => {
                self.seen[*place].reserved = true;
                Ok(())
            }
            What::Settled(place) => {
                let asked = self.seen[*place].asked.is_some();
                check(asked, "what nobody was asked for is paid for")
            }
            What::Failed(place, kind) => {
                let seen = &mut self.seen[*place];
                seen.loads = *kind == ErrorKind::Loading;
                seen.requests = seen.requests.saturating_sub(usize::from(seen.loads));
                check(
                    *kind != ErrorKind::Preempted,
                    "a candidate is blamed for work that made room",
                )
            }
            What::Succeeded(place) => {
                self.succeeded.push(*place);
                Ok(())
            }
            What::Disturbed(waited) => check(*waited <= INSTANT, "somebody waits for work that nobody waits for"),
            What::Told { event, held } => {
                check(!self.ended, "something is told after the end")?;
                self.told(event, *held)
            }
            What::Over => check(self.ended, "there was no end"),
            What::Stopped => {
                self.stopped = true;
                Ok(())
            }
            What::Endless => Err("the turn does not end"),
            What::Left { held } => {
                check(self.open.is_empty(), "something is open after the turn")?;
                check(*held == 0, "a slot is taken after the turn")
            }
        }
    }

    // === Whom it contacts ===

    fn begins(&mut self, place: usize) -> Verdict {
        if self.seen[place].begun.is_some() {
            return Ok(());
        }
        self.seen[place].begun = Some(self.now);
        let (end, reserve) = self.time();
        let behind = self.script.places.len() - place;
        let kept = reserve * u32::try_from(behind).unwrap();
        check(
            self.now + kept <= end + BREAKER + INSTANT,
            "a candidate does not have its reserve",
        )
    }

    /// When the turn must end, and what each candidate is sure of.
    fn time(&self) -> (Duration, Duration) {
        let others = u32::try_from(self.script.places.len() - 1).unwrap();
        let longest = self.script.places.iter().map(|place| place.deadlines.total).max();
        let end = self.script.limit.unwrap_or(longest.unwrap() + MINUTE * others);
        (end, MINUTE.min(end / (2 * others.max(1))))
    }

    fn contacted(&mut self, place: usize, how: How, zone: &Zone, held: u8) -> Verdict {
        let script = &self.script.places[place];
        self.begins(place)?;
        check(!self.ended, "a candidate is contacted after the end")?;
        check(
            is_allowed(self.script, script, zone),
            "a candidate is contacted that a rule forbids",
        )?;
        self.seen[place].zone = Some(zone.clone());
        if matches!(how, How::Ask(_) | How::Enter) {
            self.is_alone(place, how, held)?;
        }
        match how {
            How::Enter => {
                self.seen[place].requests = 0;
                self.seen[place].loads = false;
            }
            How::Ask(number) => {
                let reserved = std::mem::take(&mut self.seen[place].reserved);
                check(reserved, "a request may cost what nobody has reserved")?;
                let seen = &mut self.seen[place];
                let soon = self.now < seen.closed + Duration::from_millis(500);
                check(!(seen.loads && soon), "a server that loads is asked again too soon")?;
                seen.loads = false;
                seen.asked = Some((zone.clone(), self.now, number));
                seen.requests += 1;
                check(seen.requests <= REQUESTS, "a candidate is asked too often")?;
                self.open.push((place, how));
            }
            How::Look | How::Beside => self.open.push((place, how)),
            How::Prepare => self.seen[place].prepared = self.now,
            How::MayAsk | How::Remedy => {}
        }
        Ok(())
    }

    /// Nobody else is asked while one is, but for a hedge.
    fn is_alone(&self, place: usize, how: How, held: u8) -> Verdict {
        let asked = |(at, how): &(usize, How)| *at == place && matches!(how, How::Ask(_));
        check(
            !self.open.iter().any(asked),
            "a candidate is asked while its last request is open",
        )?;
        let open = |at: usize| self.open.iter().any(|(open, _)| *open == at);
        let holds = |at: usize| held & (1 << at) != 0;
        let others: Vec<usize> = (0..self.seen.len())
            .filter(|at| *at != place && (open(*at) || holds(*at)))
            .collect();
        let [other] = others.as_slice() else {
            return check(others.is_empty(), "three are asked at once");
        };
        let hedges = self.script.hedge_after.is_some() && !self.script.priority.is_background();
        check(hedges, "a candidate is asked before the last is closed")?;
        let (near, far) = (place.min(*other), place.max(*other));
        let (Some(near), Some(far)) = (&self.seen[near].zone, &self.seen[far].zone) else {
            return Ok(());
        };
        let sends = matches!(how, How::Ask(_));
        check(!sends || covers(near, far), "a hedge takes data farther away")
    }

    // === What it tells ===

    fn told(&mut self, event: &RouteEvent, held: u8) -> Verdict {
        check(
            self.calls.is_empty()
                || matches!(
                    event,
                    RouteEvent::Model(ModelEvent::ToolCall(_) | ModelEvent::MalformedCall(_))
                        | RouteEvent::Notice(_)
                        | RouteEvent::Done(_)
                ),
            "a call is told before the answer is complete",
        )?;
        match event {
            RouteEvent::Trying(_) => {
                self.tried = true;
                Ok(())
            }
            RouteEvent::Notice(_) => Ok(()),
            RouteEvent::Attempt(attempt) => self.attempted(attempt),
            RouteEvent::Model(event) => self.heard(event),
            RouteEvent::Done(answer) => self.done(answer, held),
            RouteEvent::Failed(failure) => self.failed(failure, held),
        }
    }

    fn heard(&mut self, event: &ModelEvent) -> Verdict {
        check(self.tried, "there is an answer before anybody was tried")?;
        match event {
            ModelEvent::Text(piece) => {
                check(!piece.is_empty(), "a piece of text is empty")?;
                self.shown.push_str(piece);
                Ok(())
            }
            ModelEvent::ToolCall(call) => {
                self.calls.push(call.id.clone());
                Ok(())
            }
            ModelEvent::MalformedCall(call) => {
                self.calls.push(call.id.clone());
                Ok(())
            }
            ModelEvent::End(_) | ModelEvent::Opaque(_) => Err("what only the end tells is told before"),
            ModelEvent::Reasoning(_) | ModelEvent::Progress(_) | ModelEvent::Usage(_) | ModelEvent::ServedBy(_) => {
                Ok(())
            }
        }
    }

    fn attempted(&mut self, attempt: &Attempt) -> Verdict {
        self.attempts.push(attempt.clone());
        let at = place_of(&attempt.model);
        let script = &self.script.places[at];
        let open = self.open.iter().any(|(place, _)| *place == at);
        check(
            !open,
            "an attempt is over, and its request is open or what was asked beside",
        )?;
        let decision = attempt.decision.as_deref();
        match &attempt.outcome {
            Outcome::Answered => check(decision.is_none(), "after an answer there is nothing to decide"),
            Outcome::Outrun => {
                let hedges = self.script.hedge_after.is_some() && !self.script.priority.is_background();
                check(hedges, "a candidate is outrun, and nobody else was asked")?;
                check(decision.is_none(), "who is outrun is not decided about")?;
                // Who was asked beside an earlier one waits for its turn again; the other way round, it had its turn.
                self.seen[at].outrun = !self.open.iter().any(|(place, _)| *place < at);
                self.seen[at].begun = None;
                Ok(())
            }
            Outcome::PassedOver { .. } => check(false, "who was not asked has no attempt"),
            Outcome::Failed { error, message } => {
                let loaded = std::mem::take(&mut self.seen[at].loads);
                check(decision.is_some(), "nothing was decided about a failed attempt")?;
                if decision == Some("requeue") {
                    check(
                        self.script.priority.is_background(),
                        "what a person waits for has made room",
                    )?;
                    self.tells_a_story()?;
                    self.shown.clear();
                }
                if attempt.sent_ms.is_some() {
                    self.sent(attempt, at, loaded)?;
                }
                let (_, reserve) = self.time();
                let sure = reserve.min(script.deadlines.total);
                let begun = self.seen[at].begun.unwrap_or_default();
                let cut = *error == ErrorKind::Timeout && message != "scripted";
                check(
                    !cut || self.now + SECOND >= begun + sure,
                    "a candidate was cut short within its reserve",
                )?;
                if is_dead(script)
                    && attempt.sent_ms.is_some()
                    && let Some((_, asked, _)) = self.seen[at].asked
                {
                    let sentenced = script.deadlines.silence + script.deadlines.sign_of_life;
                    check(self.now <= asked + sentenced + INSTANT, "a dead server is waited for")?;
                }
                Ok(())
            }
        }
    }

    /// An attempt that has reached the server.
    fn sent(&self, attempt: &Attempt, at: usize, loaded: bool) -> Verdict {
        let seen = &self.seen[at];
        let Some((zone, ..)) = &seen.asked else {
            return Err("an attempt was sent, and nobody was asked");
        };
        check(attempt.zone == *zone, "an attempt is recorded in another zone")?;
        let offers = self.script.places[at].offers.iter().map(|offer| offer.takes);
        let longest = offers.max().unwrap_or_default();
        check(
            loaded || seen.prepared > seen.closed || self.now <= seen.closed + longest + INSTANT,
            "an attempt is told long after it was over",
        )
    }

    // === How it ends ===

    fn done(&mut self, answer: &Answer, held: u8) -> Verdict {
        self.end(held, &answer.attempts, answer.text.as_str())?;
        let at = place_of(&answer.model);
        check(self.succeeded == [at], "it is not told who has answered")?;
        let answered: Vec<usize> = answered(&self.attempts).collect();
        check(answered == [at], "not one attempt is recorded as the answer")?;
        let silent = answer.text.is_blank() && self.calls.is_empty();
        check(!silent, "an answer is empty")?;
        let calls = answer.tool_calls.iter().map(|call| &call.id);
        let malformed = answer.malformed_calls.iter().map(|call| &call.id);
        check(
            calls.chain(malformed).eq(by_kind(&self.calls, answer)),
            "other calls are told than those of the end",
        )?;
        let Some((_, _, number)) = self.seen[at].asked else {
            return Err("who answers was not asked");
        };
        let ask = nth_ask(&self.script.places[at], number);
        let made = |(_, beat): &&(Duration, Beat)| matches!(beat, Beat::Call | Beat::Malformed);
        let own = format!("p{at}a{number}c");
        check(
            self.calls.len() == ask.beats.iter().filter(made).count()
                && self.calls.iter().all(|id| id.starts_with(&own)),
            "calls are lost, or those of another answer",
        )?;
        self.errors(&answer.errors)
    }

    fn failed(&mut self, failure: &RouteFailure, held: u8) -> Verdict {
        self.end(held, &failure.attempts, &failure.partial)?;
        check(self.succeeded.is_empty(), "an answer is lost")?;
        check(answered(&self.attempts).next().is_none(), "a lost answer is recorded")?;
        check(self.calls.is_empty(), "calls of no answer are told")?;
        let well = |(at, place): &(usize, &Place)| is_well(self.script, place, *at);
        let well = self.script.places.iter().enumerate().find(well);
        check(well.is_none(), "a candidate that is well was not asked")?;
        let outrun = self.seen.iter().filter(|seen| seen.outrun);
        check(
            failure.errors.len() + outrun.count() == self.script.places.len(),
            "a candidate was not asked at all",
        )?;
        self.errors(&failure.errors)
    }

    fn end(&mut self, held: u8, attempts: &[Attempt], text: &str) -> Verdict {
        self.ended = true;
        check(self.open.is_empty(), "something is open when the end is told")?;
        check(held == 0, "a slot is taken when the end is told")?;
        check(attempts == self.attempts, "other attempts are listed than were told")?;
        check(text == self.shown, "the text is not what was shown")?;
        self.tells_a_story()?;
        let (end, _) = self.time();
        check(self.now <= end + BREAKER + INSTANT, "the turn takes too long")
    }

    fn errors(&self, errors: &[(ModelRef, yabby_core::ModelError)]) -> Verdict {
        let mut places: Vec<usize> = errors.iter().map(|(model, _)| place_of(model)).collect();
        places.sort_unstable();
        places.dedup();
        check(places.len() == errors.len(), "a candidate has failed twice")
    }

    /// Of each story a part from its beginning was shown, once.
    fn tells_a_story(&self) -> Verdict {
        check(!self.shown.contains(THOUGHT), "a thought is shown")?;
        let mut stories: Vec<(char, String)> = Vec::new();
        for letter in self.shown.chars().filter(|c| !c.is_whitespace()) {
            let begins = letter.is_alphabetic() && stories.last().is_none_or(|(last, _)| *last != letter);
            if begins {
                let told = stories.iter().any(|(other, _)| *other == letter);
                check(!told, "a story is told again")?;
                stories.push((letter, String::new()));
            }
            let Some((_, told)) = stories.last_mut() else {
                return Err("what is shown is no story");
            };
            told.push(letter);
        }
        let goes_on = |(letter, told): &(char, String)| without_space(*letter, told.len()).starts_with(told);
        check(stories.iter().all(goes_on), "something is shown twice, or left out")
    }
}

fn place_of(model: &ModelRef) -> usize {
    model.provider().trim_start_matches('p').parse().unwrap()
}

fn answered(attempts: &[Attempt]) -> impl Iterator<Item = usize> {
    let answered = attempts.iter().filter(|attempt| attempt.outcome == Outcome::Answered);
    answered.map(|attempt| place_of(&attempt.model))
}

/// The ids as they were told, calls first.
fn by_kind<'a>(told: &'a [String], answer: &Answer) -> impl Iterator<Item = &'a String> {
    let calls: Vec<&str> = answer.tool_calls.iter().map(|call| call.id.as_str()).collect();
    let (good, bad): (Vec<_>, Vec<_>) = told.iter().partition(|id| calls.contains(&id.as_str()));
    good.into_iter().chain(bad)
}
