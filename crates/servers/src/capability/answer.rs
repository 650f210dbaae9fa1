//! Does it answer? One whole answer, as short as one can be.

use yabby_core::{Delivery, ModelRequest, text};

use super::{
    asking::{Asking, Said, only_thought, question, refused},
    finding::Judged,
};
use crate::ServerKind;

/// A model that does not reason needs a few; one that does says its word after a hundred or two.
const MOST: u32 = 256;

/// With whether the model reasons, so that the other tests leave room for that.
pub(super) async fn try_out(asking: &Asking<'_>) -> (Judged, bool) {
    let request = ModelRequest {
        delivery: Delivery::Whole,
        ..question("What is the capital of France? Answer with one word.", MOST)
    };
    match asking.ask_with_less(request).await {
        Ok(said) => (judge(&said, asking.kind), said.reasoned),
        Err(error) => (refused(&error), false),
    }
}

fn judge(said: &Said, kind: Option<ServerKind>) -> Judged {
    if !said.text.trim().is_empty() {
        return Judged::works(None);
    }
    if said.only_thought() {
        // Reasoning counts against the limit (`wire-facts.md` §4.1).
        return Judged::partly(
            only_thought(),
            Some(text!(
                "raise maxTokens for this model, so that words follow its reasoning"
            )),
        );
    }
    let fix = match kind {
        // lmstudio-bug-tracker issue 2339: a stream without a delta when the prompt is too long for the window.
        Some(ServerKind::LmStudio) => text!("load the model in LM Studio with a larger context length"),
        _ => text!("ask again; if nothing comes then either, look into the server's log"),
    };
    Judged::fails(text!("the answer was empty"), Some(fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Outcome;

    #[test]
    fn text_is_an_answer_and_reasoning_alone_is_half_of_one() {
        let said = |text: &str, reasoned| Said {
            text: text.to_owned(),
            reasoned,
            ..Said::default()
        };
        for (said, expected, has_fix) in [
            (said("Paris.", false), Outcome::Works, false),
            (said("Paris.", true), Outcome::Works, false),
            (said(" \n", true), Outcome::Partly, true),
            (said("", false), Outcome::Fails, true),
        ] {
            for kind in [None, Some(ServerKind::LmStudio)] {
                let judged = judge(&said, kind);
                assert_eq!((judged.verdict.outcome(), judged.fix.is_some()), (expected, has_fix));
            }
        }
    }
}
