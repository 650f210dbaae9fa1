//! Whether servers use what they have read before.
//!
//! Each request of a conversation begins with the one before, so that a server near by has read most of it already. When one
//! reads it anew all the same, the person waits and should know why: something at the beginning has changed, which would be a
//! fault of Yabby or of a setting, or the server no longer had it.

mod change;
mod seen;

pub use change::{Change, Part, first_change};
pub(crate) use seen::Reuse;
pub use seen::{Cause, Lost};
