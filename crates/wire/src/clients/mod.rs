//! The other direction: what a client of our own API sends, and what it is answered.
//!
//! [`Api::parse`] reads a body into a neutral [`ClientRequest`]; [`StreamEncoder`] and [`WholeEncoder`] write
//! [`yabby_core::ModelEvent`]s the way that the official SDKs want them, with every required field (their types are the
//! source: openai-python 3.57, anthropic-sdk-python 2.14). Ids and times come from the caller.

mod api;
mod chat;
mod conversation;
mod count;
mod embeddings;
mod encoder;
mod failure;
mod fields;
mod invalid;
mod messages;
mod parts;
mod request;
mod responses;
mod sse;
mod tools;
mod translated;
mod whole;

pub use api::Api;
pub use count::{input_tokens, message_tokens};
pub use embeddings::{EmbeddingsRequest, EncodingFormat, embeddings};
pub use encoder::{Meta, StreamEncoder};
pub use failure::Failure;
pub use invalid::{InvalidKind, InvalidRequest};
pub use request::{ClientRequest, Items, Sampling};
pub use responses::{item_references, response_found};
pub use translated::Translated;
pub use whole::WholeEncoder;
