//! How many tokens a prompt will have, learned from how many others had.
//!
//! A prompt's tokens are taken as a sum: so many for each word, digit, Chinese character, message and so on. The rates
//! begin where today's tokenizers are and are corrected by each report: recursive least squares, regularised by how far
//! tokenizers differ, so that what was seen is learned quickly and what was not stays where it is. A report that does
//! not fit what is known counts less the less it fits, and one that no tokenizer could give counts nothing.

use serde::{Deserialize, Serialize};

use super::{
    features::{Features, PARTS, Part},
    rates::{IMAGE, RATES, Rate},
};

/// How far from the sum a prompt is: parts of its tokens, beside two tokens. Measured with the rates that fit best.
const NOISE: f64 = 0.03;
const LEAST_NOISE: f64 = 2.0;

/// How much of what is known is forgotten with each report, so that another model behind the same name is learned.
const FORGOTTEN: f64 = 0.003;

/// Beyond so many standard deviations a report counts less.
const FITS: f64 = 3.0;

/// Reports after which an estimate may be called learned, and the most that it may be uncertain then.
const LEARNED_REPORTS: u32 = 3;
const LEARNED_DOUBT: f64 = 0.1;

type Row = [f64; PARTS];

/// Estimates the prompts of one model at one endpoint. Deterministic; it can be stored as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Estimator {
    rates: Row,
    /// The covariance of the rates.
    doubt: [Row; PARTS],
    /// How many reports it has learned from.
    reports: u32,
}

/// An estimator from a file, which anybody may have written.
#[derive(Deserialize)]
struct Stored {
    rates: Row,
    doubt: [Row; PARTS],
    reports: u32,
}

// === impl Estimator ===

impl Estimator {
    /// The tokens of a prompt; pictures are guessed. Never less than for a beginning of the same text.
    pub fn estimate(&self, features: &Features) -> u32 {
        let tokens = dot(&self.rates, &row(features)) + f64::from(features.images) * IMAGE;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and the cast saturates"
        )]
        let tokens = tokens.round() as u32;
        tokens
    }

    /// Learns that a prompt had so many tokens. Prompts with pictures teach nothing, and neither does what no tokenizer
    /// could give.
    pub fn learn(&mut self, features: &Features, tokens: u32) {
        let parts = row(features);
        let tokens = f64::from(tokens);
        let least = dot(&RATES.map(|rate| rate.least), &parts);
        let most = dot(&RATES.map(|rate| rate.most), &parts);
        if features.has_images() || tokens < 1.0 || tokens < least || tokens > most {
            return;
        }
        for (index, line) in self.doubt.iter_mut().enumerate() {
            for value in line.iter_mut() {
                *value *= 1.0 - FORGOTTEN;
            }
            line[index] += FORGOTTEN * RATES[index].spread * RATES[index].spread;
        }
        let expected = dot(&self.rates, &parts);
        let noise = (NOISE * tokens.max(expected)).powi(2) + LEAST_NOISE * LEAST_NOISE;
        let towards = self.doubt.map(|line| dot(&line, &parts));
        let mut variance = dot(&towards, &parts) + noise;
        if variance <= 0.0 {
            // No covariance gives that: it came out of a file.
            *self = Self::default();
            return;
        }
        let surprise = tokens - expected;
        let deviations = surprise.abs() / variance.sqrt();
        if deviations > FITS {
            variance *= deviations / FITS;
        }
        let step = surprise / variance;
        for index in 0..PARTS {
            self.rates[index] += towards[index] * step;
            for other in 0..PARTS {
                self.doubt[index][other] -= towards[index] * towards[other] / variance;
            }
        }
        self.bound();
        self.reports = self.reports.saturating_add(1);
    }

    /// Whether prompts like this one have been seen, so that the estimate is not far off.
    pub fn has_learned(&self, features: &Features) -> bool {
        let parts = row(features);
        let doubt = dot(&self.doubt.map(|line| dot(&line, &parts)), &parts).max(0.0).sqrt();
        self.reports >= LEARNED_REPORTS && doubt <= LEARNED_DOUBT * dot(&self.rates, &parts)
    }

    /// How many reports it has learned from.
    pub fn reports(&self) -> u32 {
        self.reports
    }

    /// Keeps each rate where tokenizers can be.
    fn bound(&mut self) {
        for (value, rate) in self.rates.iter_mut().zip(RATES) {
            *value = value.clamp(rate.least, rate.most);
        }
        // A letter behind signs turns their run into another part; the text must not become cheaper by it.
        let cheaper = self.rates[Part::Signs as usize] - self.rates[Part::Words as usize];
        let glued = &mut self.rates[Part::Glued as usize];
        *glued = glued.max(cheaper);
    }
}

/// Nothing learned.
impl Default for Estimator {
    fn default() -> Self {
        let mut doubt = [[0.0; PARTS]; PARTS];
        for (index, rate) in RATES.iter().enumerate() {
            doubt[index][index] = rate.spread * rate.spread;
        }
        Self {
            rates: RATES.map(|rate| rate.usual),
            doubt,
            reports: 0,
        }
    }
}

/// Rates are held to their bounds; a covariance that cannot be one is not believed.
impl From<Stored> for Estimator {
    fn from(stored: Stored) -> Self {
        let numbers = stored.rates.iter().chain(stored.doubt.iter().flatten());
        let bounded = |index: usize| {
            let mut line = stored.doubt[index].iter().zip(RATES);
            let bounded = |(value, other): (&f64, Rate)| value.abs() <= RATES[index].spread * other.spread * 1.01;
            stored.doubt[index][index] >= 0.0 && line.all(bounded)
        };
        if !numbers.copied().all(f64::is_finite) || !(0..PARTS).all(bounded) {
            return Self::default();
        }
        let Stored { rates, doubt, reports } = stored;
        let mut estimator = Self { rates, doubt, reports };
        estimator.bound();
        estimator
    }
}

fn row(features: &Features) -> Row {
    features.parts.map(f64::from)
}

fn dot(left: &Row, right: &Row) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
