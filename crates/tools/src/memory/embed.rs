//! Who knows what texts mean.

use futures_util::future::BoxFuture;
use yabby_core::SessionKey;

/// Makes embeddings. The binary implements it over a server that the owner has configured; there is no other default.
pub trait Embedder: Send + Sync {
    /// The model that makes them, with all that changes them: other embeddings have another name. When it changes, notes are
    /// embedded anew. Asked when something was embedded; before, it may be empty.
    fn model(&self) -> String;

    /// The embeddings of some texts, in their order, as they are asked for in a conversation, whose rules hold then; `None`
    /// when nobody waits.
    fn embed<'a>(
        &'a self,
        texts: &'a [String],
        of: Embedded,
        conversation: Option<&'a SessionKey>,
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>>;
}

/// What a text is. Some models want to be told (`search_query: `).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Embedded {
    /// What is looked for.
    Query,
    /// What is found.
    Note,
}

/// There are no embeddings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EmbedError {
    /// Why.
    pub kind: EmbedErrorKind,
    /// What has happened, in English.
    pub message: String,
}

/// Why there are no embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmbedErrorKind {
    /// There is no model for it. That is no fault: notes are found by their words.
    Absent,
    /// The server is not there, or busy; later it may be.
    Away,
    /// It does not take a text: it is too long for the model, say. The same text is not tried again.
    Refused,
}
