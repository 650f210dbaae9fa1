//! What a model costs, as the config says.
//!
//! It fails closed: prices that are not whole are none, so that a model with a slip in its `cost` does not pass for a free one.

use yabby_core::text;

use crate::{
    config::{Cost, CostTier},
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, below},
    raw,
    resolve::Resolver,
};

impl Resolver<'_> {
    /// The prices that are written at `path`.
    pub(crate) fn cost(&mut self, raw: &raw::Cost, path: &[Seg]) -> Option<Cost> {
        let at = below(path, "cost");
        let mut tiers = Vec::new();
        for (index, tier) in raw.tiered_pricing.iter().enumerate() {
            let mut at = below(&at, "tieredPricing");
            at.push(Seg::Index(index));
            tiers.push(self.tier(tier, &at)?);
        }
        tiers.sort_by_key(|tier| tier.start);
        // Beside tiers, the flat prices do not count.
        let (input, output) = if tiers.is_empty() {
            self.both(raw.input, raw.output, &at)?
        } else {
            (raw.input.unwrap_or_default(), raw.output.unwrap_or_default())
        };
        Some(Cost {
            input,
            output,
            cache_read: raw.cache_read.unwrap_or(input),
            cache_write: raw.cache_write.unwrap_or(input),
            tiers,
        })
    }

    fn tier(&mut self, raw: &raw::CostTier, at: &[Seg]) -> Option<CostTier> {
        let (input, output) = self.both(raw.input, raw.output, at)?;
        let (start, end) = match raw.range[..] {
            [start] => (start, None),
            [start, end] if start < end => (start, Some(end)),
            _ => {
                let message =
                    text!("a range is [start, end] with the smaller number first, or [start] for the last tier");
                self.no_price(message, &below(at, "range"));
                return None;
            }
        };
        Some(CostTier {
            input,
            output,
            cache_read: raw.cache_read.unwrap_or(input),
            cache_write: raw.cache_write.unwrap_or(input),
            start: whole(start),
            // What is longer than every prompt is no end.
            end: end.filter(|end| *end < f64::from(u32::MAX)).map(whole),
        })
    }

    /// The two prices without which nothing can be said.
    fn both(&mut self, input: Option<f64>, output: Option<f64>, at: &[Seg]) -> Option<(f64, f64)> {
        let missing = match (input, output) {
            (Some(input), Some(output)) => return Some((input, output)),
            (None, _) => "input",
            (_, None) => "output",
        };
        self.no_price(text!("the price of {key} is missing here", key = missing), at);
        None
    }

    fn no_price(&mut self, message: yabby_core::Text, at: &[Seg]) {
        let help = text!("until this is corrected, the price of the model is not known");
        let diagnostic = Diagnostic::warning(DiagnosticKind::MissingKey, message);
        self.push(diagnostic.with_help(help), at);
    }
}

/// A number of tokens.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float stops at both ends of u32"
)]
const fn whole(tokens: f64) -> u32 {
    tokens as u32
}
