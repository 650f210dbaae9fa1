//! `POST /api/sign-in`: a one-time code of `yabby keys link`, or a key that may operate, becomes the key of a device.
//! `POST /api/sign-out` ends it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use hyper::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use yabby_core::Time;
use yabby_store::{Exchanged, KeyHash, KeyKind, NewKey, new_secret};

use super::{Caller, Gate, Visitor};
use crate::{api::Refusal, trial::has_type};

/// How long the key of a device is good, as for one that a code was exchanged for.
const OF_DEVICE: Duration = Duration::from_hours(24 * 90);

/// What is asked: a one-time code, or a key that may operate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    code: Option<String>,
    token: Option<String>,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignedIn {
    /// The key, which is told once.
    key: String,
    /// Its id, as `yabby keys list` shows it.
    id: String,
    /// Until when it is good, in milliseconds since 1970.
    expires_at: Option<i64>,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Gate {
    /// Exchanges a code for a key. A wrong one counts against the address as a wrong key does.
    pub(crate) async fn sign_in(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<SignedIn, Refusal> {
        // A form of another page could send anything else without asking.
        if !has_type(headers, "application/json") {
            let message = format!("{CONTENT_TYPE} must be application/json");
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request",
                message,
            ));
        }
        let unclear = || {
            let message = "the body is not an object with one code or one token: {\"code\": \"…\"}";
            Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
        };
        let asked: Asked = serde_json::from_slice(body).map_err(|_| unclear())?;
        let keys = self.keys().ok_or_else(unavailable)?;
        let secret = new_secret().map_err(|_| unavailable())?;
        let key = match (&asked.code, &asked.token) {
            (Some(code), None) => {
                let for_key = Exchanged {
                    id: secret.id.clone(),
                    hash: secret.hash,
                };
                let code = code.trim().as_bytes();
                let key = keys.exchange(KeyHash::of(code), for_key).await;
                key.map_err(|_| unavailable())?.ok_or_else(|| {
                    self.wrong(visitor, code);
                    let message = "this code is wrong, too old or was used already (yabby keys link makes a new one)";
                    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_code", message)
                })?
            }
            (None, Some(token)) => {
                let caller = self.holder(visitor, token.trim().as_bytes()).await.ok_or_else(|| {
                    let message = "this key is not known here, or not any more";
                    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
                })?;
                if !caller.may_operate() {
                    let message = "this key may not operate the gateway: its scope operate is off";
                    return Err(Refusal::new(StatusCode::FORBIDDEN, "operate_not_allowed", message));
                }
                // Never more than the key may that was shown.
                let new = NewKey {
                    id: secret.id.clone(),
                    name: "browser".to_owned(),
                    hash: secret.hash,
                    kind: KeyKind::Device,
                    scopes: caller.scopes().clone(),
                    expires_at: Some(Time::from(SystemTime::now()) + OF_DEVICE),
                };
                keys.add(new).await.map_err(|_| unavailable())?
            }
            _ => return Err(unclear()),
        };
        // The next request, which may come at once, is to know it.
        self.read().await.map_err(|_| unavailable())?;
        Ok(SignedIn {
            key: secret.secret.expose().to_owned(),
            id: key.made.id,
            expires_at: key.made.expires_at.map(|time| time.0),
        })
    }

    /// Revokes the key of a caller. The owner's own stays: it is in a file, or in the config.
    pub(crate) async fn sign_out(&self, caller: &Caller) -> Result<(), Refusal> {
        let keys = self.keys().filter(|_| caller.kind() != KeyKind::Owner);
        if let Some(keys) = keys {
            keys.revoke(caller.id()).await.map_err(|_| unavailable())?;
        }
        Ok(())
    }
}

pub(super) fn unavailable() -> Refusal {
    let message = "keys cannot be changed now; try again later";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
}
