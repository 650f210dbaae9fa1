//! One request, until it is answered.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::sleep,
};
use yabby_agent::{Live, Watcher};
use yabby_core::{EndReason, ModelEvent, Outcome, SessionKey, Usage};
use yabby_store::{InboundState, Said, Target};
use yabby_wire::clients::Failure;

use super::Programs;

/// How often it is looked whether a turn that has ended here is written.
const LOOK: Duration = Duration::from_millis(10);
/// How often it is looked whether another replica has answered.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(500);

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
    /// The number of its message, where answers go, and whether it is a command.
    message: (i64, Target, bool),
    live: Watcher<Live>,
    said: mpsc::UnboundedReceiver<Said>,
    /// The text of the step that runs, as it was streamed.
    streamed: String,
    /// Whether a step is over, so that the next text is another one.
    stepped: bool,
    any: bool,
    /// Whether the last answer has reached the most tokens that it may have.
    cut: bool,
    ended: bool,
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
        conversation: SessionKey,
        message: (i64, Target, bool),
        live: Watcher<Live>,
        said: mpsc::UnboundedReceiver<Said>,
    ) -> Self {
        Self {
            programs,
            conversation,
            message,
            live,
            said,
            streamed: String::new(),
            stepped: false,
            any: false,
            cut: false,
            ended: false,
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
            let look = if self.ended { LOOK } else { LOOK_ELSEWHERE };
            tokio::select! {
                biased;
                live = self.live.recv() => match live {
                    Ok(live) => self.live(live),
                    // The answer itself comes whole.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => self.ended = true,
                },
                Some(said) = self.said.recv() => self.hear(said),
                () = sleep(look) => self.look().await,
            }
        }
    }

    fn live(&mut self, live: Live) {
        match live {
            Live::Model(event @ ModelEvent::Text(_)) => self.text(event),
            Live::Model(event @ (ModelEvent::Reasoning(_) | ModelEvent::Progress(_))) => {
                self.ready.push_back(Piece::Event(event));
            }
            Live::Attempt(attempt) => {
                self.stepped |= attempt.outcome == Outcome::Answered;
                add(&mut self.usage, &attempt.usage);
            }
            Live::Asked(_) => self.asked = true,
            Live::Began(_) => self.ended = false,
            Live::Ended => self.ended = true,
            Live::Model(_) | Live::Trying(_) | Live::Notice(_) | Live::Tool(..) => {}
        }
    }

    fn text(&mut self, event: ModelEvent) {
        let ModelEvent::Text(piece) = &event else { return };
        if std::mem::take(&mut self.stepped) {
            self.streamed.clear();
            if self.any {
                self.ready.push_back(Piece::Event(ModelEvent::Text("\n\n".to_owned())));
            }
        }
        self.streamed += piece;
        self.any = true;
        self.ready.push_back(Piece::Event(event));
    }

    fn hear(&mut self, said: Said) {
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
        if !self.answers.is_empty() {
            if let Some(rest) = answer.strip_prefix(self.streamed.as_str()) {
                tell(rest.to_owned());
            } else if !self.any {
                tell(answer);
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
