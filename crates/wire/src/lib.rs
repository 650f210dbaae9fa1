//! How model servers speak: bytes in, values out.
//!
//! [`encode`] puts a [`yabby_core::ModelRequest`] into one of four dialects, [`Decoder`] turns the bytes of the
//! answer into [`yabby_core::ModelEvent`]s, and [`classify()`] says what a refusal means. A dialect is a module with
//! an `encode.rs` and a `decode.rs`; everything else is shared. [`lower_parameters`] puts JSON
//! Schemas into words that local servers take; [`next_step`] says what to drop or reshape when a server refuses.
//! [`clients`] is the other side: what clients of our own API send, and what they are answered. Nothing here opens a
//! socket, reads a clock or knows a config file.
//!
//! Facts about servers are cited as `wire-facts.md §n`, which is the page `docs/wire-facts.md`, or by the name
//! of a recording; those that tests read are under `fixtures/`.

mod answer;
mod arguments;
mod calls;
mod calltext;
mod chat;
mod classify;
pub mod clients;
mod count;
mod decoder;
mod dialect;
mod embeddings;
mod error;
mod json;
mod ladder;
mod lower;
mod messages;
mod ndjson;
mod ollama;
mod protocol;
mod reshape;
mod responses;
mod sse;
mod think;
mod thinking;

pub use arguments::fit_arguments;
pub use classify::{ResponseHeaders, classify};
pub use count::{Count, CountRequest, TokenCounter, encode_count, read_count};
pub use decoder::{BodyKind, Decoder, Expectation};
pub use dialect::{Dialect, Encoded, MaxTokensField, Quirks, Target, encode, prepared};
pub use embeddings::{embedding_prefixes, encode_embeddings, read_embedding_tokens, read_embeddings};
pub use error::{Recovered, WireError};
pub use ladder::{Learned, Step, next_step};
pub use lower::{SUBSET, lower_output, lower_parameters};
pub use thinking::ChatThinking;
