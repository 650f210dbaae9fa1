//! Prompts that a server cut without a word.
//!
//! Ollama's `OpenAI` endpoints drop the oldest messages, SGLang and vLLM do it when they are told to
//! (`wire-facts.md` §2.2, §7.1, §7.4, §7.5). The only sign is that the usage reports far fewer tokens than were sent.

use serde::Serialize;

/// What an expected number of tokens rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The server's own counter.
    Exact,
    /// An estimate for text of which the model's rates have been learned.
    Learned,
    /// An estimate from what models usually have.
    Usual,
}

/// A prompt of which the server read only a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Truncation {
    /// The tokens that were sent.
    pub expected: u32,
    /// What `expected` rests on.
    pub basis: Basis,
    /// The tokens that the server says it read.
    pub reported: u32,
    /// The window that this suggests, at most 255 tokens too large: what was read, rounded up to the steps in which
    /// windows are made. It is too small where whole messages were left out.
    pub window: u32,
}

/// No window is smaller, and in a small prompt the template is too much of it.
const SMALLEST: u32 = 512;

/// llama.cpp, and with it Ollama and LM Studio, makes windows in such steps.
const STEP: u32 = 256;

/// Whether a server that reports so many prompt tokens has left out a part of the prompt: fewer than 95 % of an exact
/// count, 60 % of a learned estimate, 40 % of any other.
///
/// The last is what remains when Chinese is taken for twice as many tokens as it has. Prompts below 512 tokens are not
/// judged.
pub fn truncated(expected: u32, reported: u32, basis: Basis) -> Option<Truncation> {
    let percent = match basis {
        Basis::Exact => 95,
        Basis::Learned => 60,
        Basis::Usual => 40,
    };
    let cut = u64::from(reported) * 100 < u64::from(expected) * percent;
    (cut && reported > 0 && expected >= SMALLEST).then(|| Truncation {
        expected,
        basis,
        reported,
        window: reported.div_ceil(STEP).saturating_mul(STEP),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of M16: what was sent, what was reported, and the window that follows.
    #[test]
    fn far_below_the_count_is_a_cut_prompt() {
        use Basis::{Exact, Learned, Usual};
        let rows = [
            // Ollama with its window of 4096, asked with 13,055 tokens.
            (13_055, 4096, Exact, Some(4096)),
            (13_055, 4096, Learned, Some(4096)),
            (13_055, 4096, Usual, Some(4096)),
            // Whole messages were left out.
            (13_055, 3700, Learned, Some(3840)),
            // vLLM that was told to leave one token for the answer.
            (5000, 2047, Learned, Some(2048)),
            // At the limits.
            (1000, 949, Exact, Some(1024)),
            (1000, 950, Exact, None),
            (1000, 599, Learned, Some(768)),
            (1000, 600, Learned, None),
            (1000, 399, Usual, Some(512)),
            (1000, 400, Usual, None),
            // All of it, more than it, or nothing is said.
            (5000, 5000, Exact, None),
            (5000, 6000, Learned, None),
            (5000, 0, Exact, None),
            // Too small to judge.
            (511, 100, Exact, None),
            (512, 100, Usual, Some(256)),
            (u32::MAX, u32::MAX / 3, Usual, Some(u32::MAX / 3 / 256 * 256 + 256)),
        ];
        for (expected, reported, basis, window) in rows {
            let wanted = window.map(|window| Truncation {
                expected,
                basis,
                reported,
                window,
            });
            assert_eq!(
                truncated(expected, reported, basis),
                wanted,
                "{expected} {reported} {basis:?}"
            );
        }
    }
}
