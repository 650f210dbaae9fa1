//! Is the same beginning of a prompt read only once? Two questions about the same long text, which nobody has sent
//! before.
//!
//! What the server reports decides. Where it reports nothing, the time to the first piece can tell, if it is long enough
//! to mean anything.

use std::{fmt::Write, time::Duration};

use yabby_core::{Text, now, text};

use super::{
    asking::{Asking, Said, question, refused},
    finding::Judged,
    speed,
};
use crate::{Reach, ServerKind};

/// Some 400 tokens: vLLM keeps whole blocks of 128 (`wire-facts.md` §7.1).
const LINES: u32 = 24;

/// A first piece that comes sooner may come sooner for any reason.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// With how fast it reads.
pub(super) async fn try_out(asking: &Asking<'_>) -> (Judged, Option<f64>) {
    if asking.endpoint.reach == Reach::Hosted {
        // OpenAI and Anthropic keep prompts from 1024 tokens on, for money.
        let words = text!("hosted services keep only long prompts, which cost money");
        return (Judged::skipped(words), None);
    }
    let beginning = beginning(now());
    let ask = |last: &str| asking.ask(question(format!("{beginning}\n{last}"), 16));
    let first = match ask("Which drawer comes last?").await {
        Ok(said) => said,
        Err(error) => return (refused(&error), None),
    };
    let prefill = speed::prefill(&first);
    match ask("What is in the first drawer?").await {
        Ok(second) => (judge(&first, &second, asking.kind), prefill),
        Err(error) => (refused(&error), prefill),
    }
}

/// A text that begins with something new each time, so that no earlier run has left it in the cache.
fn beginning(mark: u64) -> String {
    let mut text = format!("List {mark} of what is in the drawers of a workshop.\n");
    for line in 1..=LINES {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Drawer {line} has {} screws and {} nails.",
            line * 7 % 50,
            line * 3 % 40
        );
    }
    text
}

fn judge(first: &Said, second: &Said, kind: Option<ServerKind>) -> Judged {
    if let (Some(cached), Some(all)) = (second.usage.cached_tokens, second.usage.input_tokens) {
        let note = text!(
            "{cached} of {all} tokens came from the cache",
            cached = cached,
            all = all
        );
        return if u64::from(cached) * 2 > u64::from(all) {
            Judged::works(Some(note))
        } else {
            Judged::fails(note, Some(not_cached(kind)))
        };
    }
    let (Some(before), Some(after)) = (first.to_first(), second.to_first()) else {
        return Judged::skipped(text!(
            "the server does not report it, and nothing came that could be timed"
        ))
        .with_fix(not_reported(kind));
    };
    if before < LONG_ENOUGH {
        Judged::skipped(text!("the server does not report it, and reads too fast to tell")).with_fix(not_reported(kind))
    } else if after * 2 < before {
        Judged::partly(
            text!("the second prompt was read faster, and the server does not report it"),
            not_reported(kind),
        )
    } else {
        Judged::fails(
            text!("the same beginning was read again, as far as time can tell"),
            Some(not_cached(kind)),
        )
    }
}

fn not_reported(kind: Option<ServerKind>) -> Option<Text> {
    match kind? {
        ServerKind::Vllm => Some(text!("start vLLM with --enable-prompt-tokens-details to see it")),
        ServerKind::SgLang => Some(text!("start SGLang with --enable-cache-report to see it")),
        _ => None,
    }
}

fn not_cached(kind: Option<ServerKind>) -> Text {
    match kind {
        Some(ServerKind::LlamaCpp) => {
            text!("start llama-server without --no-cache-prompt; a model with a sliding window needs --swa-full")
        }
        Some(ServerKind::Vllm) => text!("start vLLM with --enable-prefix-caching"),
        Some(ServerKind::SgLang) => text!("start SGLang without --disable-radix-cache"),
        Some(ServerKind::LiteLlm) => text!("see to the server behind LiteLLM, and that it is always the same one"),
        _ => text!(
            "use a server that keeps the beginning of a prompt, such as llama.cpp or vLLM; until then each question of a long chat reads all of it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::Usage;

    use super::*;
    use crate::capability::{Outcome, asking::Times};

    fn said(to_first: u64, cached: Option<u32>) -> Said {
        Said {
            usage: Usage {
                input_tokens: Some(400),
                cached_tokens: cached,
                ..Usage::default()
            },
            times: Times {
                asked: Duration::from_secs(1),
                first: Some(Duration::from_millis(1000 + to_first)),
                ..Times::default()
            },
            ..Said::default()
        }
    }

    #[test]
    fn reports_decide_and_else_time_does() {
        let silent = Said::default();
        for (first, second, expected) in [
            (said(1000, Some(0)), said(900, Some(201)), Outcome::Works),
            (said(1000, None), said(900, Some(201)), Outcome::Works),
            (said(1000, Some(0)), said(10, Some(200)), Outcome::Fails),
            (said(1000, Some(0)), said(10, Some(0)), Outcome::Fails),
            (said(1000, None), said(499, None), Outcome::Partly),
            (said(1000, None), said(500, None), Outcome::Fails),
            (said(199, None), said(10, None), Outcome::Skipped),
            (said(199, None), said(400, None), Outcome::Skipped),
            (silent.clone(), silent, Outcome::Skipped),
        ] {
            for kind in [Some(ServerKind::Vllm), Some(ServerKind::SgLang)] {
                let judged = judge(&first, &second, kind);
                let found = (judged.verdict.outcome(), judged.fix.is_some());
                assert_eq!(found, (expected, expected != Outcome::Works), "{first:?} {second:?}");
            }
        }
        // Ollama cannot report it.
        assert_eq!(
            judge(&said(1000, None), &said(1, None), Some(ServerKind::Ollama)).fix,
            None
        );
    }

    #[test]
    fn each_text_is_new_from_its_beginning_on() {
        let (one, two) = (beginning(1), beginning(2));
        assert!(one != two && one[10..] == two[10..] && one.starts_with("List 1 "));
        let words = one.split_whitespace().count();
        assert!((180..250).contains(&words), "{words}");
    }
}
