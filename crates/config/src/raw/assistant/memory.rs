//! How the memory is searched, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::raw::{OrderedMap, SecretInput};

/// How the memory is searched.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MemorySearch {
    /// Whether it is searched at all; true when unset.
    pub(crate) enabled: Option<bool>,
    /// Who makes the embeddings: a provider of `models.providers`, or `none` to search by words alone. Unset, a server on this
    /// machine that has a model for it, else by words: memories are never sent to a hosted provider that nobody named.
    pub(crate) provider: Option<String>,
    /// The model that makes them.
    pub(crate) model: Option<String>,
    /// A server for embeddings that is no provider of `models.providers`.
    pub(crate) remote: MemoryRemote,
    /// What is searched: `memory` (default), `sessions`.
    pub(crate) sources: Option<Vec<String>>,
    /// Further Markdown files, or folders with them.
    pub(crate) extra_paths: Option<Vec<String>>,
    /// How long the pieces are that are searched.
    pub(crate) chunking: Chunking,
    /// What is found.
    pub(crate) query: MemoryQuery,
}

/// A server for embeddings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MemoryRemote {
    /// Address of its API, usually ending in `/v1`.
    pub(crate) base_url: Option<String>,
    /// Its key: text, `${VARIABLE}`, the name of a variable, or a reference to a secret.
    pub(crate) api_key: Option<SecretInput>,
    /// Headers of every request.
    pub(crate) headers: OrderedMap<SecretInput>,
}

/// How long the pieces are that are searched.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Chunking {
    /// Tokens of a piece.
    #[schemars(range(min = 1))]
    pub(crate) tokens: Option<u32>,
    /// Tokens that a piece has in common with the one before.
    pub(crate) overlap: Option<u32>,
}

/// What is found.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MemoryQuery {
    /// The most pieces.
    #[schemars(range(min = 1))]
    pub(crate) max_results: Option<u32>,
    /// The least likeness, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) min_score: Option<f64>,
    /// How words and meaning are weighed.
    pub(crate) hybrid: Hybrid,
}

/// How words and meaning are weighed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Hybrid {
    /// Whether words count beside meaning; true when unset.
    pub(crate) enabled: Option<bool>,
    /// The weight of meaning, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) vector_weight: Option<f64>,
    /// The weight of words, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) text_weight: Option<f64>,
    /// How many times more pieces are looked at than are found.
    #[schemars(range(min = 1))]
    pub(crate) candidate_multiplier: Option<u32>,
}
