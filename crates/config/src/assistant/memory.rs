//! How the memory of an agent is searched.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use serde_json::json;
use yabby_core::Secret;

use super::{lay::put, shown};
use crate::{
    path::{Seg, below, dotted},
    raw,
    resolve::Resolver,
};

/// How the memory of an agent is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct MemorySettings {
    /// Whether it is searched at all.
    pub enabled: bool,
    /// Who makes the embeddings: the id of a provider, or `none` for a search by words alone.
    pub provider: Option<String>,
    /// The model that makes them.
    pub model: Option<String>,
    /// The address of a server for embeddings that is no provider.
    pub base_url: Option<String>,
    /// Its key.
    pub key: Option<Secret>,
    /// Headers of every request to it.
    pub headers: Vec<(String, Secret)>,
    /// Whether notes are searched.
    pub notes: bool,
    /// Whether earlier conversations are.
    pub sessions: bool,
    /// Further Markdown files, or folders with them.
    pub extra_paths: Vec<PathBuf>,
    /// Tokens of a piece, and those that it has in common with the one before.
    pub chunk: (Option<u32>, Option<u32>),
    /// The most pieces that are found.
    pub max_results: Option<u32>,
    /// The least likeness, 0 to 1.
    pub min_score: Option<f64>,
    /// How words and meaning are weighed.
    pub hybrid: HybridSearch,
}

/// How words and meaning are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HybridSearch {
    /// Whether words count beside meaning.
    pub enabled: bool,
    /// The weight of meaning, 0 to 1.
    pub vector_weight: f64,
    /// The weight of words, 0 to 1.
    pub text_weight: f64,
    /// How many times more pieces are looked at than are found.
    pub candidates: u32,
}

// === impl MemorySettings ===

impl MemorySettings {
    pub(crate) fn close(&mut self) {
        *self = Self {
            enabled: false,
            ..Self::default()
        };
    }
}

impl Serialize for MemorySettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sources = [(self.notes, "memory"), (self.sessions, "sessions")];
        let sources = sources
            .into_iter()
            .filter_map(|(is_searched, word)| is_searched.then_some(word));
        let hybrid = json!({
            "enabled": self.hybrid.enabled,
            "vectorWeight": self.hybrid.vector_weight,
            "textWeight": self.hybrid.text_weight,
            "candidateMultiplier": self.hybrid.candidates,
        });
        let shown = json!({
            "enabled": self.enabled,
            "provider": self.provider,
            "model": self.model,
            "remote": {
                "baseUrl": self.base_url,
                "apiKey": self.key.as_ref().map(ToString::to_string),
            },
            "sources": sources.collect::<Vec<_>>(),
            "extraPaths": self.extra_paths,
            "chunking": { "tokens": self.chunk.0, "overlap": self.chunk.1 },
            "query": { "maxResults": self.max_results, "minScore": self.min_score, "hybrid": hybrid },
        });
        shown::without_nothing(shown).serialize(serializer)
    }
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            provider: None,
            model: None,
            base_url: None,
            key: None,
            headers: Vec::new(),
            notes: true,
            sessions: false,
            extra_paths: Vec::new(),
            chunk: (None, None),
            max_results: None,
            min_score: None,
            hybrid: HybridSearch::default(),
        }
    }
}

impl Default for HybridSearch {
    /// OpenClaw's weights (docs, "Memory configuration reference").
    fn default() -> Self {
        Self {
            enabled: true,
            vector_weight: 0.7,
            text_weight: 0.3,
            candidates: 4,
        }
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn memory(&mut self, settings: &mut MemorySettings, raw: raw::MemorySearch, path: &[Seg], said: &[Seg]) {
        put(&mut settings.enabled, raw.enabled);
        let remote = below(path, "remote");
        if raw.provider.is_some() || raw.remote.base_url.is_some() {
            // Another server gets neither the key nor the model of the one before.
            *settings = MemorySettings {
                provider: None,
                model: None,
                base_url: None,
                key: None,
                headers: Vec::new(),
                ..settings.clone()
            };
        }
        settings.provider = raw.provider.as_deref().map(trimmed).or(settings.provider.take());
        settings.model = raw.model.as_deref().map(trimmed).or(settings.model.take());
        let base_url = raw
            .remote
            .base_url
            .as_deref()
            .map(trimmed)
            .filter(|url| !url.is_empty());
        settings.base_url = base_url.or(settings.base_url.take());
        let key = self.key(raw.remote.api_key.as_ref(), &below(&remote, "apiKey"));
        settings.key = key.map(|key| key.secret).or(settings.key.take());
        if !raw.remote.headers.0.is_empty() {
            settings.headers = self.headers(raw.remote.headers, &remote);
        }
        if let Some(sources) = raw.sources {
            let has = |word: &str| sources.iter().any(|source| source == word);
            settings.notes = has("memory");
            settings.sessions = has("sessions");
        }
        if let Some(paths) = raw.extra_paths {
            settings.extra_paths = self.paths(&paths, &below(path, "extraPaths"));
        }
        settings.chunk = (
            raw.chunking.tokens.or(settings.chunk.0),
            raw.chunking.overlap.or(settings.chunk.1),
        );
        settings.max_results = raw.query.max_results.or(settings.max_results);
        settings.min_score = raw.query.min_score.or(settings.min_score);
        put(&mut settings.hybrid.enabled, raw.query.hybrid.enabled);
        put(&mut settings.hybrid.vector_weight, raw.query.hybrid.vector_weight);
        put(&mut settings.hybrid.text_weight, raw.query.hybrid.text_weight);
        put(&mut settings.hybrid.candidates, raw.query.hybrid.candidate_multiplier);
        if self.doubts.closes(&dotted(said)) {
            settings.close();
        }
    }

    pub(crate) fn paths(&mut self, written: &[String], path: &[Seg]) -> Vec<PathBuf> {
        let mut paths = Vec::with_capacity(written.len());
        for (index, written) in written.iter().enumerate() {
            let mut path = path.to_vec();
            path.push(Seg::Index(index));
            paths.extend(self.path(written, &path));
        }
        paths
    }
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}
