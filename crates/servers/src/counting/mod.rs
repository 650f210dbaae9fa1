//! How many tokens a request has.
//!
//! The server's own counter is asked where it has one; everything else is an estimate, which learns from what the
//! server reports ([`Estimator`]). Each count says which of the two it is. Nothing here fails: a counter that refuses or
//! is slow leaves the estimate.

mod ask;
mod estimator;
mod features;
mod rates;
mod truncation;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hasher},
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use yabby_core::{Exactness, ModelRequest, TokenCount, Usage};
use yabby_wire::prepared;

pub use self::{
    estimator::Estimator,
    features::Features,
    truncation::{Basis, Truncation, truncated},
};
use crate::Endpoint;

/// What an endpoint has taught about the tokens of each of its models. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Mutex<BTreeMap<String, Known>>>);

/// What is known of one model.
#[derive(Debug, Default)]
struct Known {
    estimator: Estimator,
    /// Paths of counters that the server does not have.
    absent: BTreeSet<&'static str>,
    /// The last exact count, and of which prompt ([`Prompt::hash`]).
    exact: Option<(u64, u32)>,
}

/// What is to be known of a prompt.
struct Prompt {
    conversation: Features,
    /// With the tools.
    whole: Features,
    /// Of all its text, the same in one process.
    hash: u64,
}

struct Hashing(DefaultHasher);

impl Endpoint {
    /// What is known without asking anybody: the exact count of this very request if it was the last that was counted,
    /// else an estimate.
    pub fn estimate_tokens(&self, model: &str, request: &ModelRequest) -> TokenCount {
        let prompt = self.prompt(model, request);
        self.counts.change(model, |known| known.count(&prompt))
    }

    /// Learns from what a server reports of a prompt, and tells whether it has silently cut it.
    ///
    /// `request` is what was sent. Nothing is learned from a prompt that was cut, from one with pictures, and where the
    /// report seems to leave out what came from a cache.
    pub fn saw_usage(&self, model: &str, request: &ModelRequest, usage: &Usage) -> Option<Truncation> {
        let reported = usage.input_tokens.filter(|tokens| *tokens > 0)?;
        let prompt = self.prompt(model, request);
        self.counts.change(model, |known| {
            known.saw(&prompt, reported, usage.cached_tokens.unwrap_or(0))
        })
    }

    /// What has been learned of the model's tokens, to be kept for the next process.
    pub fn estimator_of(&self, model: &str) -> Estimator {
        self.counts.change(model, |known| known.estimator.clone())
    }

    /// Goes on from what an earlier process has learned, in all clones.
    pub fn restore_estimator(&self, model: &str, estimator: Estimator) {
        self.counts.change(model, |known| known.estimator = estimator);
    }

    fn prompt(&self, model: &str, request: &ModelRequest) -> Prompt {
        let quirks = self.quirks_of(model, request);
        Prompt::of(&prepared(request, &quirks))
    }
}

// === impl Prompt ===

impl Prompt {
    fn of(request: &ModelRequest) -> Self {
        let conversation = Features::of_conversation(request);
        let mut hashing = Hashing(DefaultHasher::new());
        let written = serde_json::to_writer(&mut hashing, &(&request.system, &request.messages, &request.tools));
        debug_assert!(written.is_ok(), "JSON values can be written to memory");
        Self {
            conversation,
            whole: conversation + Features::of_tools(&request.tools),
            hash: hashing.0.finish(),
        }
    }
}

impl Write for Hashing {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.write(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Counts ===

impl Counts {
    /// The lock is held for this call alone.
    fn change<T>(&self, model: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = models.get_mut(model) {
            return change(known);
        }
        change(models.entry(model.to_owned()).or_default())
    }
}

// === impl Known ===

impl Known {
    fn count(&self, prompt: &Prompt) -> TokenCount {
        match self.exact {
            Some((hash, tokens)) if hash == prompt.hash => TokenCount {
                tokens,
                exactness: Exactness::Exact,
            },
            _ => TokenCount {
                tokens: self.estimator.estimate(&prompt.whole),
                exactness: Exactness::Estimated,
            },
        }
    }

    /// What an estimate of these features rests on.
    fn basis(&self, features: &Features) -> Basis {
        if self.estimator.has_learned(features) {
            Basis::Learned
        } else {
            Basis::Usual
        }
    }

    fn counted(&mut self, prompt: &Prompt, tokens: u32) {
        let counted = Some((prompt.hash, tokens));
        if self.exact != counted {
            self.estimator.learn(&prompt.whole, tokens);
        }
        self.exact = counted;
    }

    fn saw(&mut self, prompt: &Prompt, reported: u32, cached: u32) -> Option<Truncation> {
        if prompt.whole.has_images() {
            return None;
        }
        let count = self.count(prompt);
        let basis = match count.exactness {
            Exactness::Exact => Basis::Exact,
            Exactness::Estimated => self.basis(&prompt.whole),
        };
        let Some(cut) = truncated(count.tokens, reported, basis) else {
            // An exact count has taught this already.
            if basis != Basis::Exact {
                self.estimator.learn(&prompt.whole, reported);
            }
            return None;
        };
        // The report may leave out what came from a cache.
        truncated(count.tokens, reported.saturating_add(cached), basis)?;
        // A template without tools leaves them out, which cuts nothing of what was said.
        let said = self.estimator.estimate(&prompt.conversation);
        let of_all_said = reported / 2 <= said && truncated(said, reported, self.basis(&prompt.conversation)).is_none();
        if basis != Basis::Exact && of_all_said {
            self.estimator.learn(&prompt.conversation, reported);
            return None;
        }
        Some(cut)
    }
}

#[cfg(test)]
mod tests;
