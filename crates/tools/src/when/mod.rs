//! Times as the person's clock shows them, and as a model writes them.

mod read;
mod span;
mod zone;

pub(crate) use read::{at, later};
pub(crate) use span::span;
pub(crate) use zone::{Clock, Shown};
pub use zone::{Hours, Zone};
