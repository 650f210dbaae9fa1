//! When a conversation is to be made shorter.

use yabby_core::TokenCount;
use yabby_store::Item;

use super::{Budget, Goal, Settings, driver::MOST_FAILURES, plan, view};

/// Whether a conversation is to be made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// There is room.
    No,
    /// The next turns may need it: it is done best while nobody waits.
    Soon,
    /// The next request does not fit.
    Now,
}

/// Whether the conversation of `items`, those of [`yabby_store::Store::context`], is to be made shorter. `counted` is the
/// request that they make, and `window` that of the model which would be asked. `Soon` is only said when something can be
/// done, so that who does it in idle time does not do it for ever.
pub fn due(items: &[Item], counted: TokenCount, window: Option<u32>, settings: &Settings) -> Due {
    let Some(window) = window else { return Due::No };
    let request = view::request(items);
    let ruler = view::ruler(&request, counted, (1, 1));
    let budget = Budget::of(settings, window, view::prefix(&request, &ruler));
    if counted.tokens > budget.room {
        return Due::Now;
    }
    let hopeful = view::past(items).failures < MOST_FAILURES;
    if hopeful && !plan(items, &budget, &ruler, Goal::Ease, settings.summaries).is_empty() {
        return Due::Soon;
    }
    Due::No
}
