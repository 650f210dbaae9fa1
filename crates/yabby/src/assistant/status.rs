//! How a conversation is, for its model: the tool `session_status`.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use yabby_agent::{Model, State, Wish};
use yabby_config::Config;
use yabby_core::{Attempt, Priority};
use yabby_store::{Store, StoreError};
use yabby_tools::{At, Status, ToolError, ToolErrorKind, Zone};

use crate::clock;

/// More items than a session has.
const WHOLE: usize = 1_000_000;

/// What is told of a conversation.
pub(crate) struct Conversations {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) zone: Zone,
    /// Who knows which model is asked; nobody where none is.
    pub(crate) model: Option<Arc<dyn Model>>,
}

impl Status for Conversations {
    fn status<'a>(&'a self, at: &'a At) -> BoxFuture<'a, Result<String, ToolError>> {
        async move {
            let told = self.told(at).await.map_err(|error| {
                ToolError::new(
                    ToolErrorKind::Unavailable,
                    format!("nobody knows it now: {}", error.message.english()),
                )
            })?;
            Ok(told.join("\n"))
        }
        .boxed()
    }
}

impl Conversations {
    async fn told(&self, at: &At) -> Result<Vec<String>, StoreError> {
        let known = self.store.conversation(&at.conversation).await?;
        let origin = known.as_ref().and_then(|known| known.origin.clone());
        let state = known.map_or_else(State::default, |known| State::of(&known.state));
        let items = self.store.items(&at.session, 0, WHOLE).await?;
        let kept = items.iter().flat_map(|item| &item.item.attempts);
        let attempts: Vec<&Attempt> = kept.filter(|attempt| attempt.was_asked()).collect();
        let mut told = vec![format!("time: {}", clock::moment(&self.config, &self.zone, at.now))];
        let window = self.model(at, &state, &mut told).await;
        told.extend(used(&attempts, window));
        let channel = origin.map_or_else(String::new, |origin| origin.channel);
        let queue = state.queue.unwrap_or_else(|| self.config.messages.queue_on(&channel));
        told.push(format!("queue: {}", queue.name()));
        if let Some(level) = &state.think {
            told.push(format!("thinking: {level}"));
        }
        if state.private {
            told.push("private: only models on this machine and in its network are asked".to_owned());
        }
        Ok(told)
    }

    /// The model that is asked, and its window.
    async fn model(&self, at: &At, state: &State, told: &mut Vec<String>) -> Option<u32> {
        let wish = Wish {
            agent: at.agent.clone(),
            session: at.conversation.as_str().to_owned(),
            model: state.model.clone(),
            private: state.private,
            priority: Priority::ToolLoop,
            tools: true,
            ..Wish::default()
        };
        let served = self.model.as_ref()?.served(&wish).await.ok()?;
        let named = if state.model.is_some() {
            ", as the person has said"
        } else {
            ""
        };
        told.push(format!("model: {}{named}", served.model));
        served.window
    }
}

/// What the last request has filled of the window, what of it came from a cache, and what all requests have used.
fn used(attempts: &[&Attempt], window: Option<u32>) -> Vec<String> {
    let mut told = Vec::new();
    let last = attempts
        .iter()
        .rev()
        .find_map(|attempt| Some((attempt, attempt.usage.input_tokens?)));
    if let Some((attempt, read)) = last {
        let filled = read + attempt.usage.output_tokens.unwrap_or(0);
        told.push(match window.filter(|window| *window > 0) {
            Some(window) => format!(
                "window: {filled} of {window} tokens, {} %",
                u64::from(filled) * 100 / u64::from(window)
            ),
            None => format!("window: {filled} tokens; how many it holds is not known"),
        });
        if let Some(cached) = attempt.usage.cached_tokens {
            told.push(format!(
                "cache: {} % of the last request were read before",
                u64::from(cached) * 100 / u64::from(read.max(1))
            ));
        }
    } else if let Some(window) = window {
        told.push(format!("window: {window} tokens"));
    }
    if !attempts.is_empty() {
        let sum =
            |of: fn(&Attempt) -> Option<u32>| attempts.iter().filter_map(|one| of(one)).map(u64::from).sum::<u64>();
        let usd: Vec<f64> = attempts.iter().filter_map(|attempt| attempt.cost).collect();
        let cost = if usd.is_empty() {
            String::new()
        } else {
            format!(", {:.4} US dollars", usd.iter().sum::<f64>())
        };
        told.push(format!(
            "session: {} requests, {} tokens read, {} written{cost}",
            attempts.len(),
            sum(|attempt| attempt.usage.input_tokens),
            sum(|attempt| attempt.usage.output_tokens),
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use yabby_core::{ModelRef, Outcome, Phase, Usage, Zone};

    use super::*;

    fn attempt(read: Option<u32>, cached: Option<u32>, written: Option<u32>) -> Attempt {
        let usage = Usage {
            input_tokens: read,
            cached_tokens: cached,
            output_tokens: written,
            ..Usage::default()
        };
        Attempt {
            model: ModelRef::new("p", "m").unwrap(),
            endpoint: String::new(),
            zone: Zone::Machine,
            outcome: Outcome::Answered,
            decision: None,
            phase: Phase::Done,
            queued_ms: 0,
            sent_ms: None,
            head_ms: None,
            first_token_ms: None,
            total_ms: 0,
            bytes: 0,
            usage,
            cost: Some(0.25),
        }
    }

    #[test]
    fn what_is_told_of_usage() {
        let (first, failed, last) = (
            attempt(Some(100), None, Some(10)),
            attempt(None, None, None),
            attempt(Some(200), Some(150), Some(20)),
        );
        let told = |attempts: &[&Attempt], window| used(attempts, window).join("; ");
        insta::assert_snapshot!(
            [
                told(&[], None),
                told(&[], Some(8192)),
                told(&[&first], None),
                told(&[&first, &last, &failed], Some(1000)),
            ]
            .join("\n"),
            @r"

        window: 8192 tokens
        window: 110 tokens; how many it holds is not known; session: 1 requests, 100 tokens read, 10 written, 0.2500 US dollars
        window: 220 of 1000 tokens, 22 %; cache: 75 % of the last request were read before; session: 3 requests, 300 tokens read, 30 written, 0.7500 US dollars
        "
        );
    }
}
