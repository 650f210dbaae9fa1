//! What was said and done.
//!
//! Items are only added. What belongs to one but is no word of the conversation lies beside it: what was tried for an
//! answer, and what only the server that gave it can read. Pictures are attachments. Reading puts everything together.

mod append;
mod item;
mod read;
mod stored;

pub use item::{Content, FileRef, Item, NewItem};

pub(crate) use append::append;
pub(crate) use stored::said;
