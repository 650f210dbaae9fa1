//! OpenAI Chat Completions.

mod decode;
mod encode;

pub(crate) use decode::Reader;
pub(crate) use encode::{REPLAYED, encode};
