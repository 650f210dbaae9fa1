//! Having a summary written.

use std::time::Duration;

use futures_util::StreamExt as _;
use yabby_core::{Attempt, EndReason, ModelRequest};
use yabby_route::RouteEvent;

use super::{NoSummary, Settings};
use crate::{Model, Served, Wish};

/// No summary takes longer.
const LONGEST: Duration = Duration::from_mins(10);

/// The words that a model has written, and what was tried for them.
pub(super) struct Written {
    pub(super) text: Result<String, NoSummary>,
    pub(super) attempts: Vec<Attempt>,
}

/// Asks, and waits for the answer as long as one may wait. Calls of tools in it count nothing.
pub(super) async fn write(model: &dyn Model, wish: &Wish, request: ModelRequest, limit: Duration) -> Written {
    let mut answer = model.answer(wish, request);
    let mut attempts = Vec::new();
    let text = tokio::time::timeout(limit, async {
        while let Some(event) = answer.next().await {
            match event {
                RouteEvent::Attempt(attempt) => attempts.push(attempt),
                RouteEvent::Done(answer) => return whole(answer.text.as_str(), answer.end),
                RouteEvent::Failed(_) => break,
                RouteEvent::Trying(_) | RouteEvent::Model(_) | RouteEvent::Notice(_) => {}
            }
        }
        Err(NoSummary::Failed)
    });
    let text = text.await.unwrap_or(Err(NoSummary::TimedOut));
    Written { text, attempts }
}

/// How long it may take, when the model has to read so many tokens.
pub(super) fn limit(settings: &Settings, served: &Served, tokens: u32) -> Duration {
    let speed = served.prefill.filter(|speed| *speed >= 1.0);
    let reading = speed.map_or(Duration::ZERO, |speed| {
        Duration::try_from_secs_f64(f64::from(tokens) / speed).unwrap_or(LONGEST)
    });
    settings.time.saturating_add(reading).min(LONGEST)
}

/// The text, without a last line that was cut off.
fn whole(text: &str, end: EndReason) -> Result<String, NoSummary> {
    let text = text.trim();
    let text = match (end, text.rfind('\n')) {
        (EndReason::Length, Some(line)) => text.get(..line).unwrap_or(text).trim_end(),
        _ => text,
    };
    // Small models now and then write a call as text, and not even a whole one.
    let is_call = text.starts_with('{') && text.ends_with('}');
    if text.is_empty() || is_call {
        Err(NoSummary::Empty)
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::ModelRef;

    use super::*;

    #[test]
    fn a_slow_model_has_time_to_read() {
        let served = |prefill| Served {
            model: "p/m".parse::<ModelRef>().unwrap(),
            window: None,
            prefill,
            slots: None,
        };
        let of = |prefill| limit(&Settings::default(), &served(prefill), 8000).as_secs();
        assert_eq!(
            [of(None), of(Some(4000.0)), of(Some(80.0)), of(Some(1.5))],
            [90, 92, 190, 600]
        );
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out() {
        assert_eq!(whole(" one\ntwo thr", EndReason::Length), Ok("one".to_owned()));
        assert_eq!(whole(" one\ntwo thr", EndReason::Stop), Ok("one\ntwo thr".to_owned()));
        assert_eq!(whole(" \n ", EndReason::Stop), Err(NoSummary::Empty));
        let call = r#"{{"name": "recall", "arguments": {}}}"#;
        assert_eq!(whole(call, EndReason::Stop), Err(NoSummary::Empty));
    }
}
