//! Who may wake a cold model, and when a warm one must be touched.

use std::time::Duration;

use tokio::time::Instant;
use yabby_config::KeepWarm;
use yabby_core::Priority;

use crate::{ModelState, ServerKind};

/// Whether a request of this urgency may be sent to a model in this state, although the server loads it for that.
///
/// What nobody waits for wakes no model: it would fill the memory and push out the model that a person uses. It may use
/// one that is loaded or about to be, and one that the owner wants to be always loaded. A server that was not asked
/// ([`ModelState::Unknown`]) is a hosted one, which has no cold models; ask a near one first.
pub fn may_wake(priority: Priority, state: ModelState, keep_warm: KeepWarm) -> bool {
    match state {
        ModelState::Ready | ModelState::Loading | ModelState::Unknown => true,
        ModelState::Unloaded | ModelState::Evicting | ModelState::Failing => {
            !priority.is_background() || keep_warm == KeepWarm::Always
        }
        // There is nothing to wake.
        ModelState::Absent | ModelState::Locked | ModelState::Unreachable => false,
    }
}

/// How long a server of this kind keeps a model after its last use, where nobody has told it anything else; `None` when
/// it keeps it for good or does not say.
///
/// Ollama: `OLLAMA_KEEP_ALIVE`, 5 minutes (`docs/faq.md`). LM Studio: 60 minutes for models that a request has loaded
/// (`docs/developer/core/ttl-and-auto-evict`); those that were loaded on purpose stay, as after
/// [`crate::Endpoint::load`].
pub fn usual_ttl(kind: ServerKind) -> Option<Duration> {
    match kind {
        ServerKind::Ollama => Some(Duration::from_mins(5)),
        ServerKind::LmStudio => Some(Duration::from_hours(1)),
        ServerKind::LlamaCpp | ServerKind::Vllm | ServerKind::SgLang | ServerKind::LiteLlm | ServerKind::OpenRouter => {
            None
        }
    }
}

/// The most time before the end of its time at which a model is touched.
const LEAD: Duration = Duration::from_secs(30);

/// The least time between two touches, for servers that keep a model hardly at all.
const LEAST_STEP: Duration = Duration::from_secs(1);

/// When a model must be touched next, strictly after `now`, so that the server does not unload it; `None` when it need
/// not be touched any more.
///
/// `last_use` is the last use by somebody, not the last touch, and `server_ttl` how long the server keeps a model after
/// a use or a touch. Touches lie at the same distances from the last use, so that nothing has to be remembered: touch
/// first, then ask for the next time.
pub fn next_touch(policy: KeepWarm, last_use: Instant, now: Instant, server_ttl: Option<Duration>) -> Option<Instant> {
    let wanted = match policy {
        KeepWarm::No => return None,
        KeepWarm::Always => None,
        KeepWarm::For(time) => Some(time),
    };
    let ttl = server_ttl?;
    let step = ttl.saturating_sub(LEAD.min(ttl / 4)).max(LEAST_STEP);
    let past = now.saturating_duration_since(last_use).as_nanos() / step.as_nanos();
    let past = u32::try_from(past).ok()?;
    let before = step.checked_mul(past)?;
    // With the touches so far the server keeps it for long enough.
    if wanted.is_some_and(|wanted| before.saturating_add(ttl) >= wanted) {
        return None;
    }
    last_use.checked_add(before)?.checked_add(step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn background_work_wakes_no_cold_model() {
        use KeepWarm::{Always, For, No};
        let hour = For(Duration::from_hours(1));
        let policies = [No, hour, Always];
        for (state, people, background) in [
            (ModelState::Ready, [true; 3], [true; 3]),
            (ModelState::Loading, [true; 3], [true; 3]),
            (ModelState::Unknown, [true; 3], [true; 3]),
            (ModelState::Unloaded, [true; 3], [false, false, true]),
            (ModelState::Evicting, [true; 3], [false, false, true]),
            (ModelState::Failing, [true; 3], [false, false, true]),
            (ModelState::Absent, [false; 3], [false; 3]),
            (ModelState::Locked, [false; 3], [false; 3]),
            (ModelState::Unreachable, [false; 3], [false; 3]),
        ] {
            for priority in Priority::ALL {
                let found = policies.map(|policy| may_wake(priority, state, policy));
                let expected = if priority.is_background() { background } else { people };
                assert_eq!(found, expected, "{priority:?} {state:?}");
            }
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn touches_come_before_the_end() {
        let start = Instant::now();
        let next = |policy, now, ttl: Option<u64>| {
            let at = next_touch(policy, start, start + seconds(now), ttl.map(seconds));
            at.map(|at| at.duration_since(start).as_secs())
        };
        let always = KeepWarm::Always;
        let half_an_hour = KeepWarm::For(Duration::from_mins(30));
        for (policy, now, ttl, expected) in [
            (KeepWarm::No, 0, Some(300), None),
            // A server that keeps what it has needs no touch.
            (always, 0, None, None),
            (half_an_hour, 0, None, None),
            // 30 s before the 5 minutes are over, again and again.
            (always, 0, Some(300), Some(270)),
            (always, 269, Some(300), Some(270)),
            (always, 270, Some(300), Some(540)),
            (always, 271, Some(300), Some(540)),
            (always, 1_000_000, Some(300), Some(1_000_080)),
            // A quarter of a short time.
            (always, 0, Some(40), Some(30)),
            (always, 0, Some(0), Some(1)),
            // The touch at 1620 keeps it until 1920.
            (half_an_hour, 0, Some(300), Some(270)),
            (half_an_hour, 1400, Some(300), Some(1620)),
            (half_an_hour, 1620, Some(300), None),
            (half_an_hour, 5000, Some(300), None),
            // The server itself keeps it for as long.
            (KeepWarm::For(seconds(300)), 0, Some(300), None),
            (KeepWarm::For(seconds(301)), 0, Some(300), Some(270)),
        ] {
            assert_eq!(next(policy, now, ttl), expected, "{policy:?} {now} {ttl:?}");
        }
        // A use that is later than the look.
        assert_eq!(
            next_touch(always, start + seconds(5), start, Some(seconds(300))),
            Some(start + seconds(275))
        );
    }

    proptest! {
        /// Touched so, the model is loaded at every moment until its time is over.
        #[test]
        fn there_is_no_gap(ttl in 2_u64..5000, wanted in 1_u64..20_000, late in 0_u64..400) {
            let start = Instant::now();
            let (mut loaded_until, mut now) = (start + seconds(ttl), start);
            let policy = KeepWarm::For(seconds(wanted));
            while let Some(at) = next_touch(policy, start, now, Some(seconds(ttl))) {
                prop_assert!(at > now);
                prop_assert!(at <= loaded_until, "cold before the touch");
                // A busy machine comes a little later, within the lead.
                now = at + Duration::from_millis(late);
                loaded_until = now + seconds(ttl);
            }
            prop_assert!(loaded_until >= start + seconds(wanted));
        }
    }
}
