//! A prompt for the model that will get it.

use yabby_core::{Exactness, TokenCount};
use yabby_route::PlanError;

use super::{Budget, Ingredients, Prompt, Tokens};
use crate::{Model, Wish};

/// How often a prompt is made again because its server counts more than was estimated.
const TRIES: usize = 3;

/// Makes the prompt for the model that would be asked first now, and counts it: exactly where its server does. One that has
/// more tokens than its budget is made again, shorter.
pub async fn fitted(model: &dyn Model, wish: &Wish, from: &Ingredients<'_>) -> Result<(Prompt, TokenCount), PlanError> {
    let budget = Budget::of(&model.served(wish).await?);
    let mut tokens = Tokens::default();
    let mut prompt = Prompt::new(from, budget, &tokens);
    let mut counted = model.count(wish, &prompt.request()).await;
    for _ in 1..TRIES {
        if counted.exactness != Exactness::Exact || counted.tokens <= budget.whole() {
            break;
        }
        tokens = tokens.corrected(prompt.estimate(&tokens), counted);
        prompt = Prompt::new(from, budget, &tokens);
        counted = model.count(wish, &prompt.request()).await;
    }
    Ok((prompt, counted))
}
