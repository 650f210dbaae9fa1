//! Keeping one model loaded, as `keepWarm` says: loaded at the beginning, touched in time, left alone when its time is
//! over.

use std::time::Duration;

use tokio::time::Instant;
use yabby_config::KeepWarm;
use yabby_core::{ErrorKind, ModelError, Phase};

use super::{Held, LoadOptions, next_touch, usual_ttl};
use crate::{Endpoint, Http, ServerKind, fit::Memory};

/// What the server is does not change often.
const FRESH: Duration = Duration::from_mins(5);
/// The most time for a look, and for a touch.
const LIMIT: Duration = Duration::from_secs(10);
/// After a load that failed.
const LATER: Duration = Duration::from_mins(1);

/// One model that is kept warm.
pub(crate) struct KeptWarm {
    endpoint: Endpoint,
    model: String,
    begun: Instant,
    /// When something is to be done next; `None` when its time is over.
    due: Option<Instant>,
    /// The use from which `due` was computed.
    since: Instant,
}

impl KeptWarm {
    /// Begins now: a model that is to be warm is loaded before somebody needs it.
    pub(crate) fn new(endpoint: &Endpoint, model: &str, now: Instant) -> Self {
        Self {
            endpoint: endpoint.clone(),
            model: model.to_owned(),
            begun: now,
            due: Some(now),
            since: now,
        }
    }

    /// Does what is due.
    pub(crate) async fn step(&mut self, http: &Http) {
        let now = Instant::now();
        let used = self.endpoint.idle().and_then(|idle| now.checked_sub(idle));
        let since = used.map_or(self.begun, |used| used.max(self.begun));
        let is_used_again = since > self.since && self.due.is_none();
        if !is_used_again && self.due.is_none_or(|due| now < due) {
            return;
        }
        let facts = self.endpoint.refresh(http, FRESH, LIMIT).await;
        let Some(kind) = facts.kind else {
            // Not there, or a server that cannot be told.
            self.due = Some(now + LATER);
            return;
        };
        self.since = since;
        // Its server is told what is left of its time.
        let policy = match self.endpoint.keep_warm {
            KeepWarm::For(time) => KeepWarm::For((since + time).saturating_duration_since(now)),
            policy => policy,
        };
        if policy == KeepWarm::For(Duration::ZERO) {
            self.due = None;
            return;
        }
        self.due = match self.keep(http, kind, policy).await {
            Ok(()) => next_touch(self.endpoint.keep_warm, since, Instant::now(), self.ttl(kind)),
            Err(error) => {
                self.endpoint.saw_error(&error);
                Some(Instant::now() + LATER)
            }
        };
    }

    /// Ollama is told how long it shall keep the model; llama.cpp sleeps when its owner has said so, and is looked at
    /// once a minute.
    fn ttl(&self, kind: ServerKind) -> Option<Duration> {
        match kind {
            ServerKind::LlamaCpp => Some(LATER),
            kind => usual_ttl(kind),
        }
    }

    async fn keep(&self, http: &Http, kind: ServerKind, policy: KeepWarm) -> Result<(), ModelError> {
        match self.endpoint.held(http, &self.model, kind).await? {
            Held::Loaded { .. } if kind == ServerKind::LlamaCpp => Ok(()),
            Held::Loaded { .. } => self.endpoint.touch(http, &self.model, kind, policy, LIMIT).await,
            Held::Loading | Held::Untold | Held::Absent => Ok(()),
            Held::Unloaded | Held::Asleep | Held::Failing => {
                // A request may be waking it: then it is loaded when that is done.
                let _alone = self.endpoint.alone(&self.model).await;
                match self.endpoint.held(http, &self.model, kind).await? {
                    Held::Loaded { .. } => Ok(()),
                    _ => self.load(http, kind, policy).await,
                }
            }
        }
    }

    async fn load(&self, http: &Http, kind: ServerKind, policy: KeepWarm) -> Result<(), ModelError> {
        let window = self
            .endpoint
            .listed_model(&self.model)
            .and_then(|entry| entry.context_tokens.or(entry.context_window));
        let memory = Memory::read().await;
        let fit = self.endpoint.check_fit(http, &self.model, kind, window, &memory).await;
        if let Some(fit) = fit.filter(crate::fit::FitReport::is_too_large) {
            let mut error = ModelError::new(
                ErrorKind::Provision,
                Phase::Connect,
                &self.endpoint.base_url,
                fit.text(),
            );
            error.hint = fit.hint();
            return Err(error);
        }
        let options = LoadOptions {
            // What a config says of a window is a cap; Ollama would reload for any other number.
            window: window.filter(|_| kind == ServerKind::LmStudio),
            keep_warm: policy,
            ..LoadOptions::default()
        };
        let loaded = self.endpoint.load(http, &self.model, kind, options).await?;
        if let Some(took) = loaded.took {
            self.endpoint.saw_load(&self.model, took);
        }
        // The window of a model that was just loaded is known now.
        self.endpoint.refresh(http, Duration::ZERO, LIMIT).await;
        Ok(())
    }
}
