//! Loading, keeping and unloading a model of an endpoint.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::time::Instant;
use yabby_config::KeepWarm;
use yabby_core::{ErrorKind, Message, ModelError, ModelRequest, Phase, text};

use super::{
    loads::{Loaded, LoadingNow},
    requests::{self, Call, Held},
};
use crate::{Endpoint, Http, ServerKind, probe::fetch};

/// The most time for a question about what is loaded.
const LOOK: Duration = Duration::from_secs(10);

/// How often a server is asked whether a load is done that it does not wait for.
const PAUSE: Duration = Duration::from_millis(250);

/// How a model is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// The window that it shall be loaded with, in tokens, for servers that take a wish; else the server decides.
    pub window: Option<u32>,
    /// How long it shall stay, for servers that are told with the load (Ollama).
    pub keep_warm: KeepWarm,
    /// The most time that the load may take.
    pub limit: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            window: None,
            keep_warm: KeepWarm::No,
            // A large model from a slow disk.
            limit: Duration::from_mins(15),
        }
    }
}

impl Endpoint {
    /// Loads a model, unless it is loaded, and says how long that took.
    ///
    /// All that ask for a model while it loads wait for the same load, with the options of the first; also through
    /// clones of this endpoint. It goes on as long as one of them waits. Ask [`super::may_wake`] before this.
    ///
    /// Fails with [`ErrorKind::UnsupportedFeature`] for servers that cannot be told to load, with
    /// [`ErrorKind::Timeout`] after the limit, or with what the server says; each caller gets the error.
    pub async fn load(
        &self,
        http: &Http,
        model: &str,
        kind: ServerKind,
        options: LoadOptions,
    ) -> Result<Loaded, ModelError> {
        let key = key(kind, model);
        let load = self.loads.join(&key, || {
            let (endpoint, http, model, key) = (self.clone(), http.clone(), model.to_owned(), key.clone());
            let work = async move {
                let load = endpoint.load_now(&http, &model, kind, options);
                let outcome = match tokio::time::timeout(options.limit, load).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(endpoint.took_too_long(&model, options.limit)),
                };
                if let Ok(Loaded { took: Some(took), .. }) = outcome {
                    endpoint.loads.record(&key, took);
                }
                outcome.map_err(Arc::new)
            };
            work.boxed()
        });
        load.await.map_err(|error| error.again())
    }

    /// The load of a model that this process has under way.
    pub fn loading(&self, kind: ServerKind, model: &str) -> Option<LoadingNow> {
        self.loads.loading(&key(kind, model))
    }

    /// How long loads of a model usually take, where this process has timed one.
    pub fn usual_load_time(&self, kind: ServerKind, model: &str) -> Option<Duration> {
        self.loads.usual(&key(kind, model))
    }

    /// Asks whether the server has a model in memory. Loads and wakes nothing.
    pub async fn held(&self, http: &Http, model: &str, kind: ServerKind) -> Result<Held, ModelError> {
        let Some(path) = requests::list_path(kind) else {
            return Ok(Held::Untold);
        };
        let list = match self.told(http, path).await {
            // A llama.cpp with one model says so to every question.
            Err(error) if error.kind == ErrorKind::Loading => return Ok(Held::Loading),
            list => list?,
        };
        let held = requests::held(kind, &list, model);
        if kind == ServerKind::LlamaCpp && matches!(held, Held::Loaded { .. }) {
            // One that sleeps by itself says so only here; a router says it in its list, and nothing of it here.
            let sleeps = self
                .told(http, "/props")
                .await
                .is_ok_and(|props| props["is_sleeping"] == true);
            return Ok(if sleeps { Held::Asleep } else { held });
        }
        Ok(held)
    }

    /// Touches a model that is loaded, so that the server keeps it for another while. A model that is not loaded is
    /// loaded by this; ask [`Endpoint::held`] first.
    pub async fn touch(
        &self,
        http: &Http,
        model: &str,
        kind: ServerKind,
        policy: KeepWarm,
        limit: Duration,
    ) -> Result<(), ModelError> {
        let touch = async {
            match requests::keep(kind, model, policy) {
                Some(call) => self.call(http, &call, limit).await.map(drop),
                None => self.one_token(http, model).await,
            }
        };
        match tokio::time::timeout(limit, touch).await {
            Ok(touched) => touched,
            Err(_) => Err(self.hung(limit)),
        }
    }

    /// Unloads a model: all its instances, where the server names them. A model that is not loaded is no error.
    pub async fn unload(&self, http: &Http, model: &str, kind: ServerKind, limit: Duration) -> Result<(), ModelError> {
        let names = if kind == ServerKind::LmStudio {
            let list = self.told(http, "/api/v1/models").await?;
            requests::instances(&list, model)
        } else {
            match self.held(http, model, kind).await? {
                Held::Unloaded | Held::Failing => Vec::new(),
                _ => vec![model.to_owned()],
            }
        };
        for name in names {
            let call = requests::unload(kind, &name).ok_or_else(|| self.cannot_load(kind))?;
            self.call(http, &call, limit).await?;
        }
        Ok(())
    }

    async fn load_now(
        &self,
        http: &Http,
        model: &str,
        kind: ServerKind,
        options: LoadOptions,
    ) -> Result<Loaded, ModelError> {
        let call = requests::load(kind, model, options.window, options.keep_warm);
        let call = call.ok_or_else(|| self.cannot_load(kind))?;
        let begun = Instant::now();
        let mine = match self.held(http, model, kind).await? {
            Held::Loaded { window } => return Ok(Loaded { took: None, window }),
            Held::Absent => return Err(self.not_there(model)),
            Held::Loading => false,
            Held::Asleep => {
                self.one_token(http, model).await?;
                true
            }
            // An LM Studio that is too old to be told loads with the first request.
            Held::Untold if kind == ServerKind::LmStudio => {
                self.one_token(http, model).await?;
                true
            }
            Held::Unloaded | Held::Failing | Held::Untold => {
                self.call(http, &call, options.limit).await?;
                true
            }
        };
        let window = self.settled(http, model, kind).await?;
        Ok(Loaded {
            took: mine.then(|| begun.elapsed()),
            window,
        })
    }

    /// Waits until a load that was asked for is done, and returns the window that came of it.
    async fn settled(&self, http: &Http, model: &str, kind: ServerKind) -> Result<Option<u32>, ModelError> {
        loop {
            match self.held(http, model, kind).await? {
                Held::Loaded { window } => return Ok(window),
                Held::Loading => tokio::time::sleep(PAUSE).await,
                // A router answers at once, and says later that it has failed.
                Held::Unloaded | Held::Failing | Held::Absent if kind == ServerKind::LlamaCpp => {
                    return Err(self.load_failed(model));
                }
                // The others answer when the model is loaded; what their lists say then is only for the window.
                _ => return Ok(None),
            }
        }
    }

    /// What the server says to a `GET` below its root.
    pub(crate) async fn told(&self, http: &Http, path: &str) -> Result<Value, ModelError> {
        let request = http.client(self)?.get(format!("{}{path}", self.root()));
        Ok(fetch(self, request, LOOK).await?.body)
    }

    /// What the server says to a `POST` below its root. An error in a 200 is one.
    pub(crate) async fn call(&self, http: &Http, call: &Call, limit: Duration) -> Result<Value, ModelError> {
        let request = http
            .client(self)?
            .post(format!("{}{}", self.root(), call.path))
            .header("content-type", "application/json")
            .body(call.body.to_string());
        let body = fetch(self, request, limit).await?.body;
        if body["error"].is_null() {
            return Ok(body);
        }
        let headers = yabby_wire::ResponseHeaders::default();
        let error = yabby_wire::classify(500, &headers, body.to_string().as_bytes());
        Err(crate::answer::from_wire(self, Phase::Head, &error))
    }

    /// The smallest request there is, for servers that load and wake with one.
    async fn one_token(&self, http: &Http, model: &str) -> Result<(), ModelError> {
        let request = ModelRequest {
            messages: vec![Message::user("Hi")],
            max_output_tokens: Some(1),
            ..ModelRequest::default()
        };
        let mut answer = self.ask(http, self.dialect_for(model), model, &request).await?;
        while let Some(event) = answer.next().await {
            match event {
                Ok(_) => {}
                // A single token need not be an answer.
                Err(error) if matches!(error.kind, ErrorKind::Empty | ErrorKind::ToolParser) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn cannot_load(&self, kind: ServerKind) -> ModelError {
        ModelError::new(
            ErrorKind::UnsupportedFeature,
            Phase::Connect,
            &self.base_url,
            text!("{server} cannot be told which models to load", server = kind.name()),
        )
    }

    fn not_there(&self, model: &str) -> ModelError {
        ModelError::new(
            ErrorKind::ModelNotFound,
            Phase::Head,
            &self.base_url,
            text!(
                "{provider} has no model {model}",
                provider = self.provider,
                model = model
            ),
        )
        .with_hint(text!(
            "see `yabby models` for what {provider} has",
            provider = self.provider
        ))
    }

    fn load_failed(&self, model: &str) -> ModelError {
        ModelError::new(
            ErrorKind::Server,
            Phase::Head,
            &self.base_url,
            text!(
                "{provider} could not load {model}",
                provider = self.provider,
                model = model
            ),
        )
        .with_hint(text!(
            "look into the server's log: the model may be too large for the memory"
        ))
    }

    fn took_too_long(&self, model: &str, limit: Duration) -> ModelError {
        ModelError::new(
            ErrorKind::Timeout,
            Phase::Head,
            &self.base_url,
            text!(
                "{provider} has not loaded {model} within {seconds} s",
                provider = self.provider,
                model = model,
                seconds = limit.as_secs_f32()
            ),
        )
        .with_hint(text!(
            "look into the server's log: the model may be too large for the memory"
        ))
    }
}

/// The name under which loads of a model are known: Ollama has two for the same one.
fn key(kind: ServerKind, model: &str) -> String {
    if kind == ServerKind::Ollama {
        requests::tagged(model)
    } else {
        model.to_owned()
    }
}

#[cfg(test)]
mod tests;
