//! OpenAI Responses towards clients.

mod object;
mod parse;
mod stream;
mod whole;

pub(super) use object::{Status, echo};
pub use parse::item_references;
pub(super) use parse::parse;
pub(super) use stream::Stream;
pub use whole::response_found;
pub(super) use whole::whole;
