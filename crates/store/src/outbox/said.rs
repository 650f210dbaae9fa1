//! What a person is sent.

use yabby_core::{EndReason, FinalText, ModelEvent, Text, Unfinished, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
};

/// What a person is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The answer of a model, or a piece of it.
    Answer(FinalText),
    /// Something that Yabby itself says, in the language of its reader.
    Notice(Text),
}

/// As it is kept.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Answer(String),
    /// One that has reached the most tokens that it may have.
    Cut(String),
    Notice(Text),
}

impl Said {
    pub(super) fn to_kept(&self) -> Result<String> {
        json::to_text(&match self {
            Self::Answer(text) if text.is_cut() => Kept::Cut(text.as_str().to_owned()),
            Self::Answer(text) => Kept::Answer(text.as_str().to_owned()),
            Self::Notice(text) => Kept::Notice(text.clone()),
        })
    }

    pub(super) fn of_kept(kept: &str) -> Result<Self> {
        let kept = serde_json::from_str(kept).map_err(|error| {
            let message = text!("a delivery in the store cannot be read: {error}", error = error);
            StoreError::new(StoreErrorKind::Damaged, message)
                .with_hint(text!("run: yabby store check"))
                .with_source(error)
        })?;
        Ok(match kept {
            Kept::Answer(text) => Self::Answer(answer(text, EndReason::Stop)),
            Kept::Cut(text) => Self::Answer(answer(text, EndReason::Length)),
            Kept::Notice(text) => Self::Notice(text),
        })
    }
}

/// An answer that was kept. It was a finished one when it came in, and takes the way of every answer again: no other way
/// to make one is needed.
fn answer(text: String, end: EndReason) -> FinalText {
    let mut unfinished = Unfinished::default();
    unfinished.push(&ModelEvent::Text(text));
    match unfinished.push(&ModelEvent::End(end)) {
        Some((text, _)) => text,
        None => FinalText::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for said in [
            Said::Answer(answer("One.\n\n\"Two\" 二".to_owned(), EndReason::Stop)),
            Said::Answer(answer("One.\n\n\"Tw".to_owned(), EndReason::Length)),
            Said::Notice(text!("the store is closed")),
        ] {
            assert_eq!(Said::of_kept(&said.to_kept().unwrap()).unwrap(), said);
        }
        let damaged = Said::of_kept(r#"{"reasoning": "…"}"#).unwrap_err();
        assert_eq!(damaged.kind, StoreErrorKind::Damaged);
    }
}
