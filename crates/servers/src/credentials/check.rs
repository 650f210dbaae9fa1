//! Whether a server takes the keys of an endpoint, asked without a model.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::Instant;
use yabby_wire::{ResponseHeaders, classify};

use super::KeyStatus;
use crate::{Endpoint, Http, probe::shown};

/// More keys than this are not asked about.
const MOST: usize = 16;

impl Endpoint {
    /// Its keys, after each was shown to the server: for its list of models, and at OpenRouter, whose list is public, for
    /// what the key may spend. An endpoint with one key is not asked, because every probe shows that.
    ///
    /// What a key was refused for is noted, so that no request is sent with it.
    pub async fn check_keys(&self, http: &Http, limit: Duration) -> Vec<KeyStatus> {
        let count = self.key_count();
        if count > 1 {
            join_all((0..count.min(MOST)).map(|key| self.check_key(http, key, limit))).await;
        }
        self.keys()
    }

    async fn check_key(&self, http: &Http, key: usize, limit: Duration) {
        let lease = self.credentials.pool.of(key, Instant::now());
        let url = if self.takes_routing() {
            format!("{}/key", self.url)
        } else {
            self.list_url()
        };
        let said = shown(self, http, &url, lease, limit).await;
        let error = match said {
            Some(Err(error)) => Some(error),
            // openrouter.ai, "Limits": null is no limit.
            Some(Ok(body)) => {
                let left = body.pointer("/data/limit_remaining").and_then(Value::as_f64);
                let is_empty = left.is_some_and(|left| left <= 0.0);
                is_empty.then(|| classify(402, &ResponseHeaders::default(), b""))
            }
            None => None,
        };
        if let Some(mut error) = error {
            self.key_failed(lease, "", &mut error);
        }
    }
}
