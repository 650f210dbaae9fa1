//! The only thing that is delivered to a person.

use crate::{EndReason, ModelEvent};

/// The visible text of a finished answer.
///
/// It can be made only from [`ModelEvent::Text`] by way of [`Unfinished`], or be cut from one
/// ([`chunks`](Self::chunks)), so reasoning cannot get into it. It is not read from JSON either: the outbox, which keeps
/// answers, makes them anew from the text that it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinalText {
    text: String,
    cut: bool,
}

impl FinalText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it ends where it does because it has reached the most tokens that it may have.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.text
    }

    /// A piece of an answer.
    pub(crate) fn piece(text: String, cut: bool) -> Self {
        Self { text, cut }
    }

    /// Whether there is nothing but white space to deliver.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// An answer that is still being collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    text: String,
}

impl Unfinished {
    /// Takes the text of a text event and nothing of any other event.
    ///
    /// Returns the finished text when the event is the end.
    pub fn push(&mut self, event: &ModelEvent) -> Option<(FinalText, EndReason)> {
        match event {
            ModelEvent::Text(text) => {
                self.text.push_str(text);
                None
            }
            ModelEvent::End(reason) => {
                let text = std::mem::take(&mut self.text);
                let cut = *reason == EndReason::Length;
                Some((FinalText { text, cut }, *reason))
            }
            ModelEvent::Progress(_)
            | ModelEvent::Reasoning(_)
            | ModelEvent::ToolCall(_)
            | ModelEvent::MalformedCall(_)
            | ModelEvent::Opaque(_)
            | ModelEvent::Usage(_)
            | ModelEvent::ServedBy(_) => None,
        }
    }

    /// What has been collected so far.
    pub fn so_far(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_is_not_delivered() {
        let mut answer = Unfinished::default();
        assert_eq!(answer.push(&ModelEvent::Reasoning("secret plan".into())), None);
        assert_eq!(answer.push(&ModelEvent::Text("Hello.".into())), None);
        let (text, reason) = answer.push(&ModelEvent::End(EndReason::Stop)).unwrap();
        assert_eq!(
            (text.as_str(), text.is_cut(), reason),
            ("Hello.", false, EndReason::Stop)
        );
        answer.push(&ModelEvent::Text("Hel".into()));
        let (text, _) = answer.push(&ModelEvent::End(EndReason::Length)).unwrap();
        assert_eq!((text.as_str(), text.is_cut()), ("Hel", true));
    }
}
