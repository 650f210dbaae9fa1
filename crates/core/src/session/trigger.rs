//! Words with which a person starts a session afresh.

/// Words at the beginning of a message that start a session afresh: OpenClaw's `session.resetTriggers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetTriggers(Vec<String>);

// === impl ResetTriggers ===

impl ResetTriggers {
    /// These words and no others; none that is empty.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words = words.into_iter().map(|word| word.trim().to_owned());
        Self(words.filter(|word| !word.is_empty()).collect())
    }

    /// The words, as they were given.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// What a message says behind the word, which may be nothing; `None` when it does not begin with one. Upper and lower
    /// case are alike, and the word ends with the message or at white space.
    pub fn rest_of<'m>(&self, message: &'m str) -> Option<&'m str> {
        let message = message.trim();
        let behind = |word: &String| {
            let (start, rest) = message.split_at_checked(word.len())?;
            let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
            (ends && start.to_lowercase() == word.to_lowercase()).then(|| rest.trim_start())
        };
        // Of `/new` and `/new chat`, the longer one was meant.
        self.0.iter().filter_map(behind).min_by_key(|rest| rest.len())
    }
}

impl Default for ResetTriggers {
    fn default() -> Self {
        Self::new(["/new", "/reset"].map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_trigger_stands_alone_or_before_white_space() {
        let triggers = ResetTriggers::new(["/new", " /reset ", "/new chat", "重新開始", ""].map(str::to_owned));
        let cases = [
            ("/new", Some("")),
            (" /NEW \n", Some("")),
            ("/reset  hello  there ", Some("hello  there")),
            ("/new\nhello", Some("hello")),
            ("/new chat about cats", Some("about cats")),
            ("/new chats", Some("chats")),
            ("重新開始 你好", Some("你好")),
            ("/news", None),
            ("please /new", None),
            ("", None),
            ("重新", None),
        ];
        for (message, rest) in cases {
            assert_eq!(triggers.rest_of(message), rest, "{message:?}");
        }
        assert_eq!(ResetTriggers::default().words(), ["/new", "/reset"]);
        assert_eq!(ResetTriggers::new([]).rest_of("/new"), None);
    }

    proptest! {
        #[test]
        fn the_rest_is_an_end_of_the_message(message in "(/new|/reset|中)?(?s).{0,12}") {
            if let Some(rest) = ResetTriggers::default().rest_of(&message) {
                prop_assert!(message.trim().ends_with(rest));
            }
        }
    }
}
