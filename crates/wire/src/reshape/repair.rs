//! A history that no server refuses: every call has one result, behind its call, and no result is without a call.
//!
//! A crash between a call and its result, or a change of the history, leaves others behind, and a server that refuses
//! such a conversation refuses it for ever (`wire-facts.md` §7: `tool_use` without `tool_result`).

use yabby_core::{Message, ToolCall};

/// What stands for a result that nobody wrote down.
const NO_RESULT: &str = "no result was recorded";

/// Whether nothing is to be repaired. Calls at the end of the conversation may wait.
pub(super) fn is_sound(messages: &[Message]) -> bool {
    let mut waiting: Vec<&str> = Vec::new();
    messages.iter().all(|message| match message {
        Message::ToolResult { call_id, .. } => match waiting.iter().position(|id| id == call_id) {
            Some(at) => {
                waiting.remove(at);
                true
            }
            None => false,
        },
        Message::Assistant { tool_calls, .. } => {
            let closed = waiting.is_empty();
            waiting = tool_calls.iter().map(|call| call.id.as_str()).collect();
            closed
        }
        Message::User { .. } => waiting.is_empty(),
    })
}

/// The conversation with a result for each call and a call for each result.
///
/// A result that answers no call of the assistant message before it becomes the words of a user. If calls are waiting
/// then, it comes after their results, and after nothing if the conversation ends before: so nothing that was written
/// is ever followed by something that belongs before it.
pub(super) fn repaired(messages: Vec<Message>) -> Vec<Message> {
    let mut repair = Repair {
        out: Vec::with_capacity(messages.len() + 1),
        waiting: Vec::new(),
        held: Vec::new(),
    };
    for message in messages {
        repair.add(message);
    }
    repair.out
}

struct Repair {
    out: Vec<Message>,
    /// Calls of the last assistant message that have no result yet.
    waiting: Vec<ToolCall>,
    /// Results without a call that came while calls were waiting.
    held: Vec<Message>,
}

impl Repair {
    fn add(&mut self, message: Message) {
        if let Message::ToolResult { call_id, name, content } = &message {
            if let Some(at) = self.waiting.iter().position(|call| &call.id == call_id) {
                self.waiting.remove(at);
                self.out.push(message);
            } else {
                self.held.push(Message::user(result_as_text(name, content)));
            }
            if self.waiting.is_empty() {
                self.out.append(&mut self.held);
            }
            return;
        }
        self.close();
        if let Message::Assistant { tool_calls, .. } = &message {
            self.waiting.clone_from(tool_calls);
        }
        self.out.push(message);
    }

    /// Something else than a result comes next.
    fn close(&mut self) {
        let missing = self.waiting.drain(..).map(|call| Message::result(&call, NO_RESULT));
        self.out.extend(missing);
        self.out.append(&mut self.held);
    }
}

/// A result as words.
pub(super) fn result_as_text(name: &str, content: &str) -> String {
    format!("[Result of {name}]\n{content}")
}
