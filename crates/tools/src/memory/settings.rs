//! How the memory of an agent is kept and searched.

use std::{path::PathBuf, time::Duration};

/// How the memory of an agent is kept and searched. The numbers are OpenClaw's ("Memory configuration reference").
#[derive(Clone, Debug, PartialEq)]
pub struct MemorySettings {
    /// The folder with `MEMORY.md` and `memory/`. It is made when it is missing.
    pub workspace: PathBuf,
    /// The file of the index. It can be deleted at any time: it is made from the notes.
    pub index: PathBuf,
    /// Further Markdown files, or folders with them, which are only read.
    pub extra: Vec<PathBuf>,
    /// About so many tokens a piece has, and so many of them are also in the piece before.
    pub piece: (usize, usize),
    /// The most pieces that a search finds.
    pub most_results: usize,
    /// The least likeness of meaning (cosine) of what is found by meaning alone.
    pub least_likeness: f32,
    /// Whether words count beside meaning. They always do when there is nothing else.
    pub words: bool,
    /// The weight of meaning.
    pub meaning_weight: f32,
    /// The weight of words.
    pub words_weight: f32,
    /// So many times more pieces are looked at than are found.
    pub candidates: usize,
    /// So long a search waits for embeddings. What is not embedded then is found by its words, and by its meaning later.
    pub patience: Duration,
}

impl MemorySettings {
    /// The usual settings for a workspace with an index.
    pub fn new(workspace: impl Into<PathBuf>, index: impl Into<PathBuf>) -> Self {
        Self {
            workspace: workspace.into(),
            index: index.into(),
            extra: Vec::new(),
            piece: (400, 80),
            most_results: 6,
            least_likeness: 0.35,
            words: true,
            meaning_weight: 0.7,
            words_weight: 0.3,
            candidates: 4,
            patience: Duration::from_secs(10),
        }
    }
}
