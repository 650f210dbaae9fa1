//! What the items of a turn say.

use yabby_core::{Message, ToolCall};
use yabby_store::{Content, Item};

use crate::{Note, Unworked, find::CALL};

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

/// How what the model is told begins, instead of a result, when a call was not run.
const NOT_RUN: &str = "[not run: ";

/// What the model is told when a call cannot be run.
pub(crate) fn not_run(problem: &str) -> String {
    format!("{NOT_RUN}{problem}]")
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
    /// Those among them to which the owner has said no since a person spoke last.
    pub denied: Vec<ToolCall>,
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
                    Some(Note::Unworked {
                        call,
                        how: Unworked::Denied,
                    }) if ours => {
                        let mut done = view.done.iter().rev();
                        view.denied
                            .extend(done.find(|(other, _)| other.id == call).map(|(other, _)| other.clone()));
                    }
                    _ => {}
                },
            }
        }
        view
    }

    /// Whether the model was told before that this very call was not run.
    pub fn has_refused(&self, call: &ToolCall) -> bool {
        let mut done = self.done.iter();
        done.any(|(other, result)| is_same(other, call) && result.starts_with(NOT_RUN))
    }

    /// Whether the owner has said no to this very call, and need not be asked again.
    pub fn is_denied(&self, call: &ToolCall) -> bool {
        self.denied.iter().any(|other| is_same(other, call))
    }

    /// The names of the tools that have done what they were called for, in order, each with how often.
    pub fn worked(&self) -> Vec<(&str, usize)> {
        let mut worked: Vec<(&str, usize)> = Vec::new();
        let failed = |result: &str| {
            ["[error: ", NOT_RUN, "[interrupted"]
                .iter()
                .any(|begin| result.starts_with(begin))
        };
        for (call, _) in self.done.iter().filter(|(_, result)| !failed(result)) {
            // What was found is called by a tool of its own.
            let found = call.arguments.get("name").filter(|_| call.name == CALL);
            let tool = found.and_then(|name| name.as_str()).unwrap_or(&call.name);
            match worked.iter_mut().find(|(name, _)| *name == tool) {
                Some((_, times)) => *times += 1,
                None => worked.push((tool, 1)),
            }
        }
        worked
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
                    self.denied.clear();
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

/// Whether two calls would do the same.
fn is_same(one: &ToolCall, other: &ToolCall) -> bool {
    (&one.name, &one.arguments) == (&other.name, &other.arguments)
}
