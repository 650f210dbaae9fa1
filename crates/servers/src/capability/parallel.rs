//! Are two requests answered at once? Two are made, and it is looked whether both speak before one has ended.
//!
//! A server with one slot is not broken: it lets the second one wait.

use std::time::Duration;

use futures_util::future::join;
use yabby_core::{Text, text};

use super::{
    asking::{Asking, Said, Times, question, refused},
    finding::Judged,
};
use crate::ServerKind;

/// An answer that is over sooner may have been over before the other request arrived.
const LONG_ENOUGH: Duration = Duration::from_millis(100);

pub(super) async fn try_out(asking: &Asking<'_>) -> Judged {
    // Of different words, so that no answer is given from a cache.
    let one = asking.ask(question("Count from 1 to 20, separated by commas.", 48));
    let two = asking.ask(question("Count from 31 to 50, separated by commas.", 48));
    match join(one, two).await {
        (Ok(one), Ok(two)) => judge(&one, &two, asking.kind),
        (Err(error), _) | (_, Err(error)) => refused(&error),
    }
}

fn judge(one: &Said, two: &Said, kind: Option<ServerKind>) -> Judged {
    match at_once(&one.times, &two.times) {
        Some(true) => Judged::works(None),
        Some(false) if took(&one.times).min(took(&two.times)) < LONG_ENOUGH => {
            Judged::skipped(text!("it answers too fast to tell"))
        }
        Some(false) => Judged::works(Some(text!("1 slot: requests queue"))).with_fix(fix(kind)),
        None => Judged::fails(
            text!("one of two answers was empty"),
            Some(text!(
                "ask again; if nothing comes then either, look into the server's log"
            )),
        ),
    }
}

/// Whether each had begun before the other one was over; unknown where one has said nothing.
fn at_once(one: &Times, two: &Times) -> Option<bool> {
    Some(one.first? < two.ended && two.first? < one.ended)
}

fn took(times: &Times) -> Duration {
    times.ended.saturating_sub(times.asked)
}

fn fix(kind: Option<ServerKind>) -> Option<Text> {
    Some(match kind? {
        // `wire-facts.md` §6.1: `-c 4096 -np 2` gives two windows of 2048.
        ServerKind::LlamaCpp => text!(
            "for two at once start llama-server with --parallel 2, and twice the --ctx-size: it is divided among the slots"
        ),
        ServerKind::LmStudio => {
            text!("for two at once load the model in LM Studio with more parallel requests")
        }
        ServerKind::Ollama => text!("for two at once start Ollama with OLLAMA_NUM_PARALLEL=2"),
        ServerKind::Vllm => text!("for two at once start vLLM with --max-num-seqs 2 or more"),
        ServerKind::SgLang => text!("for two at once start SGLang with --max-running-requests 2 or more"),
        ServerKind::LiteLlm => text!("for two at once see to the server behind LiteLLM"),
        ServerKind::OpenRouter => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Outcome, finding::Judged};

    fn said(first: Option<u64>, ended: u64) -> Said {
        Said {
            times: Times {
                asked: Duration::ZERO,
                first: first.map(Duration::from_millis),
                last: first.map(Duration::from_millis),
                ended: Duration::from_millis(ended),
            },
            ..Said::default()
        }
    }

    #[test]
    fn both_must_speak_before_one_ends() {
        let kind = Some(ServerKind::LlamaCpp);
        for (one, two, expected) in [
            (said(Some(10), 100), said(Some(20), 90), Some(true)),
            (said(Some(10), 100), said(Some(99), 200), Some(true)),
            (said(Some(10), 100), said(Some(100), 200), Some(false)),
            (said(Some(150), 200), said(Some(10), 100), Some(false)),
            (said(None, 100), said(Some(10), 100), None),
        ] {
            assert_eq!(at_once(&one.times, &two.times), expected);
            assert_eq!(at_once(&two.times, &one.times), expected);
            let Judged { verdict, note, fix } = judge(&one, &two, kind);
            let waits = expected == Some(false);
            assert_eq!(
                (verdict.outcome() == Outcome::Works, note.is_some(), fix.is_some()),
                (expected.is_some(), waits, waits || expected.is_none())
            );
        }
        let (one, two) = (said(Some(10), 99), said(Some(110), 200));
        assert_eq!(judge(&one, &two, kind).verdict.outcome(), Outcome::Skipped);
    }
}
