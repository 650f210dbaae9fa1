//! The memory of an agent: Markdown files of its workspace that it searches, reads and adds to.
//!
//! The files are all there is to know, as in OpenClaw: `MEMORY.md` and `memory/*.md`. The index is made from them, and follows
//! whatever anybody changes. What was made from the words of others is kept apart, and taints who reads it.

mod embed;
mod folder;
mod get;
mod index;
mod manifests;
mod origin;
mod piece;
mod rank;
mod search;
mod settings;
#[cfg(test)]
mod tests;
mod words;
mod write;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use yabby_core::{SessionKey, Text, text};

pub use embed::{EmbedError, EmbedErrorKind, Embedded, Embedder};
pub use settings::MemorySettings;

use self::{
    folder::Folder,
    index::{Index, Limits, Missing, Refreshed, Vector},
};
use crate::{Tool, ToolError, ToolErrorKind, when::Zone};

/// So many texts are embedded in one request: a slow machine has them within seconds.
const AT_ONCE: usize = 8;

/// The memory of one agent. Cheap to clone.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    settings: MemorySettings,
    zone: Zone,
    folder: Folder,
    index: Mutex<Index>,
    embedder: Option<Arc<dyn Embedder>>,
    /// Who embeds notes: one is enough.
    embedding: tokio::sync::Mutex<()>,
}

/// The memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The workspace cannot be opened.
    #[error("the workspace {} cannot be opened", .0.display())]
    Workspace(PathBuf, #[source] io::Error),
    /// The index cannot be opened.
    #[error("the index of the memory {} cannot be opened", .0.display())]
    Index(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
}

impl MemoryError {
    /// What the person can do.
    pub fn hint(&self) -> Text {
        match self {
            Self::Workspace(path, _) => text!(
                "create the folder {path}, or give yourself the right to write into it",
                path = path.display()
            ),
            Self::Index(path, _) => text!(
                "move {path} away: it is made again from the notes",
                path = path.display()
            ),
        }
    }
}

/// How the notes are embedded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    /// So many pieces are not found by their meaning yet.
    pub not_embedded: usize,
    /// Notes that are not searched: they cannot be read, are larger than 1 MiB, or are beyond the 5,000 pieces that are
    /// searched.
    pub left_out: Vec<String>,
    /// Why nothing is embedded now.
    pub away: Option<String>,
}

impl Memory {
    /// Opens the memory; reads the disk. Without an embedder, notes are found by their words.
    pub fn open(
        settings: MemorySettings,
        zone: Zone,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Self, MemoryError> {
        let folder = Folder::open(&settings.workspace, &settings.extra)
            .map_err(|error| MemoryError::Workspace(settings.workspace.clone(), error))?;
        let index = Index::open(&settings.index)
            .map_err(|error| MemoryError::Index(settings.index.clone(), Box::new(error)))?;
        Ok(Self(Arc::new(Shared {
            settings,
            zone,
            folder,
            index: Mutex::new(index),
            embedder,
            embedding: tokio::sync::Mutex::default(),
        })))
    }

    /// The tools.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let shared = || Arc::clone(&self.0);
        vec![
            Arc::new(search::MemorySearch::new(shared())),
            Arc::new(get::MemoryGet::new(shared())),
            Arc::new(write::MemoryWrite::new(shared())),
        ]
    }

    /// Makes the index what the notes are, and embeds for so long: in idle time, so that no search waits for it. `conversation`
    /// is the one after which that is done, whose rules hold.
    pub async fn refresh(
        &self,
        patience: Duration,
        conversation: Option<&SessionKey>,
    ) -> Result<MemoryState, ToolError> {
        let refreshed = self.0.refresh().await?;
        let mut state = MemoryState {
            left_out: refreshed.left_out,
            ..MemoryState::default()
        };
        if let Some(embedder) = &self.0.embedder {
            let deadline = Instant::now() + patience;
            state.away = self.0.embed(&**embedder, deadline, conversation).await?;
            state.not_embedded = self.0.not_embedded(embedder.model()).await?;
        }
        Ok(state)
    }
}

impl Shared {
    /// Does something on a thread that may wait for the disk.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        let shared = Arc::clone(self);
        spawn_blocking(move || work(&shared)).await.unwrap_or_else(|error| {
            Err(ToolError::new(
                ToolErrorKind::Failed,
                format!("the memory failed: {error}"),
            ))
        })
    }

    /// Does something with the index.
    fn with_index<T>(&self, work: impl Fn(&mut rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T, ToolError> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.with(work).map_err(|error| {
            ToolError::new(
                ToolErrorKind::Unavailable,
                format!("the index of the memory cannot be used ({error}); memory_get still reads notes"),
            )
        })
    }

    async fn refresh(self: &Arc<Self>) -> Result<Refreshed, ToolError> {
        self.blocking(|shared| {
            let notes = shared.folder.notes().map_err(unreadable)?;
            let (piece, overlap) = shared.settings.piece;
            let limits = Limits { piece, overlap };
            shared.with_index(|connection| index::refresh(connection, &notes, limits))
        })
        .await
    }

    async fn not_embedded(self: &Arc<Self>, model: String) -> Result<usize, ToolError> {
        self.blocking(move |shared| shared.with_index(|connection| index::count_missing(connection, &model)))
            .await
    }

    /// Embeds what is not embedded yet, until `deadline`; why it stopped, when that is a fault.
    async fn embed(
        self: &Arc<Self>,
        embedder: &dyn Embedder,
        deadline: Instant,
        conversation: Option<&SessionKey>,
    ) -> Result<Option<String>, ToolError> {
        let Ok(_one) = self.embedding.try_lock() else {
            return Ok(None);
        };
        loop {
            let model = embedder.model();
            let asked = model.clone();
            let missing = self
                .blocking(move |shared| shared.with_index(|connection| index::missing(connection, &asked, AT_ONCE)))
                .await?;
            if missing.is_empty() {
                return Ok(None);
            }
            let vectors = match timeout_at(deadline, vectors(embedder, &missing, conversation)).await {
                // The rest is embedded another time.
                Err(_) => return Ok(None),
                Ok(Err(error)) => return Ok((error.kind != EmbedErrorKind::Absent).then_some(error.message)),
                Ok(Ok(_)) if embedder.model() != model => continue,
                Ok(Ok(vectors)) => vectors,
            };
            let kept: Vec<(Vec<u8>, Vector)> = missing.into_iter().map(|missing| missing.hash).zip(vectors).collect();
            self.blocking(move |shared| shared.with_index(|connection| index::keep(connection, &model, &kept)))
                .await?;
        }
    }
}

/// The embeddings of some notes. When all of them are refused together, each is asked for by itself.
async fn vectors(
    embedder: &dyn Embedder,
    missing: &[Missing],
    conversation: Option<&SessionKey>,
) -> Result<Vec<Vector>, EmbedError> {
    let texts: Vec<String> = missing.iter().map(|missing| missing.text.clone()).collect();
    match ask(embedder, &texts, Embedded::Note, conversation).await {
        Err(error) if error.kind == EmbedErrorKind::Refused && texts.len() > 1 => {}
        Err(error) if error.kind == EmbedErrorKind::Refused => return Ok(vec![Vector::none()]),
        done => return done,
    }
    let mut vectors = Vec::new();
    for text in texts {
        let one = ask(embedder, std::slice::from_ref(&text), Embedded::Note, conversation).await;
        vectors.push(match one {
            Err(error) if error.kind == EmbedErrorKind::Refused => Vector::none(),
            one => one?.pop().unwrap_or_else(Vector::none),
        });
    }
    Ok(vectors)
}

/// The embeddings of some texts, as many as there are texts.
async fn ask(
    embedder: &dyn Embedder,
    texts: &[String],
    of: Embedded,
    conversation: Option<&SessionKey>,
) -> Result<Vec<Vector>, EmbedError> {
    let numbers = embedder.embed(texts, of, conversation).await?;
    if numbers.len() != texts.len() {
        return Err(EmbedError {
            kind: EmbedErrorKind::Refused,
            message: format!(
                "the server has sent {} embeddings for {} texts",
                numbers.len(),
                texts.len()
            ),
        });
    }
    let vectors = numbers.iter().map(|numbers| Vector::of(numbers));
    Ok(vectors.map(|vector| vector.unwrap_or_else(Vector::none)).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: io::Error) -> ToolError {
    ToolError::new(
        ToolErrorKind::Failed,
        format!("the memory cannot be read: {error}; tell the person"),
    )
}
