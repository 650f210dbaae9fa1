//! A text that a client reads while it is made.

/// What a client has been told of a text, each part once, also when the text is said from its beginning again.
#[derive(Debug, Default)]
pub(super) struct Shown {
    told: String,
    known: Known,
}

/// What is known of the text.
#[derive(Debug, Default, PartialEq)]
enum Known {
    /// What was told.
    #[default]
    Told,
    /// This, which is a part of what was told: somebody says it again.
    Again(String),
    /// Pieces are missing.
    Gap,
}

impl Shown {
    /// What was told of it.
    pub(super) fn told(&self) -> &str {
        &self.told
    }

    /// Another text begins.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Somebody begins to say it again.
    pub(super) fn again(&mut self) {
        self.known = if self.told.is_empty() {
            Known::Told
        } else {
            Known::Again(String::new())
        };
    }

    /// Pieces were missed. What comes now is not behind what was told.
    pub(super) fn missed(&mut self) {
        self.known = Known::Gap;
    }

    /// Its next piece; what is to be told now.
    pub(super) fn more(&mut self, piece: &str) -> Option<String> {
        match std::mem::take(&mut self.known) {
            Known::Told => {
                self.told += piece;
                Some(piece.to_owned())
            }
            Known::Again(text) => self.whole(text + piece),
            Known::Gap => {
                self.known = Known::Gap;
                None
            }
        }
    }

    /// All that there is of it by now; what is to be told. Where it is another one than was told, all of it is told, below.
    pub(super) fn whole(&mut self, text: String) -> Option<String> {
        self.known = Known::Told;
        let new = if let Some(rest) = text.strip_prefix(self.told.as_str()) {
            rest.to_owned()
        } else if self.told.starts_with(&text) {
            self.known = Known::Again(text);
            return None;
        } else {
            format!("\n\n{text}")
        };
        self.told = text;
        (!new.is_empty()).then_some(new)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        /// Whatever is missed or said again: of a text that stays the same, what was told is its beginning, and at the end all of it.
        #[test]
        fn each_part_is_told_once(pieces in vec("[ab文]{0,4}", 1..20), happens in vec(0..4_u8, 20)) {
            let (mut shown, mut read, mut text) = (Shown::default(), String::new(), String::new());
            for (piece, what) in pieces.iter().zip(happens) {
                text += piece;
                let told = match what {
                    0 => {
                        shown.missed();
                        None
                    }
                    1 => {
                        shown.again();
                        shown.more(&text)
                    }
                    2 => shown.whole(text.clone()),
                    // The piece itself would follow something that was missed.
                    _ if shown.told() != &text[..text.len() - piece.len()] => {
                        shown.missed();
                        shown.more(piece)
                    }
                    _ => shown.more(piece),
                };
                read += &told.unwrap_or_default();
                prop_assert_eq!(&read, shown.told());
                prop_assert!(text.starts_with(&read), "{:?} of {:?}", read, text);
            }
            read += &shown.whole(text.clone()).unwrap_or_default();
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn another_text_stands_below_what_was_told() {
        let mut shown = Shown::default();
        assert_eq!(shown.more("Half an").as_deref(), Some("Half an"));
        shown.again();
        assert_eq!((shown.more("Half"), shown.more(" a")), (None, None));
        assert_eq!(shown.more(" loaf").as_deref(), Some("\n\nHalf a loaf"));
        assert_eq!(shown.more(".").as_deref(), Some("."));
        assert_eq!(shown.told(), "Half a loaf.");
    }
}
