//! `POST /api/sign-in`: a one-time code of `yabby keys link` becomes the key of a device.

use std::fmt;

use hyper::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use yabby_store::{Exchanged, KeyHash, new_secret};

use super::{Gate, Visitor};
use crate::{api::Refusal, trial::has_type};

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    code: String,
}

/// What is answered.
#[derive(Serialize)]
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
        visitor: Visitor,
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
        let asked: Asked = serde_json::from_slice(body).map_err(|_| {
            let message = "the body is not an object with one code: {\"code\": \"…\"}";
            Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
        })?;
        let unavailable = || {
            let message = "keys cannot be made now; try again later";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        };
        let keys = self.keys().ok_or_else(unavailable)?;
        let secret = new_secret().map_err(|_| unavailable())?;
        let for_key = Exchanged {
            id: secret.id.clone(),
            hash: secret.hash,
        };
        let code = asked.code.trim().as_bytes();
        let key = keys.exchange(KeyHash::of(code), for_key).await;
        let Some(key) = key.map_err(|_| unavailable())? else {
            self.wrong(visitor, code);
            let message = "this code is wrong, too old or was used already (yabby keys link makes a new one)";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_code", message));
        };
        Ok(SignedIn {
            key: secret.secret.expose().to_owned(),
            id: key.made.id,
            expires_at: key.made.expires_at.map(|time| time.0),
        })
    }
}
