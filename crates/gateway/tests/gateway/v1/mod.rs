//! The paths beside those that a model answers.

mod counting;
mod embeddings;
mod models;
mod responses;
