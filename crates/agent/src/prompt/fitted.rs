//! A prompt for the model that will get it.

use yabby_core::{Exactness, TokenCount};
use yabby_route::PlanError;

use super::{Budget, Ingredients, Prompt, Tokens};
use crate::{Model, Wish};

/// How often a prompt is made because its server counts more than was estimated.
const TRIES: usize = 3;

/// Makes a prompt, and makes it shorter when its server counts more tokens than there may be.
pub struct Fitting<'a> {
    from: &'a Ingredients<'a>,
    budget: Budget,
    tokens: Tokens,
    tries: usize,
}

impl<'a> Fitting<'a> {
    /// For a budget; `tokens` begins with what is known of the model.
    pub fn new(from: &'a Ingredients<'a>, budget: Budget, tokens: Tokens) -> Self {
        Self {
            from,
            budget,
            tokens,
            tries: TRIES,
        }
    }

    /// The prompt as it would fit by what is known.
    pub fn prompt(&self) -> Prompt {
        Prompt::new(self.from, self.budget, &self.tokens)
    }

    /// Takes in what was counted of [`Prompt::request`], and says whether the prompt must be made again.
    pub fn must_shrink(&mut self, prompt: &Prompt, counted: TokenCount) -> bool {
        self.tries = self.tries.saturating_sub(1);
        let over = counted.exactness == Exactness::Exact && counted.tokens > self.budget.whole();
        if !over || self.tries == 0 {
            return false;
        }
        self.tokens = self.tokens.corrected(prompt.estimate(&self.tokens), counted);
        true
    }
}

/// Makes the prompt for the model that would be asked first now, and counts it: exactly where its server does.
pub async fn fitted(model: &dyn Model, wish: &Wish, from: &Ingredients<'_>) -> Result<(Prompt, TokenCount), PlanError> {
    let budget = Budget::of(&model.served(wish).await?);
    let mut fitting = Fitting::new(from, budget, Tokens::default());
    loop {
        let prompt = fitting.prompt();
        let counted = model.count(wish, &prompt.request()).await;
        if !fitting.must_shrink(&prompt, counted) {
            return Ok((prompt, counted));
        }
    }
}
