//! What was said and done.

mod item;
mod stub;

pub use item::{Content, FileRef, Item, NewItem};

pub(crate) use stub::append;
