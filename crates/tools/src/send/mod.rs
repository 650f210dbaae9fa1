//! Telling somebody something, and how this conversation is.

mod message;
mod status;
#[cfg(test)]
mod tests;

pub use message::{Outgoing, OutgoingMessage, Recipient, SendMessage};
pub use status::{SessionStatus, Status};
