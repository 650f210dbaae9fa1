//! What the items of a turn say.

use yabby_core::{Message, ToolCall};
use yabby_store::{Content, Item};

use crate::Note;

/// A call that has no result.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Stands for this one call, whoever runs it and however often: the id of the answer that it was made in, and its place
    /// there.
    pub key: String,
    /// The call.
    pub call: ToolCall,
    /// Whether the conversation has gone on meanwhile, so that its result is told as news.
    pub late: bool,
}

/// What the items of a turn say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// How often a model was asked.
    pub steps: usize,
    /// Calls that have no result, in their order.
    pub pending: Vec<Pending>,
    /// Every call that has a result, and the result, in order.
    pub done: Vec<(ToolCall, String)>,
    /// Whether the model was told that it has said something that it has not done.
    pub hinted: bool,
    /// Whether there is an answer, or the turn was given up.
    pub ended: bool,
}

impl View {
    /// Reads the items of `turn` among those of a session.
    pub fn of(items: &[Item], turn: &str) -> Self {
        let mut view = Self::default();
        for item in items {
            let ours = item.item.turn.as_deref() == Some(turn);
            match &item.item.content {
                Content::Message { message } => view.message(message, &item.item.id, ours),
                content => match Note::of(content) {
                    Some(Note::Hint { .. }) => {
                        view.goes_on();
                        if ours {
                            view.hinted = true;
                            view.ended = false;
                        }
                    }
                    Some(Note::Unanswered { .. }) => {
                        view.goes_on();
                        view.ended |= ours;
                    }
                    _ => {}
                },
            }
        }
        view
    }

    /// Something else than a result was said: as `render` shows it, calls that are open have no result any more.
    fn goes_on(&mut self) {
        self.pending.iter_mut().for_each(|pending| pending.late = true);
    }

    fn message(&mut self, message: &Message, id: &str, ours: bool) {
        match message {
            Message::User { .. } => {
                self.goes_on();
                if ours {
                    self.ended = false;
                }
            }
            Message::Assistant { tool_calls, .. } => {
                self.goes_on();
                if !ours {
                    return;
                }
                self.steps += 1;
                self.ended = tool_calls.is_empty();
                let calls = tool_calls.iter().enumerate();
                self.pending.extend(calls.map(|(n, call)| Pending {
                    key: format!("{id}/{n}"),
                    call: call.clone(),
                    late: false,
                }));
            }
            Message::ToolResult { call_id, content, .. } if ours => {
                // Ids are unique in one answer only; the last one is meant.
                if let Some(at) = self.pending.iter().rposition(|pending| pending.call.id == *call_id) {
                    let pending = self.pending.remove(at);
                    self.done.push((pending.call, content.clone()));
                }
            }
            Message::ToolResult { .. } => {}
        }
    }
}
