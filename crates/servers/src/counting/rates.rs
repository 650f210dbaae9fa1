//! What the parts of a prompt cost before anything was learned.

use super::features::PARTS;

/// Tokens of one of a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Where it begins.
    pub(super) usual: f64,
    /// How far models are from that: the standard deviation.
    pub(super) spread: f64,
    /// No tokenizer or template has less.
    pub(super) least: f64,
    /// Nor more.
    pub(super) most: f64,
}

const fn rate(usual: f64, spread: f64, least: f64, most: f64) -> Rate {
    Rate {
        usual,
        spread,
        least,
        most,
    }
}

/// In the order of [`super::features::Part`]. Fitted to English, Chinese, code and JSON with seven tokenizers (`SmolLM2`,
/// Qwen2, `cl100k`, `o200k`, Mistral's Tekken, `DeepSeek`, Claude 2) and rounded; kana, hangul and everything else are
/// guesses between one token for two characters and one for each byte. A template writes some marks around each
/// message, and once a system prompt of its own or nothing.
pub(super) const RATES: [Rate; PARTS] = [
    /* words */ rate(1.0, 0.1, 0.5, 2.5),
    /* long */ rate(0.15, 0.1, 0.0, 1.0),
    /* digits */ rate(0.7, 0.25, 0.2, 1.2),
    /* signs */ rate(1.1, 0.2, 0.3, 1.6),
    /* glued */ rate(0.55, 0.35, 0.02, 1.6),
    /* more signs */ rate(0.3, 0.12, 0.0, 1.0),
    /* lines */ rate(0.45, 0.4, 0.0, 1.5),
    /* indents */ rate(0.45, 0.35, 0.0, 4.0),
    /* han */ rate(1.15, 0.5, 0.3, 3.2),
    /* kana */ rate(0.9, 0.4, 0.2, 3.2),
    /* hangul */ rate(1.0, 0.5, 0.2, 3.2),
    /* other bytes */ rate(0.35, 0.15, 0.05, 1.1),
    /* messages */ rate(5.0, 3.0, 0.0, 40.0),
    /* requests */ rate(12.0, 20.0, 0.0, 4000.0),
    /* tool sets */ rate(60.0, 60.0, 0.0, 1000.0),
];

/// A picture: between 256 tokens (Gemma 3) and about 1,600 (Anthropic's largest). Nothing is learned of it, because it
/// depends on its size in points, which is not looked at.
pub(super) const IMAGE: f64 = 800.0;
