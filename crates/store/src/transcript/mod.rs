//! What was said and done.

mod item;

pub use item::{Content, FileRef, Item, NewItem};
