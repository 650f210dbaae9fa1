//! Tools that a model finds: the array of tools stays what it was, so that the beginning of a request stays the same.
//!
//! `tool_search` answers with descriptions and schemas as text; `tool_call` calls what was found. A call of `tool_call` is
//! never run as such: [`Toolset::meant`] says which tool it means, and that one's manifest counts.

mod call;
mod search;
mod tools;
mod words;

pub use call::{Meant, Toolset};
pub(crate) use tools::{CALL, call_manifest, search_manifest};

#[cfg(test)]
mod tests;
