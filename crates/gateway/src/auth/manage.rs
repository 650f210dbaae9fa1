//! `/api/keys`: what `yabby keys` does, for whoever may operate the gateway.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use yabby_core::Time;
use yabby_store::{Key, KeyKind, Keys, NewKey, Scopes, StoreErrorKind, new_secret};

use super::{Caller, Gate, sign_in::unavailable};
use crate::api::Refusal;

const LONGEST_NAME: usize = 60;
const DAY: Duration = Duration::from_hours(24);

/// A key that is wanted. What is not said limits nothing, and gives no right to operate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    name: String,
    /// After so many days it does not count any more.
    days: Option<u16>,
    /// Aliases, or `provider/model` with `*`.
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    agents: Vec<String>,
    /// US dollars a day.
    budget: Option<f64>,
    /// Requests a minute.
    rate: Option<u32>,
    /// `machine`, `lan`, `region:CODE` or `hosted`.
    #[schemars(with = "Option<String>")]
    zone: Option<yabby_core::Zone>,
    #[serde(default)]
    operate: bool,
}

/// A key, without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub(crate) struct Shown {
    id: String,
    name: String,
    /// `owner`, `client` or `device`.
    kind: &'static str,
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    scopes: Scopes,
    created_at: i64,
    last_used_at: Option<i64>,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    /// The secret, of a key that was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Gate {
    /// The keys that count.
    pub(crate) async fn list_keys(&self) -> Result<Vec<Shown>, Refusal> {
        let keys = self.kept()?.list().await.map_err(|_| unavailable())?;
        let now = Time::from(SystemTime::now());
        Ok(keys
            .into_iter()
            .filter(|key| key.is_valid(now))
            .map(Shown::of)
            .collect())
    }

    /// Makes a key, which can do no more than that of the caller.
    pub(crate) async fn make_key(&self, caller: &Caller, body: &[u8]) -> Result<Shown, Refusal> {
        let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message);
        let wanted: Wanted = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
        let name = wanted.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(bad(format!("`name` must have 1 to {LONGEST_NAME} characters")));
        }
        let every = |patterns: Vec<String>| {
            if patterns.is_empty() {
                vec!["*".to_owned()]
            } else {
                patterns
            }
        };
        let scopes = Scopes {
            models: every(wanted.models),
            agents: every(wanted.agents),
            budget: wanted.budget,
            rate: wanted.rate,
            zone: wanted.zone,
            operate: wanted.operate,
        };
        if let Err(beyond) = scopes.beyond(caller.scopes()) {
            let message = format!("`{}` goes beyond what the key {:?} may do", beyond.0, caller.name());
            return Err(Refusal::new(StatusCode::FORBIDDEN, "scope_not_allowed", message));
        }
        let made = new_secret().map_err(|_| unavailable())?;
        let days = wanted.days.map(|days| DAY * u32::from(days));
        let new = NewKey {
            id: made.id,
            name: name.to_owned(),
            hash: made.hash,
            kind: KeyKind::Client,
            scopes,
            expires_at: days.map(|days| Time::from(SystemTime::now()) + days),
        };
        let key = self.kept()?.add(new).await.map_err(|_| unavailable())?;
        Ok(Shown {
            key: Some(made.secret.expose().to_owned()),
            ..Shown::of(key)
        })
    }

    /// Takes a key back.
    pub(crate) async fn revoke_key(&self, id: &str) -> Result<(), Refusal> {
        let revoked = self.kept()?.revoke(id).await;
        revoked.map(drop).map_err(|error| match error.kind {
            StoreErrorKind::Missing => {
                Refusal::new(StatusCode::NOT_FOUND, "not_found", format!("there is no key {id}"))
            }
            _ => unavailable(),
        })
    }

    fn kept(&self) -> Result<&Keys, Refusal> {
        self.keys().ok_or_else(unavailable)
    }
}

impl Shown {
    fn of(key: Key) -> Self {
        let moment = |time: Option<Time>| time.map(|time| time.0);
        Self {
            id: key.made.id,
            name: key.made.name,
            kind: key.made.kind.name(),
            scopes: key.made.scopes,
            created_at: key.created_at.0,
            last_used_at: moment(key.last_used_at),
            expires_at: moment(key.made.expires_at),
            revoked_at: moment(key.revoked_at),
            key: None,
        }
    }
}
