//! Conversations that get shorter.

mod driven;
mod planned;
pub(crate) mod scripted;
pub(crate) mod talk;
mod trial;
