//! What a turn may use.

use std::time::Duration;

/// What a turn may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Requests to a model.
    pub steps: usize,
    /// Time from its beginning, apart from that in which it waits for the owner.
    pub time: Duration,
    /// Tokens, of input and output together, cached ones not counted.
    pub tokens: Option<u64>,
    /// US dollars.
    pub usd: Option<f64>,
}

/// What a turn has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Time.
    pub time: Duration,
    /// Tokens.
    pub tokens: u64,
    /// US dollars.
    pub usd: f64,
}

/// A limit that a turn has reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exceeded {
    /// So many requests.
    Steps(usize),
    /// So much time.
    Time(Duration),
    /// So many tokens.
    Tokens(u64),
    /// So many US dollars.
    Usd(f64),
    /// The model goes round in a circle.
    Circle,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 40,
            time: Duration::from_mins(30),
            tokens: None,
            usd: None,
        }
    }
}

impl Limits {
    /// The first limit that is reached after so many requests.
    pub(super) fn exceeded(&self, spent: &Spent, steps: usize) -> Option<Exceeded> {
        let usd = self.usd.filter(|most| spent.usd >= *most).map(Exceeded::Usd);
        let tokens = self.tokens.filter(|most| spent.tokens >= *most).map(Exceeded::Tokens);
        let time = (spent.time >= self.time).then_some(Exceeded::Time(self.time));
        let steps = (steps >= self.steps).then_some(Exceeded::Steps(self.steps));
        usd.or(tokens).or(time).or(steps)
    }
}
