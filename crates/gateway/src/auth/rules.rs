//! What the config says of who may come in.

use std::collections::HashMap;

use yabby_config::{GatewaySettings, Network};
use yabby_store::KeyHash;

use super::{Caller, hosts::Names};

/// The rules of one config; another config has others.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Whoever comes without a key that counts, where nobody is asked for one.
    pub(super) anybody: Option<Caller>,
    /// The owner's keys, which are kept nowhere else.
    pub(super) owners: HashMap<KeyHash, Caller>,
    pub(super) names: Names,
    pub(super) proxies: Vec<Network>,
}

impl Rules {
    /// Those of a config, beside the owner's keys that were `created` without it. Who has come in by what `before` had too
    /// stays in. Each key is somebody of its own, so that one can go without the others.
    pub(super) fn new(settings: &GatewaySettings, created: &[KeyHash], before: &Self) -> Self {
        let written = settings.auth.owner.as_ref();
        let written = written.map(|secret| KeyHash::of(secret.expose().as_bytes()));
        let owner = |hash| before.owners.get(&hash).cloned().unwrap_or_else(Caller::owner);
        let anybody = || before.anybody.clone().unwrap_or_else(Caller::owner);
        Self {
            anybody: settings.auth.open.then(anybody),
            owners: created
                .iter()
                .copied()
                .chain(written)
                .map(|hash| (hash, owner(hash)))
                .collect(),
            names: Names::new(&settings.allowed_origins),
            proxies: settings.trusted_proxies.clone(),
        }
    }
}
