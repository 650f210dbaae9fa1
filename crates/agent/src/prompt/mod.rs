//! What stands before a conversation: Yabby's own words, the owner's files, skills and tools, within a budget.
//!
//! The same ingredients give the same bytes, and nothing that changes from turn to turn is among them: the time and what is
//! found in memories go beside messages ([`crate::Note::Aside`]).

mod assemble;
mod budget;
mod cut;
mod fitted;
mod shown;
mod tokens;
mod words;

pub use assemble::{FileLimits, Ingredients, Prompt, Section, Source};
pub use budget::{Budget, Size};
pub use cut::Cut;
pub use fitted::{Fitting, fitted};
pub use shown::ShownTools;
pub use tokens::{HELLO, Tokens, hello};

#[cfg(test)]
pub(crate) mod tests;
