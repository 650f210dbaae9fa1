//! A process's hold on the managed llama.cpp server.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use yabby_core::ModelError;

use super::{
    EMBEDDED, EmbeddedModel, Hold, Llama, PROVIDER, Report, ServerStatus, State,
    site::{Found, Site},
    spec::Spec,
};
use crate::{Endpoint, EndpointOrigin, credentials::Credentials, fit::weights_of};

/// While a lease (or a clone of it) lives, the supervisor keeps the server running.
#[derive(Clone, Debug)]
pub struct Lease {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    site: Site,
    llama: Llama,
    hold: Hold,
    weights: OnceLock<Option<u64>>,
}

impl Lease {
    /// Registers this process, which must be `yabby` itself, as a user of the server that `llama` describes.
    pub async fn acquire(state_dir: &Path, llama: &Llama) -> Result<Self, ModelError> {
        let site = Site {
            folder: llama.folder(state_dir),
            place: PROVIDER.to_owned(),
        };
        let hold = site.hold(&Spec::Llama(llama.clone()).name()).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                site,
                llama: llama.clone(),
                hold,
                weights: OnceLock::new(),
            }),
        })
    }

    /// The id under which the server offers its model.
    pub fn model(&self) -> &str {
        &self.inner.llama.alias
    }

    /// Tokens of context per slot.
    pub fn window(&self) -> u32 {
        self.inner.llama.window
    }

    /// Requests that the server answers at the same time.
    pub fn slots(&self) -> usize {
        usize::try_from(self.inner.llama.slots).unwrap_or(1)
    }

    /// The bytes of the model's files, if they can be read. They are read once, which blocks for a moment.
    pub(crate) fn weights(&self) -> Option<u64> {
        let Inner { weights, llama, .. } = &*self.inner;
        *weights.get_or_init(|| weights_of(&llama.model))
    }

    /// Whether the server answers now; nothing is started.
    pub fn is_running(&self) -> bool {
        self.status().state == State::Ready
    }

    /// How the server is now; nothing is started.
    pub fn status(&self) -> ServerStatus {
        self.inner.site.status()
    }

    /// The embedded model, when that is what is served, for what it needs of each request.
    pub fn embedded(&self) -> Option<&'static EmbeddedModel> {
        let file = self.inner.llama.model.file_name();
        file.is_some_and(|name| name == EMBEDDED.file).then_some(&EMBEDDED)
    }

    /// An endpoint for the server before it runs: [`Endpoint::ensure_running`] gives the one to send requests to.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::loopback(PROVIDER, 0, EndpointOrigin::Managed(self.clone()))
    }

    /// Starts the server unless it runs, waits until it answers, and returns where.
    pub(super) async fn ready(&self, report: &dyn Report) -> Result<Endpoint, ModelError> {
        let Inner { site, llama, hold, .. } = &*self.inner;
        let spec = Spec::Llama(llama.clone());
        let mut endpoint = self.endpoint();
        if let Found::Own(status) = site.run(&spec, hold, None, report).await? {
            let port = status.port.unwrap_or_default();
            endpoint = Endpoint::loopback(PROVIDER, port, EndpointOrigin::Managed(self.clone()));
            endpoint.credentials = status
                .key
                .map(|key| Credentials::own(PROVIDER, key.0))
                .unwrap_or_default();
        }
        Ok(endpoint)
    }
}
