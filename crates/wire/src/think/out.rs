//! Where text and reasoning go.

use yabby_core::ModelEvent;

/// The events, where pieces of one kind that come from one call are joined.
#[derive(Debug)]
pub(super) struct Out<'a> {
    events: &'a mut Vec<ModelEvent>,
    /// The first event of this call.
    since: usize,
    /// How many bytes this call can still give out.
    room: usize,
}

// === impl Out ===

impl<'a> Out<'a> {
    pub(super) fn new(events: &'a mut Vec<ModelEvent>, room: usize) -> Self {
        let since = events.len();
        Self { events, since, room }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.add(text, false);
    }

    pub(super) fn reasoning(&mut self, text: &str) {
        self.add(text, true);
    }

    fn add(&mut self, text: &str, reasoning: bool) {
        if text.is_empty() {
            return;
        }
        let room = self.room.max(text.len());
        self.room = room - text.len();
        match self.events.get_mut(self.since..).and_then(<[_]>::last_mut) {
            Some(ModelEvent::Text(last)) if !reasoning => last.push_str(text),
            Some(ModelEvent::Reasoning(last)) if reasoning => last.push_str(text),
            _ => {
                let mut piece = String::with_capacity(room);
                piece.push_str(text);
                self.events.push(if reasoning {
                    ModelEvent::Reasoning(piece)
                } else {
                    ModelEvent::Text(piece)
                });
            }
        }
    }
}
