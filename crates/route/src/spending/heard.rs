//! How long an answer is, as far as it was heard: what counts when the server does not say it.

use yabby_core::ModelEvent;

/// ASCII characters of a token, as a rule; other characters have about one token each.
const ASCII_OF_TOKEN: u64 = 4;

/// What was heard of an answer.
#[derive(Debug, Default)]
pub(super) struct Heard {
    ascii: u64,
    others: u64,
    /// Whether the answer is complete.
    pub(super) ended: bool,
}

impl Heard {
    pub(super) fn event(&mut self, event: &ModelEvent) {
        match event {
            ModelEvent::Text(piece) | ModelEvent::Reasoning(piece) => self.piece(piece),
            ModelEvent::ToolCall(call) => {
                self.piece(&call.name);
                self.piece(&serde_json::to_string(&call.arguments).unwrap_or_default());
            }
            ModelEvent::MalformedCall(call) => {
                self.piece(&call.name);
                self.piece(&call.arguments);
            }
            ModelEvent::End(_) => self.ended = true,
            ModelEvent::Progress(_) | ModelEvent::Opaque(_) | ModelEvent::Usage(_) | ModelEvent::ServedBy(_) => {}
        }
    }

    fn piece(&mut self, piece: &str) {
        let ascii = piece.bytes().filter(u8::is_ascii).count();
        self.ascii += ascii as u64;
        self.others += (piece.chars().count() - ascii) as u64;
    }

    /// About so many tokens.
    pub(super) fn tokens(&self) -> u32 {
        u32::try_from(self.ascii.div_ceil(ASCII_OF_TOKEN) + self.others).unwrap_or(u32::MAX)
    }
}
