//! A link that lets one browser in, once.

use yabby_core::text;
use yabby_store::{Keys, NewCode, Scopes, StoreError, StoreErrorKind, new_secret};

/// A link, and the code in it.
pub(crate) struct Link {
    pub(crate) link: String,
    pub(crate) code: String,
}

impl Link {
    /// Makes one to a gateway, for a browser that the list of keys shows by `name`.
    pub(crate) async fn new(keys: &Keys, url: &str, name: &str) -> Result<Self, StoreError> {
        let new = new_secret().map_err(no_random)?;
        let code = NewCode {
            hash: new.hash,
            name: name.to_owned(),
            scopes: Scopes::all(),
        };
        keys.new_code(code).await?;
        let code = new.secret.expose().to_owned();
        Ok(Self {
            // Behind the #, which a browser sends to nobody.
            link: format!("{url}/#code={code}"),
            code,
        })
    }
}

/// Nothing secret can be made.
pub(crate) fn no_random(error: std::io::Error) -> StoreError {
    let message = text!("the system has no random numbers: {error}", error = error);
    StoreError::new(StoreErrorKind::Other, message).with_source(error)
}
