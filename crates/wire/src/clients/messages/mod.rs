//! Anthropic Messages towards clients.

mod parse;
mod stream;
mod whole;

pub(super) use parse::parse;
pub(super) use stream::Stream;
pub(super) use whole::whole;
