//! Chat Completions towards clients.

mod parse;
mod stream;
mod whole;

pub(super) use parse::{effort, parse, response_format, strings};
pub(super) use stream::Stream;
pub(super) use whole::whole;
