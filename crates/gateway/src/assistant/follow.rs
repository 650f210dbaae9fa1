//! One request, until it is answered.

use std::{collections::VecDeque, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{Instant, sleep},
};
use yabby_agent::{Live, Watcher};
use yabby_core::{EndReason, ModelEvent, Outcome, SessionKey, Usage};
use yabby_store::{InboundState, Said, Target};
use yabby_wire::clients::Failure;

use super::{Programs, shown::Shown};
use crate::feed::{Elsewhere, Event, Running};

/// How soon it is looked whether a turn that has ended is written; then less and less often.
const LOOK: Duration = Duration::from_millis(10);
/// How often it is looked whether another replica has answered.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(500);

/// So long the last of what another replica tells is waited for.
const LAST: Duration = Duration::from_secs(1);

/// What happens to a request.
pub(super) enum Piece {
    /// A part of the answer.
    Event(ModelEvent),
    /// It is whole.
    End(EndReason, Usage),
    /// There is none.
    Failed(Failure),
}

/// Follows one request. Dropped before its end, it stops the turn.
#[expect(clippy::struct_excessive_bools, reason = "each is something that has happened")]
pub(super) struct Follower {
    programs: Programs,
    conversation: SessionKey,
    /// Whether its client reads what is said as it comes. To others only the answer that counts is told of a turn elsewhere, which may
    /// break off and be begun anew.
    streams: bool,
    /// The number of its message, where answers go, and whether it is a command.
    message: (i64, Target, bool),
    /// What happens in turns of this process, and of others.
    live: Watcher<Live>,
    elsewhere: Elsewhere,
    said: mpsc::UnboundedReceiver<Said>,
    /// The turn that runs elsewhere, and whether it answers this request.
    there: Option<(String, bool)>,
    /// All that there is of a turn elsewhere of which that is not known yet.
    unknown: Option<Running>,
    /// So many of its attempts are counted.
    counted: usize,
    /// The text of the step that runs, as it was streamed, and, when it runs elsewhere, the reasoning.
    text: Shown,
    reasoning: Shown,
    /// Whether what was streamed may be something else than the beginning of the answer.
    doubtful: bool,
    /// Whether a step is over, so that the next text is another one.
    stepped: bool,
    any: bool,
    /// Whether the last answer has reached the most tokens that it may have.
    cut: bool,
    /// How soon it is looked.
    look: Duration,
    /// Since when all is over by the store, and the end was not heard.
    late: Option<Instant>,
    asked: bool,
    usage: Usage,
    answers: Vec<String>,
    notices: Vec<String>,
    ready: VecDeque<Piece>,
    over: bool,
}

impl Follower {
    pub(super) fn new(
        programs: Programs,
        (conversation, streams): (SessionKey, bool),
        message: (i64, Target, bool),
        (live, elsewhere): (Watcher<Live>, Elsewhere),
        said: mpsc::UnboundedReceiver<Said>,
    ) -> Self {
        Self {
            programs,
            conversation,
            streams,
            message,
            live,
            elsewhere,
            said,
            there: None,
            unknown: None,
            counted: 0,
            text: Shown::default(),
            reasoning: Shown::default(),
            doubtful: false,
            stepped: false,
            any: false,
            cut: false,
            look: LOOK_ELSEWHERE,
            late: None,
            asked: false,
            usage: Usage::default(),
            answers: Vec::new(),
            notices: Vec::new(),
            ready: VecDeque::new(),
            over: false,
        }
    }

    pub(super) fn conversation(&self) -> &SessionKey {
        &self.conversation
    }

    /// What happens next. Nothing follows an end.
    pub(super) async fn next(&mut self) -> Piece {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.over = !matches!(piece, Piece::Event(_));
                return piece;
            }
            if self.unknown.is_some() {
                self.meet().await;
                continue;
            }
            tokio::select! {
                biased;
                live = self.live.recv() => match live {
                    Ok(live) => self.live(live),
                    // What is missing of the answer comes at its end.
                    Err(RecvError::Lagged(_)) => {
                        self.text.missed();
                        self.doubtful = true;
                    }
                    Err(RecvError::Closed) => self.look = LOOK,
                },
                event = self.elsewhere.next() => self.elsewhere(&event),
                Some(said) = self.said.recv() => self.hear(said),
                () = sleep(self.look) => self.look().await,
            }
        }
    }

    fn live(&mut self, live: Live) {
        match live {
            Live::Model(ModelEvent::Text(piece)) => self.text(&piece),
            Live::Model(event @ (ModelEvent::Reasoning(_) | ModelEvent::Progress(_))) => {
                self.ready.push_back(Piece::Event(event));
            }
            Live::Attempt(attempt) => {
                self.stepped |= attempt.outcome == Outcome::Answered;
                add(&mut self.usage, &attempt.usage);
            }
            Live::Asked(_) => self.asked = true,
            Live::Began(_) => {
                self.there = None;
                self.began();
            }
            Live::Ended => self.look = LOOK,
            Live::Model(_) | Live::Trying(_) | Live::Notice(_) | Live::Tool(..) => {}
        }
    }

    /// Something happens in a turn that another gateway runs.
    fn elsewhere(&mut self, event: &Event) {
        let is_ours = matches!(self.there, Some((_, true)));
        match event {
            Event::Snapshot { turn: Some(turn) } => match &self.there {
                Some((there, true)) if *there == turn.turn => self.snapshot(turn.clone()),
                // What was said before to others concerns this client no more than what is said to them in turns of this process.
                Some((there, false)) if *there == turn.turn => {}
                _ => self.unknown = Some(turn.clone()),
            },
            _ if !is_ours => {}
            Event::Step => {
                self.stepped = true;
                self.reasoning.clear();
            }
            Event::Text { delta } if self.streams => self.text(delta),
            Event::Reasoning { delta } => {
                let new = self.reasoning.more(delta);
                self.ready
                    .extend(new.map(|new| Piece::Event(ModelEvent::Reasoning(new))));
            }
            Event::Progress { progress } => self
                .ready
                .push_back(Piece::Event(ModelEvent::Progress(progress.progress()))),
            Event::Attempt { attempt } => self.attempt(attempt),
            Event::Asked { .. } => self.asked = true,
            Event::Ended => {
                self.there = None;
                self.look = LOOK;
            }
            _ => {}
        }
    }

    /// Finds out whether a turn elsewhere answers this request. Dropped before it is ready, nothing is lost.
    async fn meet(&mut self) {
        let store = &self.programs.0.office.store;
        let of_message = match &self.unknown {
            Some(_) => store.turn_of(self.message.0).await,
            None => return,
        };
        let Some(turn) = self.unknown.take() else { return };
        // Where the store is away, its answer comes at the end.
        let is_ours = of_message.is_ok_and(|ours| ours.as_deref() == Some(turn.turn.as_str()));
        self.there = Some((turn.turn.clone(), is_ours));
        if is_ours {
            self.began();
            self.counted = 0;
            self.snapshot(turn);
        }
    }

    /// All that there is by now of the step that runs elsewhere.
    fn snapshot(&mut self, turn: Running) {
        self.doubtful = true;
        if turn.attempts.len() < self.counted {
            // Another gateway has begun anew.
            self.counted = 0;
        }
        for attempt in &turn.attempts[self.counted..] {
            self.attempt(attempt);
        }
        let reasoning = self.reasoning.whole(turn.reasoning);
        self.ready
            .extend(reasoning.map(|new| Piece::Event(ModelEvent::Reasoning(new))));
        if !self.streams {
            return;
        }
        if !turn.text.is_empty() {
            self.step();
        }
        let text = self.text.whole(turn.text);
        self.tell(text);
    }

    fn attempt(&mut self, attempt: &Value) {
        self.counted += 1;
        let usage = Usage::deserialize(&attempt["usage"]);
        add(&mut self.usage, &usage.unwrap_or_default());
    }

    /// A turn begins, which may be the same one once more.
    fn began(&mut self) {
        self.look = LOOK_ELSEWHERE;
        self.doubtful |= self.any;
        self.text.again();
        self.reasoning.clear();
    }

    fn text(&mut self, piece: &str) {
        self.step();
        let text = self.text.more(piece);
        self.tell(text);
    }

    /// What comes now is of another step, if one is over.
    fn step(&mut self) {
        if std::mem::take(&mut self.stepped) {
            self.text.clear();
            if self.any {
                self.ready.push_back(Piece::Event(ModelEvent::Text("\n\n".to_owned())));
            }
        }
    }

    fn tell(&mut self, text: Option<String>) {
        self.any |= text.is_some();
        self.ready.extend(text.map(|text| Piece::Event(ModelEvent::Text(text))));
    }

    fn hear(&mut self, said: Said) {
        self.look = LOOK;
        match said {
            Said::Answer(text) => {
                self.cut = text.is_cut();
                self.answers.push(text.into_string());
            }
            Said::Notice(text) => self.notices.push(text.english()),
        }
    }

    /// Whether the message was dealt with, and all that is to be told was.
    async fn look(&mut self) {
        // It may have to be tried again, which takes its time.
        self.look = (self.look * 2).min(LOOK_ELSEWHERE);
        let store = &self.programs.0.office.store;
        let (message, here, _) = &self.message;
        let done = match store.inbound(*message).await {
            Ok(Some((_, state))) => matches!(state, InboundState::Done | InboundState::Dead),
            Ok(None) => true,
            // It is away for now; what is written will be read.
            Err(_) => return,
        };
        if !done || !matches!(store.undelivered(here).await, Ok(0)) {
            return;
        }
        // What others have answered is in the store before its last piece is heard, with what it has used.
        let late = *self.late.get_or_insert_with(Instant::now);
        if matches!(self.there, Some((_, true))) && late.elapsed() < LAST {
            return;
        }
        while let Ok(live) = self.live.try_recv() {
            self.live(live);
        }
        while let Ok(said) = self.said.try_recv() {
            self.hear(said);
        }
        self.end();
    }

    fn end(&mut self) {
        let answer = self.answers.join("\n\n");
        let notices = self.notices.join("\n\n");
        let mut tell = |text: String| {
            if !text.is_empty() {
                self.ready.push_back(Piece::Event(ModelEvent::Text(text)));
            }
        };
        if let Some(last) = self.answers.last() {
            let rest = |answer: &str| answer.strip_prefix(self.text.told()).map(str::to_owned);
            if let Some(rest) = rest(&answer).or_else(|| rest(last)) {
                tell(rest);
            } else if !self.any {
                tell(answer);
            } else if self.doubtful {
                tell(format!("\n\n{last}"));
            }
        } else if self.asked || self.message.2 {
            // A question, or the answer to a command, is what the person is to read.
            tell(if self.any { format!("\n\n{notices}") } else { notices });
        } else {
            let message = if notices.is_empty() {
                "nobody has answered".to_owned()
            } else {
                notices
            };
            self.ready
                .push_back(Piece::Failed(Failure::new(502, "no_answer", message)));
            return;
        }
        let reason = if self.cut { EndReason::Length } else { EndReason::Stop };
        self.ready.push_back(Piece::End(reason, self.usage));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if !self.over {
            self.programs.0.stops.abandon(self.conversation.clone());
        }
    }
}

/// The counts of several requests together.
fn add(sum: &mut Usage, one: &Usage) {
    let plus = |a: Option<u32>, b: Option<u32>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    sum.input_tokens = plus(sum.input_tokens, one.input_tokens);
    sum.cached_tokens = plus(sum.cached_tokens, one.cached_tokens);
    sum.output_tokens = plus(sum.output_tokens, one.output_tokens);
    sum.reasoning_tokens = plus(sum.reasoning_tokens, one.reasoning_tokens);
}
