//! The table itself.

use std::time::Duration;

use yabby_core::{ErrorKind, Phase};

use super::{Decision, Degrade, Situation};

/// Between two looks at a server that is loading its model.
const LOADING: Duration = Duration::from_millis(500);
/// Before a server that failed inside, or has no capacity, is asked again; there is nobody else to ask.
const PAUSE: Duration = Duration::from_secs(1);
/// How often such a server is asked again.
const PATIENCE: u32 = 2;
/// A server that asks for so little is waited for, though there are others.
const SHORT: Duration = Duration::from_secs(2);
/// What must be left for another request after a wait.
const WORTHWHILE: Duration = Duration::from_secs(1);

/// The table. Rows are read from above; the first that fits decides.
pub fn decide(at: &Situation) -> Decision {
    use ErrorKind as E;
    match *at {
        // Nobody waits for it, also not for its beginning, and nothing is wrong with the server.
        Situation { kind: E::Preempted, .. } => Decision::Requeue,
        // It was not contacted, and will not be.
        Situation {
            kind: E::OutOfZone | E::OverBudget | E::Resting | E::Busy,
            ..
        }
        // Its time is over.
        | Situation { kind: E::Timeout, .. } => at.on(),
        _ if at.left < WORTHWHILE => at.on(),
        // A part of the answer was seen. Another model goes on behind it; when there is none, this one, once.
        Situation {
            visible: true,
            last: true,
            retries: 0,
            kind: E::Interrupted | E::Malformed | E::Server | E::Overloaded,
            ..
        } if PAUSE + WORTHWHILE <= at.left => Decision::Wait(PAUSE),
        Situation { visible: true, .. } => at.on(),
        // Loading is not failure.
        Situation {
            kind: E::Loading,
            prefer_fast: true,
            last: false,
            ..
        } => Decision::Next,
        Situation { kind: E::Loading, .. } => Decision::Wait(LOADING),
        // The supervisor starts a crashed server again; a connection that was kept from an earlier request may have been
        // closed by the server meanwhile; and the same question may be answered with a call that the server can read.
        Situation {
            kind: E::Refused | E::Interrupted,
            managed: true,
            retries: 0,
            ..
        }
        | Situation {
            kind: E::Interrupted,
            phase: Phase::Connect | Phase::Head,
            retries: 0,
            ..
        }
        | Situation {
            kind: E::ToolParser,
            retries: 0,
            ..
        } => Decision::Retry,
        // The server refused what can be left out or said in another way.
        Situation { step: true, .. } => Decision::Degrade(Degrade::Step),
        // The server has no /v1/responses.
        Situation { chat: true, .. } => Decision::Degrade(Degrade::Chat),
        // The window is smaller than was thought.
        Situation {
            kind: E::ContextOverflow,
            refit: true,
            ..
        } => Decision::Refit,
        // The key is refused, used up or limited; others may not be.
        Situation {
            kind: E::Auth | E::Billing | E::RateLimit,
            other_key: true,
            ..
        } => Decision::OtherKey,
        // The answer ladder: without reasoning, once more with a word about it (`nudge`), then somebody else.
        Situation {
            kind: E::Empty,
            reasoning_off: true,
            ..
        } => Decision::Degrade(Degrade::ReasoningOff),
        Situation {
            kind: E::Empty,
            retries: 0,
            ..
        } => Decision::Retry,
        // It says when it has room again.
        Situation {
            kind: E::RateLimit | E::Overloaded,
            retry_after: Some(pause),
            retries,
            ..
        } if retries < PATIENCE && (at.last || pause <= SHORT) && pause + WORTHWHILE <= at.left => Decision::Wait(pause),
        // It does not say when, or what it failed of, and there is nobody else to ask.
        Situation {
            kind: E::RateLimit | E::Overloaded | E::Server | E::Interrupted | E::Malformed,
            retry_after: None,
            last: true,
            retries,
            ..
        } if retries < PATIENCE && PAUSE * (retries + 1) + WORTHWHILE <= at.left => {
            Decision::Wait(PAUSE * (retries + 1))
        }
        _ => at.on(),
    }
}

impl Situation {
    /// The next candidate, if there is one.
    const fn on(&self) -> Decision {
        if self.last { Decision::Stop } else { Decision::Next }
    }
}
