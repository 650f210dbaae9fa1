//! How fast a model reads and writes, from when its pieces came and what was counted.

use std::time::Duration;

use super::asking::Said;

/// Below this a time says more about the machine than about the model: pieces that come at once were collected on
/// their way.
const SHORTEST: Duration = Duration::from_millis(20);

/// Fewer tokens than these say nothing.
const FEWEST_WRITTEN: u32 = 8;
const FEWEST_READ: u32 = 100;

/// Tokens a second between the first piece and the last; unknown where the server counts nothing or too little came.
pub(super) fn decode(said: &Said) -> Option<f64> {
    let written = said.usage.output_tokens.filter(|tokens| *tokens >= FEWEST_WRITTEN)?;
    let took = said.times.last?.checked_sub(said.times.first?)?;
    // With the first piece its token was there already.
    per_second(written - 1, took)
}

/// Prompt tokens a second until the first piece; those from a cache do not count. Unknown where the server counts
/// nothing or too little was read.
pub(super) fn prefill(said: &Said) -> Option<f64> {
    let cached = said.usage.cached_tokens.unwrap_or(0);
    let read = said.usage.input_tokens?.checked_sub(cached)?;
    per_second(read, said.to_first()?).filter(|_| read >= FEWEST_READ)
}

/// With one digit behind the point: more would be noise.
fn per_second(tokens: u32, took: Duration) -> Option<f64> {
    let speed = f64::from(tokens) / took.as_secs_f64();
    (took >= SHORTEST).then(|| (speed * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use yabby_core::Usage;

    use super::*;
    use crate::capability::asking::Times;

    fn said(input: Option<u32>, cached: Option<u32>, output: Option<u32>, first: u64, last: u64) -> Said {
        Said {
            usage: Usage {
                input_tokens: input,
                cached_tokens: cached,
                output_tokens: output,
                ..Usage::default()
            },
            times: Times {
                asked: Duration::from_secs(1),
                first: Some(Duration::from_millis(1000 + first)),
                last: Some(Duration::from_millis(1000 + last)),
                ended: Duration::from_millis(2000 + last),
            },
            ..Said::default()
        }
    }

    #[test]
    fn speeds_from_counts_and_times() {
        for (said, expected) in [
            (said(Some(400), None, Some(11), 500, 700), (Some(800.0), Some(50.0))),
            (
                said(Some(400), Some(100), Some(41), 900, 1900),
                (Some(333.3), Some(40.0)),
            ),
            // Nothing is counted, or too little happened.
            (said(None, None, None, 500, 700), (None, None)),
            (said(Some(99), None, Some(7), 500, 700), (None, None)),
            (said(Some(400), Some(390), Some(11), 500, 510), (None, None)),
            (said(Some(400), None, Some(11), 19, 1000), (None, Some(10.2))),
            // A server that contradicts itself.
            (said(Some(100), Some(101), Some(11), 500, 700), (None, Some(50.0))),
        ] {
            assert_eq!((prefill(&said), decode(&said)), expected, "{said:?}");
        }
        assert_eq!((prefill(&Said::default()), decode(&Said::default())), (None, None));
    }
}
