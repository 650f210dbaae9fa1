//! Making a conversation shorter when it does not fit the window any more.
//!
//! The items stay in the store; only what a model is shown of them gets shorter, in this order:
//!
//! 1. Old results of tools and old pictures become stubs, which say how the model gets them back.
//! 2. The oldest turns become a summary, which the model writes: asked for behind the very conversation that its server
//!    has in its cache. Exact names and numbers of the person that the summary lacks are put behind it.
//! 3. The oldest turns are left out, and a line says so.
//!
//! `plan` decides from the items alone, [`compact`] does it. It cannot loop: there is at most one summary a turn, everything
//! else makes the conversation strictly shorter, and what cannot be made to fit is an error.

mod ask;
mod copied;
mod driver;
mod due;
mod error;
mod exact;
mod narrow;
mod plan;
mod refit;
mod ruler;
mod scene;
mod settings;
mod summary;
#[cfg(test)]
pub(crate) mod tests;
mod view;
mod written;

pub use driver::{Compacted, Done, Need, Site, compact};
pub use due::{Due, due};
pub use error::{CompactError, NoSummary};
pub use plan::{Action, Goal, plan};
pub use refit::Shorten;
pub use ruler::Ruler;
pub use settings::{Budget, Settings};
