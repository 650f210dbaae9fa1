#![doc = include_str!("../README.md")]

mod attempt;
#[cfg(test)]
mod check;
mod course;
mod deadlines;
mod decide;
mod embeddings;
mod fit;
mod live;
mod nudge;
mod plan;
mod record;
mod refit;
mod router;
mod seam;
mod sessions;
pub mod spending;
pub mod tally;
mod telling;
mod trouble;
mod turn;
mod upstream;
mod watch;

pub use deadlines::Deadlines;
pub use decide::{Decision, Degrade, Situation, decide};
pub use embeddings::{Embedding, Embeddings, NoEmbeddings};
pub use live::{Descent, extra_body, has_no_responses};
pub use plan::{Candidate, Lack, LeftOut, Missing, Needs, Plan, PlanError, Wanted, Why, plan, resolve};
pub use record::{NotPlanned, PassedOver, PlanRecord, Planned, Recorder, TurnEnd, TurnRecord, Turns};
pub use refit::{DropOldest, Refit};
pub use router::{Answer, RouteEvent, RouteFailure, Router};
pub use spending::Spending;
pub use tally::Tally;
pub use telling::{Telling, progress_words, rounded, waiting_words};
