//! How long a server may be silent, and how long a request may take.

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::ModelRequest;
use yabby_servers::{Endpoint, Reach};

/// The limits of one attempt, by phase. Silence alone never ends an attempt: a server that is silent is asked on another
/// connection what it does, and one that loads or works is waited for. The table is in `docs/routing.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// After this long without a byte, the server is asked whether it lives.
    pub silence: Duration,
    /// How long it may take to answer that.
    pub sign_of_life: Duration,
    /// A server that answers nothing beside an answer may only be busy, where it is of an unknown kind and a long prompt is
    /// expected to take this long.
    pub patience: Duration,
    /// How long a request waits for a slot.
    pub queue: Duration,
    /// How long a server that lives, and does not say what it does, may take until the first byte of the answer.
    pub first_token: Duration,
    /// How long such a server may be silent in the middle of an answer.
    pub gap: Duration,
    /// The whole attempt, `timeoutSeconds` of the provider where it is set.
    pub total: Duration,
}

/// OpenClaw's default for a whole run.
const TOTAL: Duration = Duration::from_mins(10);
/// What is kept for each candidate that has not been asked.
const RESERVE: Duration = Duration::from_mins(1);
/// How many times the expected time a first token may take.
const SLACK: u32 = 3;

impl Deadlines {
    /// The defaults for an endpoint: a server that hangs on every path is given up after about ten seconds when it
    /// is near, and after about twenty when it is hosted.
    pub fn of(endpoint: &Endpoint) -> Self {
        let (silence, sign_of_life, first_token) = match endpoint.reach {
            Reach::Loopback | Reach::Lan => (5, 4, 300),
            // Models that think before they say anything are silent for minutes.
            Reach::Hosted => (10, 10, 180),
        };
        Self {
            silence: Duration::from_secs(silence),
            sign_of_life: Duration::from_secs(sign_of_life),
            patience: Duration::ZERO,
            queue: Duration::from_mins(5),
            first_token: Duration::from_secs(first_token),
            gap: Duration::from_mins(2),
            total: endpoint.timeout.unwrap_or(TOTAL),
        }
    }

    /// The same for a request whose first token is expected after this time, from measured speeds. `answers_beside` says
    /// whether this kind of server answers other questions while it works.
    #[must_use]
    pub fn expecting(self, first_token: Option<Duration>, answers_beside: bool) -> Self {
        let Some(expected) = first_token else { return self };
        let longest = expected.saturating_mul(SLACK);
        Self {
            first_token: self.first_token.max(longest),
            patience: if answers_beside { Duration::ZERO } else { longest },
            ..self
        }
    }
}

/// The time of a whole turn, divided among its candidates: each may use what is left but for the reserve of those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnTime {
    end: Instant,
    reserve: Duration,
    candidates: usize,
}

impl TurnTime {
    /// From now on. `limit` is what the config allows for a whole turn; without it, the longest candidate's time counts and
    /// the reserve of each other one.
    pub(crate) fn start(now: Instant, limit: Option<Duration>, totals: &[Duration]) -> Self {
        let others = u32::try_from(totals.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = totals.iter().max().copied().unwrap_or(TOTAL);
        let limit = limit.unwrap_or_else(|| longest.saturating_add(RESERVE.saturating_mul(others)));
        // Half of a short turn is for the others together.
        let reserve = RESERVE.min(limit / (2 * others.max(1)));
        Self {
            end: now + limit,
            reserve,
            candidates: totals.len(),
        }
    }

    /// When the candidate at `place` must be done at the latest.
    pub(crate) fn end_of(&self, place: usize) -> Instant {
        let behind = self.candidates.saturating_sub(place + 1);
        let kept = self.reserve.saturating_mul(u32::try_from(behind).unwrap_or(u32::MAX));
        self.end.checked_sub(kept).unwrap_or(self.end)
    }
}

/// The most output that room is kept for, where the request does not say how much it wants.
const ANSWER: u32 = 1024;

/// How many tokens of a window are for the input of this request.
pub(crate) fn room_in(window: u32, request: &ModelRequest) -> u32 {
    let answer = request.max_output_tokens.unwrap_or(ANSWER).min(window / 4);
    window - answer
}

/// No answer has more tokens when nobody says how long it may be.
const LONGEST_ANSWER: u32 = 16_384;

/// The most tokens of an answer of which nobody says how long it may be, behind a prompt of about so many: half of the
/// window, reasoning included. `None` where the window ends it before that: servers refuse more than fits.
pub(crate) fn longest_answer(window: u32, prompt: u32) -> Option<u32> {
    let most = LONGEST_ANSWER.min(window / 2);
    // The prompt is estimated.
    let prompt = prompt.saturating_add(prompt / 4);
    (prompt.saturating_add(most) <= window).then_some(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn everybody_has_a_reserve() {
        let now = Instant::now();
        let ends = |limit: Option<u64>, totals: &[u64]| -> Vec<u64> {
            let totals: Vec<Duration> = totals.iter().copied().map(seconds).collect();
            let time = TurnTime::start(now, limit.map(seconds), &totals);
            let ends = (0..totals.len()).map(|place| (time.end_of(place) - now).as_secs());
            ends.collect()
        };
        assert_eq!(ends(None, &[600]), [600]);
        assert_eq!(ends(None, &[600, 600]), [600, 660]);
        assert_eq!(ends(None, &[1800, 600, 60]), [1800, 1860, 1920]);
        assert_eq!(ends(Some(300), &[600, 600, 600]), [180, 240, 300]);
        assert_eq!(ends(Some(60), &[600, 600]), [30, 60]);
        assert_eq!(ends(Some(60), &[600, 600, 600]), [30, 45, 60]);
    }

    #[test]
    fn a_long_prompt_may_take_its_time() {
        let endpoint = Endpoint::loopback("p", 1, yabby_servers::EndpointOrigin::Discovered);
        let usual = Deadlines::of(&endpoint);
        assert_eq!(usual.expecting(None, false), usual);
        let quick = usual.expecting(Some(seconds(1)), true);
        assert_eq!(quick, usual);
        let slow = usual.expecting(Some(seconds(200)), false);
        assert_eq!((slow.first_token, slow.patience), (seconds(600), seconds(600)));
    }

    #[test]
    fn an_answer_has_an_end() {
        for (window, prompt, most) in [
            (8192, 1000, Some(4096)),
            (8192, 3270, Some(4096)),
            (8192, 3300, None),
            (131_072, 10_000, Some(16_384)),
            (131_072, 100_000, None),
        ] {
            assert_eq!(longest_answer(window, prompt), most, "{window} {prompt}");
        }
    }

    #[test]
    fn an_answer_has_room_too() {
        let request = |max| ModelRequest {
            max_output_tokens: max,
            ..ModelRequest::default()
        };
        for (window, max, room) in [
            (8192, None, 7168),
            (2048, None, 1536),
            (8192, Some(100), 8092),
            (8192, Some(9000), 6144),
        ] {
            assert_eq!(room_in(window, &request(max)), room);
        }
    }
}
