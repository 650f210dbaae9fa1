//! From the items of a session to the messages of a request.

use std::collections::BTreeSet;

use yabby_core::{Message, ToolCall};
use yabby_store::{Content, Item};

use crate::{Frozen, Note, results::TOOL};

/// Stands above a summary.
pub(crate) const IN_SHORT: &str = "[What was said before, in short]";

/// What a model is shown: the frozen prompt of the epoch, where one has begun, and the conversation.
///
/// `items` are those of [`yabby_store::Store::context`]. When items are added, what comes out begins with what came out
/// before, as long as the last one was an answer or a result, and no epoch, summary or stub was among them.
pub fn render(items: &[Item]) -> (Option<Frozen>, Vec<Message>) {
    let mut shown = Shown::default();
    let stubs: BTreeSet<u64> = items.iter().flat_map(stubs).collect();
    let reads_on = reads_on(items);
    let mut frozen = None;
    for item in items {
        match &item.item.content {
            Content::Message { message } if stubs.contains(&item.seq) => {
                shown.message(brief(message, reads_on.then_some(item.item.id.as_str())));
            }
            Content::Message { message } => shown.message(message.clone()),
            Content::Summary { text, .. } => {
                shown.beside(&format!("{IN_SHORT}\n{text}"));
                shown.more = true;
            }
            content @ Content::Note { .. } => match Note::of(content) {
                Some(Note::Prompt(prompt)) => frozen = Some(prompt),
                Some(Note::Aside { text }) => shown.beside(&text),
                Some(Note::Hint { text }) => {
                    shown.message(Message::user(text));
                    shown.more = true;
                }
                Some(Note::Unanswered { text, .. }) => shown.unanswered(text),
                Some(Note::Told { .. } | Note::Unworked { .. } | Note::Stubs { .. } | Note::Compacted(_)) | None => {}
            },
        }
    }
    (frozen, shown.end())
}

/// Messages under construction.
#[derive(Default)]
struct Shown {
    messages: Vec<Message>,
    /// What goes in front of the next message of the person.
    beside: String,
    /// Whether the last message of the person holds more than one question: a summary, news, something else that was said.
    more: bool,
    /// Calls that have no result yet.
    open: Vec<ToolCall>,
}

// === impl Shown ===

impl Shown {
    fn beside(&mut self, text: &str) {
        if !self.beside.is_empty() {
            self.beside.push_str("\n\n");
        }
        self.beside.push_str(text);
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::User { text, images } => {
                self.close();
                let text = self.with_beside(&text);
                match self.messages.last_mut() {
                    Some(Message::User {
                        text: said,
                        images: shown,
                    }) => {
                        said.push_str("\n\n");
                        said.push_str(&text);
                        shown.extend(images);
                        self.more = true;
                    }
                    _ => self.messages.push(Message::User { text, images }),
                }
            }
            Message::Assistant { ref tool_calls, .. } => {
                self.close();
                self.open.clone_from(tool_calls);
                self.more = false;
                self.messages.push(message);
            }
            Message::ToolResult { ref call_id, .. } => {
                // A result without its call fails on every server, for ever.
                if let Some(at) = self.open.iter().position(|call| call.id == *call_id) {
                    self.open.remove(at);
                    self.messages.push(message);
                }
            }
        }
    }

    /// A question that came to nothing at all is left out: it would stand there twice when it is asked again.
    fn unanswered(&mut self, text: String) {
        self.close();
        let more = std::mem::take(&mut self.more);
        match self.messages.last() {
            Some(Message::User { .. }) if text.is_empty() && !more => drop(self.messages.pop()),
            _ if text.is_empty() => self.messages.push(Message::assistant("[no answer]")),
            _ => self.messages.push(Message::assistant(text)),
        }
    }

    fn with_beside(&mut self, text: &str) -> String {
        match std::mem::take(&mut self.beside) {
            beside if beside.is_empty() => text.to_owned(),
            beside => format!("{beside}\n\n{text}"),
        }
    }

    /// A call without a result fails on many servers.
    fn close(&mut self) {
        for call in std::mem::take(&mut self.open) {
            self.messages
                .push(Message::result(&call, "[interrupted: there is no result]"));
        }
    }

    fn end(mut self) -> Vec<Message> {
        self.close();
        if !self.beside.is_empty() {
            let text = std::mem::take(&mut self.beside);
            self.message(Message::user(text));
        }
        self.messages
    }
}

/// Whether the model sees the tool by which it gets back what was left out.
fn reads_on(items: &[Item]) -> bool {
    let last = items.iter().rev().find_map(|item| match Note::of(&item.item.content) {
        Some(Note::Prompt(frozen)) => Some(frozen),
        _ => None,
    });
    last.is_none_or(|frozen| frozen.tools.iter().any(|tool| tool.name == TOOL))
}

/// The items that are shown as stubs from here on.
pub(crate) fn stubs(item: &Item) -> Vec<u64> {
    match Note::of(&item.item.content) {
        Some(Note::Stubs { seqs }) => seqs,
        _ => Vec::new(),
    }
}

/// A message without what is long in it; its result is to be had by the id of its item.
pub(crate) fn stub(message: &Message, id: &str) -> Message {
    brief(message, Some(id))
}

/// The same, when there may be no item.
pub(crate) fn brief(message: &Message, id: Option<&str>) -> Message {
    match message {
        Message::ToolResult { call_id, name, content } => {
            let count = content.chars().count();
            let more = id.map_or_else(String::new, |id| format!("; result(handle=\"{id}\") shows it"));
            Message::ToolResult {
                call_id: call_id.clone(),
                name: name.clone(),
                content: format!("[an earlier result of {count} characters was left out{more}]"),
            }
        }
        Message::User { text, images } if !images.is_empty() => Message::User {
            text: format!("{text}\n[{} earlier pictures were left out]", images.len()),
            images: Vec::new(),
        },
        other => other.clone(),
    }
}
