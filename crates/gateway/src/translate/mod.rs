//! Requests for servers that do not speak the API of the client.
//!
//! What passes goes as it came ([`crate::relay`]). Where the API is another one, the request is read once, written in the
//! words of the server as for any turn, and the answer is read and written in the words of the client. The candidates,
//! slots, breakers, keys, budgets, deadlines and retries are those of what passes: only the asking differs.

mod answer;
mod ask;

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use hyper::body::Bytes;
use yabby_core::{ErrorKind, ModelError, ModelRequest, Phase, ToolMode, text};
use yabby_route::{Descent, extra_body};
use yabby_servers::{Endpoint, Http};
use yabby_wire::{
    Dialect, Step,
    clients::{Api, ClientRequest, Failure as Untold, InvalidRequest, Meta},
};

use crate::{routes::Target, trial::Failure};

pub(crate) use answer::{LEFT_OUT, respond};
pub(crate) use ask::{Begun, open};

/// A request of a client, read when that is needed first.
#[derive(Default)]
pub(crate) struct Reading(OnceLock<Result<Box<ClientRequest>, InvalidRequest>>);

/// A request as one target is asked.
pub(crate) struct Prepared<'a> {
    client: &'a ClientRequest,
    target: Arc<Target>,
    dialect: Dialect,
    /// What it is asked.
    request: ModelRequest,
    left_out: Vec<String>,
    /// The target's endpoint, on which steps of the ladder are tried.
    endpoint: Endpoint,
    descent: Descent,
}

impl Reading {
    /// The request in the words of a target.
    pub(crate) fn prepared(
        &self,
        api: Api,
        body: &Bytes,
        target: &Arc<Target>,
    ) -> Result<Box<Prepared<'_>>, Box<Failure>> {
        let read = self.0.get_or_init(|| api.parse(body).map(kept_nowhere).map(Box::new));
        let prepared = match read {
            Ok(client) => Prepared::new(client, target),
            Err(invalid) => Err(invalid.clone()),
        };
        prepared
            .map(Box::new)
            .map_err(|invalid| Box::new(untold(target, invalid)))
    }
}

/// What a model has said is not kept here, whatever the client wants.
fn kept_nowhere(mut request: ClientRequest) -> ClientRequest {
    request.store = Some(false);
    request
}

/// It is the request, and not the server.
fn untold(target: &Target, invalid: InvalidRequest) -> Failure {
    let message = text!(
        "the request cannot be put into the words of {model}: {problem}",
        model = target.model,
        problem = invalid
    );
    let url = &target.endpoint.base_url;
    Failure {
        untold: Some(Box::new(Untold::from(invalid))),
        ..ModelError::new(ErrorKind::UnsupportedFeature, Phase::Connect, url, message).into()
    }
}

impl<'a> Prepared<'a> {
    fn new(client: &'a ClientRequest, target: &Arc<Target>) -> Result<Self, InvalidRequest> {
        let model = target.model.model();
        let descent = Descent::of(&target.endpoint, &target.model);
        let mut prepared = Self {
            client,
            target: Arc::clone(target),
            dialect: target.endpoint.dialect_for(model),
            request: ModelRequest::default(),
            left_out: Vec::new(),
            endpoint: descent.trial(),
            descent,
        };
        prepared.write()?;
        Ok(prepared)
    }

    /// Writes the request for the dialect.
    fn write(&mut self) -> Result<(), InvalidRequest> {
        let translated = self.client.translated(self.dialect)?;
        self.request = translated.request;
        self.left_out = translated.left_out;
        let params = &self.target.params;
        self.request
            .extra_body
            .extend(extra_body(&self.endpoint, self.dialect, params));
        // How a server is spoken to; how its model answers is the client's to say.
        let said = |name: &str| params.get(name).cloned();
        self.request.tool_mode = said("toolMode").and_then(|mode| serde_json::from_value(mode).ok());
        let cache = || serde_json::from_value(said("cacheRetention")?).ok();
        self.request.prompt_cache = self.request.prompt_cache.or_else(cache);
        if self.dialect == Dialect::Messages {
            // It wants a limit, and the client's API does not.
            let listed = self.endpoint.listed_model(self.target.model.model());
            let most = listed.and_then(|listed| listed.max_tokens);
            self.request.max_output_tokens = self.request.max_output_tokens.or(most);
        }
        Ok(())
    }

    /// Finds out how tools are offered, which may be in another dialect.
    async fn settle(&mut self, http: &Http) -> Result<(), Failure> {
        let target = Arc::clone(&self.target);
        let model = target.model.model();
        self.endpoint.find_tool_mode(http, model, &self.request).await;
        let dialect = self.endpoint.dialect_of(model, &self.request);
        if dialect != self.dialect {
            self.dialect = dialect;
            self.write().map_err(|invalid| untold(&target, invalid))?;
        }
        if self.endpoint.tool_mode_of(model, &self.request) != ToolMode::Native {
            // They go with tools that stand in their own field.
            for name in ["parallel_tool_calls", "tool_choice"] {
                self.request.extra_body.shift_remove(name);
            }
        }
        Ok(())
    }

    /// What could be changed after an error.
    pub(crate) async fn steps(&mut self, http: &Http, error: &ModelError) -> Vec<Step> {
        self.descent
            .next(http, &self.endpoint, self.dialect, &self.request, error)
            .await
    }

    /// Changes it.
    pub(crate) fn take(&mut self, steps: Vec<Step>, error: &ModelError) {
        self.descent.take(&self.endpoint, steps, error);
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What stands around the answer.
    fn meta(&self) -> Meta {
        let id = yabby_store::new_id().to_lowercase();
        let api = self.client.api;
        let id = match api {
            Api::Chat => format!("chatcmpl-{id}"),
            Api::Responses => format!("resp_{id}"),
            Api::Messages => format!("msg_{id}"),
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let created = now.unwrap_or_default().as_secs();
        let mut meta = Meta::new(self.client, id, self.target.model.to_string(), created);
        meta.reasoning = match api {
            // As llama.cpp and others give it, unasked.
            Api::Chat => self.client.wants_reasoning != Some(false),
            Api::Responses => meta.reasoning,
            // Thoughts are signed by who speaks this API, and a client that gets others sends them back in vain.
            Api::Messages => false,
        };
        meta
    }
}
