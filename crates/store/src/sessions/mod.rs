//! Conversations, and the sessions that they consist of.
//!
//! A conversation (`agent:main:main`) goes on for ever. What is said in it belongs to its current session, which ends when
//! the conversation starts afresh; ended sessions stay, to be read and searched, until they are deleted.

mod conversation;
mod current;
mod list;
mod prune;
mod remove;

pub use conversation::Conversation;
pub use list::{Page, Session, SessionFilter};
pub use prune::{KeepFor, Pruned};

pub(crate) use conversation::set;
