//! What notes of the memory mean, by a model of the config's servers.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use yabby_agent::{Model, State};
use yabby_config::Config;
use yabby_core::{Caller, Priority, SessionKey, ZoneRule};
use yabby_route::{Embedding, Embeddings, NoEmbeddings};
use yabby_servers::{Fleet, Http};
use yabby_store::Store;
use yabby_tools::{EmbedError, EmbedErrorKind, Embedded, Embedder};
use yabby_wire::embedding_prefixes;

use crate::privacy::private;

/// A search does not wait longer to know what its question means.
const PATIENCE: Duration = Duration::from_secs(8);

/// The servers of this run, for tools that ask them.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) http: Http,
    pub(crate) fleet: Arc<Fleet>,
    /// What makes all of it private, if something does.
    pub(crate) private: Option<&'static str>,
    /// Who knows which model answers.
    pub(crate) model: Arc<dyn Model>,
}

/// Tells what the notes of one agent mean.
pub(crate) struct Meaning {
    embeddings: Embeddings,
    store: Store,
}

impl Meaning {
    /// `None` where the agent's notes are to be found by their words alone.
    pub(crate) fn of(servers: &Servers, config: &Config, agent: &str, store: &Store) -> Option<Self> {
        let rules: Option<ZoneRule> = servers.private.map(private);
        Some(Self {
            embeddings: Embeddings::of(&servers.http, &servers.fleet, config, agent, rules)?,
            store: store.clone(),
        })
    }

    /// Whether what is asked for in a conversation is private. When nobody can tell, it is.
    async fn is_private(&self, conversation: Option<&SessionKey>) -> bool {
        let Some(conversation) = conversation else { return false };
        let known = self.store.conversation(conversation).await;
        known.map_or(true, |known| known.is_some_and(|known| State::of(&known.state).private))
    }
}

impl Embedder for Meaning {
    fn model(&self) -> String {
        let chosen = self.embeddings.chosen();
        chosen.map_or_else(String::new, |Embedding { endpoint, model }| {
            let (_, note) = embedding_prefixes(&model);
            format!("{}/{model} {note}", endpoint.provider).trim_end().to_owned()
        })
    }

    fn embed<'a>(
        &'a self,
        texts: &'a [String],
        of: Embedded,
        conversation: Option<&'a SessionKey>,
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        async move {
            let (priority, limit) = match of {
                Embedded::Query => (Priority::ToolLoop, Some(PATIENCE)),
                Embedded::Note => (Priority::Upkeep, None),
            };
            let caller = Caller {
                priority,
                session: conversation.map_or_else(String::new, |conversation| conversation.as_str().to_owned()),
            };
            let is_private = self.is_private(conversation).await;
            let prefixed = |model: &str| {
                let (query, note) = embedding_prefixes(model);
                let prefix = match of {
                    Embedded::Query => query,
                    Embedded::Note => note,
                };
                texts.iter().map(|text| format!("{prefix}{text}")).collect()
            };
            let made = self.embeddings.embed(prefixed, &caller, is_private, limit).await;
            made.map_err(|none| EmbedError {
                kind: match none {
                    NoEmbeddings::Absent => EmbedErrorKind::Absent,
                    NoEmbeddings::Away(_) => EmbedErrorKind::Away,
                    NoEmbeddings::Refused(_) => EmbedErrorKind::Refused,
                },
                message: none.text().english(),
            })
        }
        .boxed()
    }
}
