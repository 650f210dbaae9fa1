//! OpenAI Responses, without state on the server.

mod decode;
mod encode;

pub(crate) use decode::Reader;
pub(crate) use encode::encode;
