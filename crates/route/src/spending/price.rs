//! What a model costs.

use yabby_config::{Cost, CostTier};
use yabby_core::Usage;
use yabby_servers::Endpoint;

const MILLION: f64 = 1_000_000.0;

/// Prices of a model, in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Price(Cost);

/// What is known of a model's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It costs nothing.
    Free,
    Paid,
    Unknown,
}

impl Price {
    /// The price of a model: that of the config, else what its server says; `None` where nobody says anything.
    pub fn known(endpoint: &Endpoint, model: &str) -> Option<Self> {
        let written = endpoint.listed_model(model).and_then(|entry| entry.cost.clone());
        let told = || {
            let facts = endpoint.known()?;
            Some(facts.model(model)?.price.as_ref()?.value.clone())
        };
        written.or_else(told).map(Self)
    }

    /// From prices as the config has them.
    pub const fn new(cost: Cost) -> Self {
        Self(cost)
    }

    pub(super) fn kind(&self) -> Known {
        if self.is_free() { Known::Free } else { Known::Paid }
    }

    /// Whether it costs nothing at all.
    pub fn is_free(&self) -> bool {
        let free = |rates: [f64; 4]| rates.iter().all(|rate| *rate <= 0.0);
        let cost = &self.0;
        let mut tiers = cost.tiers.iter();
        if cost.tiers.is_empty() {
            return free([cost.input, cost.output, cost.cache_read, cost.cache_write]);
        }
        tiers.all(|tier| free([tier.input, tier.output, tier.cache_read, tier.cache_write]))
    }

    /// What an answer cost. Input from a cache, and input that was written to one, have their own prices; the tier is that of the
    /// whole input.
    pub fn of(&self, usage: &Usage) -> f64 {
        let input = usage.input_tokens.unwrap_or(0);
        let cached = usage.cached_tokens.unwrap_or(0).min(input);
        let written = usage.cache_write_tokens.unwrap_or(0).min(input - cached);
        let rates = self.rates(input);
        let tokens = |count: u32, rate: f64| f64::from(count) * rate / MILLION;
        tokens(input - cached - written, rates.input)
            + tokens(cached, rates.cache_read)
            + tokens(written, rates.cache_write)
            + tokens(usage.output_tokens.unwrap_or(0), rates.output)
    }

    /// What a request costs of which nothing comes from a cache.
    pub fn estimate(&self, input: u32, output: u32) -> f64 {
        self.of(&Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..Usage::default()
        })
    }

    /// The rates for so much input. Ranges are half open: `[start, end)`. What stands in no range belongs to the next one, and
    /// what is behind all of them to the last.
    fn rates(&self, input: u32) -> CostTier {
        let within = |tier: &&CostTier| tier.end.is_none_or(|end| input < end);
        let tier = self.0.tiers.iter().find(within).or_else(|| self.0.tiers.last());
        tier.cloned().unwrap_or(CostTier {
            input: self.0.input,
            output: self.0.output,
            cache_read: self.0.cache_read,
            cache_write: self.0.cache_write,
            start: 0,
            end: None,
        })
    }
}
