//! How many tokens the pieces of a prompt have.

use yabby_core::{Exactness, Message, ModelRequest, TokenCount, Tool};
use yabby_servers::{Estimator, Features};

/// Estimates pieces, and is put right by what a server has counted of the whole.
#[derive(Clone, Debug)]
pub struct Tokens {
    estimator: Estimator,
    /// How many real tokens a thousand estimated ones are.
    permille: u64,
}

/// The shortest message that there is: a prompt is counted with it, because some templates refuse a request without any.
pub const HELLO: &str = "Hello";

impl Default for Tokens {
    fn default() -> Self {
        Self::new(Estimator::default())
    }
}

impl Tokens {
    /// With what was learned of the tokens of a model.
    pub fn new(estimator: Estimator) -> Self {
        Self {
            estimator,
            permille: 1000,
        }
    }

    /// The same, after its server has counted `counted` tokens where this estimates `estimated`.
    #[must_use]
    pub fn corrected(&self, estimated: u32, counted: TokenCount) -> Self {
        if counted.exactness != Exactness::Exact || estimated == 0 {
            return self.clone();
        }
        let permille = (self.permille * u64::from(counted.tokens)).div_ceil(u64::from(estimated));
        Self {
            estimator: self.estimator.clone(),
            // No tokenizer is further off.
            permille: permille.clamp(250, 4000),
        }
    }

    /// The tokens of a text within a prompt.
    pub fn of_text(&self, text: &str) -> u32 {
        self.scaled(self.estimator.estimate(&Features::of_text(text)))
    }

    /// The tokens of the shortest request with this system prompt and these tools.
    pub fn of_prompt(&self, system: &str, tools: &[Tool]) -> u32 {
        let request = hello(system.to_owned(), tools.to_vec());
        self.scaled(self.estimator.estimate(&Features::of(&request)))
    }

    fn scaled(&self, tokens: u32) -> u32 {
        let scaled = (u64::from(tokens) * self.permille).div_ceil(1000);
        u32::try_from(scaled).unwrap_or(u32::MAX)
    }
}

/// The shortest request with this system prompt and these tools.
pub fn hello(system: String, tools: Vec<Tool>) -> ModelRequest {
    ModelRequest {
        system: Some(system),
        messages: vec![Message::user(HELLO)],
        tools,
        ..ModelRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_puts_the_estimate_right() {
        let tokens = Tokens::default();
        let text = "one two three four five six seven eight nine ten";
        let estimated = tokens.of_text(text);
        let counted = |tokens, exactness| TokenCount { tokens, exactness };
        let twice = tokens.corrected(estimated, counted(2 * estimated, Exactness::Exact));
        assert_eq!(twice.of_text(text), 2 * estimated);
        let same = tokens.corrected(estimated, counted(2 * estimated, Exactness::Estimated));
        assert_eq!(same.of_text(text), estimated);
    }
}
