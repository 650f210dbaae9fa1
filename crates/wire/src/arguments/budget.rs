//! How much work the calls of one answer may make.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// How many places are looked at; alternatives in alternatives would grow without end.
const MAX_STEPS: usize = 400_000;

/// Text of this length costs one step.
const STEP_BYTES: usize = 256;

/// What is left. It is atomic only because a decoder goes from thread to thread.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

/// The steps that a copy of `value` costs.
pub(super) fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + length(text),
        Value::Array(values) => 1 + values.iter().map(weight).sum::<usize>(),
        Value::Object(map) => {
            1 + map
                .iter()
                .map(|(key, value)| length(key) + weight(value))
                .sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

/// The steps that it costs to read `text` once.
pub(super) fn length(text: &str) -> usize {
    text.len() / STEP_BYTES
}

// === impl Budget ===

impl Budget {
    /// Takes `steps`. False when fewer are left, and ever after.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.left.load(Ordering::Relaxed).checked_sub(steps);
        self.left.store(left.unwrap_or(0), Ordering::Relaxed);
        left.is_some()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: AtomicUsize::new(MAX_STEPS),
        }
    }
}
