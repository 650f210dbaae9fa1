//! How a turn ends.

use yabby_core::{Label, Text, text};
use yabby_route::RouteFailure;
use yabby_store::{NewItem, Said};

use super::{item, lines, scene::Scene};
use crate::{Exceeded, Note, View};

/// What a turn leaves behind.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ending {
    /// Items that are kept with its end.
    pub(super) items: Vec<NewItem>,
    /// What the person is sent.
    pub(super) says: Vec<Said>,
    /// The ids of the questions to the owner; `says` begins with them.
    pub(super) asks: Vec<String>,
}

impl Ending {
    /// Yabby itself says something.
    pub(super) fn notice(text: Text) -> Self {
        Self {
            says: vec![Said::Notice(text)],
            ..Self::default()
        }
    }
}

impl Scene<'_> {
    /// The turn has no answer of a model: what the person has seen of one, what the model is told of it later, and what the
    /// person is told now.
    pub(super) fn unanswered(&self, seen: &str, words: String, notice: Text) -> Ending {
        let note = Note::Unanswered {
            text: words,
            seen: Some(seen.trim().to_owned()),
        };
        Ending {
            items: vec![item(
                format!("{}/end", self.reply),
                &self.turn,
                note.content(),
                Label::of_nothing(),
            )],
            says: vec![Said::Notice(notice)],
            ..Ending::default()
        }
    }

    /// The person has stopped it.
    pub(super) fn stopped(&self, partial: &str) -> Ending {
        let words = match partial.trim() {
            "" => String::new(),
            said => format!("{said} [stopped here by the person]"),
        };
        self.unanswered(partial, words, text!("stopped"))
    }

    /// A limit has ended it.
    pub(super) fn exceeded(&self, exceeded: Exceeded) -> Ending {
        let notice = match exceeded {
            Exceeded::Steps(steps) => text!(
                "I stopped after {steps} steps without coming to an end; say “go on” to have me continue",
                steps = steps
            ),
            Exceeded::Time(time) => text!(
                "I stopped after {minutes} minutes without coming to an end; say “go on” to have me continue",
                minutes = time.as_secs().div_ceil(60)
            ),
            Exceeded::Tokens(tokens) => text!(
                "I stopped: this turn has used {tokens} tokens, which is its limit; say “go on” to have me continue",
                tokens = tokens
            ),
            Exceeded::Usd(usd) => text!(
                "I stopped: this turn has cost {usd} US dollars, which is its limit; say “go on” to have me continue",
                usd = usd
            ),
            Exceeded::Circle => text!(
                "I stopped: the model made the same call again and again; say it in other words, or use another model with /model"
            ),
        };
        let words = "[stopped by a limit before there was an answer]";
        self.unanswered("", words.to_owned(), notice)
    }

    /// No model has answered.
    pub(super) fn failed(&self, failure: &RouteFailure, view: &View) -> Ending {
        let reason = match failure.errors.as_slice() {
            [] => text!("no model could be asked"),
            [(model, error)] => text!("{model}: {error}", model = model, error = error.message),
            errors => {
                let last = errors
                    .last()
                    .map(|(model, error)| text!("{model}: {error}", model = model, error = error.message));
                text!(
                    "none of {count} models answered; the last one: {reason}",
                    count = errors.len(),
                    reason = last.unwrap_or_else(|| text!("no model could be asked"))
                )
            }
        };
        let hint = failure.errors.iter().rev().find_map(|(_, error)| error.hint.clone());
        let notice = match hint {
            Some(hint) => text!("I could not answer: {reason}; {hint}", reason = reason, hint = hint),
            None => text!("I could not answer: {reason}", reason = reason),
        };
        let words = match failure.partial.trim() {
            "" => String::new(),
            said => format!("{said} [broken off here]"),
        };
        self.unanswered(&failure.partial, words, with_worked(notice, view))
    }
}

/// Why there is no answer, and what was done all the same: it need not be done again.
pub(super) fn with_worked(notice: Text, view: &View) -> Text {
    let worked = view.worked().into_iter().map(|(name, times)| match times {
        1 => name.to_owned(),
        times => format!("{name} ({times})"),
    });
    let worked: Vec<String> = worked.collect();
    if worked.is_empty() {
        return notice;
    }
    let done = text!(
        "these tools had done their work before: {tools}",
        tools = worked.join(", ")
    );
    lines([notice, done])
}
