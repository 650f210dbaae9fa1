//! What gateways say to each other of turns that run. One that knows a word less than another passes over it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use yabby_core::SessionKey;
use yabby_store::Between;

use crate::feed::{
    Event, Question, Running, Words,
    event::{Course, Stage, Tool},
};

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// A turn has begun here.
    Began {
        /// Its conversation.
        of: SessionKey,
    },
    /// Pages of these conversations are open here: whoever answers in them tells it, for a while.
    Ask {
        /// At the most so many as one word can hold.
        of: Vec<Wanted>,
    },
    /// They are not any more.
    Leave {
        /// Their conversations.
        of: Vec<SessionKey>,
    },
    /// All that a turn has brought so far.
    Whole {
        /// Its conversation.
        of: SessionKey,
        /// The number of what was said last of it.
        n: u64,
        /// What it has brought.
        turn: Running,
    },
    /// What is new of it.
    More {
        /// Its conversation.
        of: SessionKey,
        /// One more than the number before.
        n: u64,
        /// In order.
        pieces: Vec<Piece>,
    },
    /// There is nothing new of it.
    Still {
        /// Its conversation.
        of: SessionKey,
    },
    /// It does not run here any more.
    Over {
        /// Its conversation.
        of: SessionKey,
    },
}

/// A conversation whose turn somebody wants to hear of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) of: SessionKey,
    /// What is known of it: the turn, and the number of what was said last.
    pub(super) has: Option<(String, u64)>,
}

/// A part of what a turn brings: the events that are told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Piece {
    Trying(String),
    Step,
    Progress(Stage),
    Text(String),
    Reasoning(String),
    Tool(Tool),
    Attempt(Value),
    Notice(Words),
    Asked(Question),
    Ended,
}

impl Word {
    /// As it is said; nothing when it is too long for that, and has to be asked for in another way.
    ///
    /// All that a turn has brought may be longer than one word can be, most of it what tools have said: of those that have ended,
    /// the first ones are told without that then, which stands in the conversation. When it is the answer itself that is so
    /// long, whoever follows hears that the turn goes on, and shows what came before until it is over.
    pub(super) fn spoken(&self) -> Option<String> {
        let fits = |words: &String| words.len() <= Between::LONGEST;
        // Strings, numbers and maps with string keys only: this cannot fail.
        let words = serde_json::to_string(self).ok()?;
        if fits(&words) {
            return Some(words);
        }
        let Self::Whole { of, n, turn } = self else { return None };
        let shorter = Self::Whole {
            of: of.clone(),
            n: *n,
            turn: turn.without(words.len() - Between::LONGEST),
        };
        let still = Self::Still { of: of.clone() };
        let shorter = serde_json::to_string(&shorter).ok().filter(fits);
        shorter.or_else(|| serde_json::to_string(&still).ok())
    }
}

impl Piece {
    /// What another gateway is told of an event; nothing when it concerns no turn that runs.
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Trying { model } => Self::Trying(model.clone()),
            Event::Step => Self::Step,
            Event::Progress { progress } => Self::Progress(progress.clone()),
            Event::Text { delta } => Self::Text(delta.clone()),
            Event::Reasoning { delta } => Self::Reasoning(delta.clone()),
            Event::Tool { tool } => Self::Tool(tool.clone()),
            Event::Attempt { attempt } => Self::Attempt(attempt.clone()),
            Event::Notice { words } => Self::Notice(words.clone()),
            Event::Asked { approval } => Self::Asked(approval.clone()),
            Event::Ended => Self::Ended,
            Event::Hello { .. }
            | Event::Snapshot { .. }
            | Event::Began { .. }
            | Event::Entries
            | Event::Conversations
            | Event::Approvals
            | Event::Servers { .. }
            | Event::Config { .. } => return None,
        })
    }

    /// The event that it is.
    pub(super) fn event(self) -> Event {
        match self {
            Self::Trying(model) => Event::Trying { model },
            Self::Step => Event::Step,
            Self::Progress(progress) => Event::Progress { progress },
            Self::Text(delta) => Event::Text { delta },
            Self::Reasoning(delta) => Event::Reasoning { delta },
            Self::Tool(tool) => Event::Tool { tool },
            Self::Attempt(attempt) => Event::Attempt { attempt },
            Self::Notice(words) => Event::Notice { words },
            Self::Asked(approval) => Event::Asked { approval },
            Self::Ended => Event::Ended,
        }
    }

    /// How large it is, about, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Reasoning(text) => text.len(),
            Self::Tool(tool) => tool.output.len() + 500,
            _ => 500,
        }
    }

    /// Puts what follows into this one, where both together are one; else gives it back.
    pub(super) fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Text(text), Self::Text(more)) | (Self::Reasoning(text), Self::Reasoning(more)) => *text += &more,
            (Self::Progress(progress), Self::Progress(later)) => *progress = later,
            (Self::Tool(tool), Self::Tool(more)) if tool.id == more.id && more.state == Course::Running => {
                tool.output += &more.output;
            }
            (_, next) => return Some(next),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_closely_is_said_together() {
        let tool = |output: &str, state| {
            let call = yabby_core::ToolCall {
                id: "c1".to_owned(),
                name: "exec".to_owned(),
                arguments: serde_json::Map::new(),
            };
            Piece::Tool(Tool {
                output: output.to_owned(),
                ..Tool::new(&call, state)
            })
        };
        let text = |text: &str| Piece::Text(text.to_owned());
        let all = [
            Piece::Progress(Stage::Loading),
            Piece::Progress(Stage::Waiting),
            text("a"),
            text("b"),
            Piece::Reasoning("c".to_owned()),
            text("d"),
            tool("1", Course::Running),
            tool("2", Course::Running),
            tool("", Course::Done),
        ];
        let mut said: Vec<Piece> = Vec::new();
        for piece in all {
            let rest = match said.last_mut() {
                Some(last) => last.join(piece),
                None => Some(piece),
            };
            said.extend(rest);
        }
        let expected = [
            Piece::Progress(Stage::Waiting),
            text("ab"),
            Piece::Reasoning("c".to_owned()),
            text("d"),
            tool("12", Course::Running),
            tool("", Course::Done),
        ];
        assert_eq!(said, expected);
        for piece in expected {
            let there: Piece = serde_json::from_str(&serde_json::to_string(&piece).unwrap()).unwrap();
            assert_eq!(there, piece);
            assert_eq!(Piece::of(&piece.clone().event()), Some(piece));
        }
    }
}
