//! Looking beside a silent answer at what the server does.

use std::time::Duration;

use yabby_core::{ErrorKind, ModelError};

use crate::{Endpoint, Http, ModelState};

/// What a server does while an answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It loads the model.
    Loading,
    /// It works on a request.
    Working,
    /// It answers beside, and says that it works on nothing.
    Idle,
    /// It answers beside, and does not say what it does.
    Alive,
}

impl Endpoint {
    /// Asks beside a request that is under way what the server does. Any HTTP answer is a sign of life, also a refusal.
    ///
    /// Fails with [`ErrorKind::Hung`] when there is none within `limit`, or with what the socket said.
    pub async fn look(&self, http: &Http, model: &str, limit: Duration) -> Result<Doing, ModelError> {
        // What is known from before is no sign of life.
        let facts = self.ask_now(http, limit).await.ok_or_else(|| self.hung(limit))?;
        if let Some(error) = &facts.error {
            return match error.kind {
                ErrorKind::Loading => Ok(Doing::Loading),
                _ if facts.is_reachable() => Ok(Doing::Alive),
                _ => Err(error.again()),
            };
        }
        Ok(match facts.model(model).or(facts.only_model()) {
            Some(model) if model.state == ModelState::Loading => Doing::Loading,
            // A server that loads on demand does not always say that it does: the request is what loads.
            Some(model) if model.state == ModelState::Unloaded => Doing::Loading,
            Some(model) => match model.busy.as_ref().map(|busy| busy.value) {
                Some(0) => Doing::Idle,
                Some(_) => Doing::Working,
                None => Doing::Alive,
            },
            None => Doing::Alive,
        })
    }
}
