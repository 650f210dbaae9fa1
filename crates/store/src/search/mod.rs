//! Finding what was said.
//!
//! Words are cut here, and not by the database, so that both find the same: a run of letters and digits is a word, in
//! lower case, and each character of Chinese, Japanese or Korean is a word of its own. What is asked for is cut the same way.

mod find;
mod index;
mod query;
mod snippet;
mod words;

pub use find::Hit;

pub(crate) use index::{index, index_all, index_missing, missing, remove};
