//! Which step comes next: a pure reading of the items of a turn.
//!
//! Whoever goes on with a turn (the same process, or another one after a crash, or after an approval that came days later)
//! reads the same items and comes to the same step.

mod limits;
mod permit;
mod promise;
mod repeat;
mod view;

pub use limits::{Exceeded, Limits, Spent};
pub use permit::Permit;
pub use promise::{Undone, undone};
pub use repeat::{Circles, Repeated, repeated};
pub(crate) use view::not_run;
pub use view::{Pending, View};

use yabby_store::ApprovalState;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The conversation must become smaller first.
    Compact,
    /// The model is asked.
    CallModel {
        /// Whether it may call tools; otherwise it must answer with what it has.
        tools: bool,
    },
    /// These calls run, in this order.
    RunTools(Vec<Pending>),
    /// The owner is asked about these, and the turn waits.
    AskApproval(Vec<Pending>),
    /// A limit has ended the turn; the person is told.
    Stop(Exceeded),
    /// There is nothing more to do.
    Done,
}

/// What a step depends on, beside the items.
pub struct Facts<'a> {
    /// Whether a call may run.
    pub permit: &'a dyn Fn(&Pending) -> Permit,
    /// What the owner has said about a call, by its key.
    pub approved: &'a dyn Fn(&str) -> Option<ApprovalState>,
    /// Whether what a model is shown is too long for its window, and can be made smaller.
    pub too_long: bool,
    /// What a turn may use.
    pub limits: Limits,
    /// What it has used.
    pub spent: Spent,
}

/// The next step of a turn.
pub fn step(view: &View, facts: &Facts<'_>) -> Step {
    if view.ended {
        return Step::Done;
    }
    if !view.pending.is_empty() {
        let open = |pending: &&Pending| {
            let waits = match (facts.approved)(&pending.key) {
                // A no need not be said twice.
                None => !view.is_denied(&pending.call),
                Some(state) => state == ApprovalState::Open,
            };
            waits && (facts.permit)(pending) == Permit::Ask
        };
        // In their order: what stands before a question can be done before it is answered.
        let ready: Vec<Pending> = view.pending.iter().take_while(|call| !open(call)).cloned().collect();
        if ready.is_empty() {
            return Step::AskApproval(view.pending.iter().filter(open).cloned().collect());
        }
        return Step::RunTools(ready);
    }
    match facts.limits.exceeded(&facts.spent, view.steps) {
        // One last answer from what is there: that is worth more than an error.
        Some(Exceeded::Steps(_)) if view.steps <= facts.limits.steps => {
            return Step::CallModel { tools: false };
        }
        Some(exceeded) => return Step::Stop(exceeded),
        None => {}
    }
    if facts.too_long {
        return Step::Compact;
    }
    Step::CallModel { tools: true }
}

#[cfg(test)]
mod tests;
