//! Nouns of conversations that last.

mod label;
mod time;

pub use label::{Confidentiality, Integrity, Label};
pub use time::Time;
