//! The store as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretInput;

/// Where sessions, messages and what was decided are kept. A section of Yabby's own. With a mistake in `url`, `path` or
/// `secretsKey`, nothing is stored anywhere else: what needs the store waits until it is corrected.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Store {
    /// Address of a PostgreSQL database, `postgres://user@host:5432/database`, that any number of Yabbys may share: text,
    /// `${VARIABLE}`, the name of a variable, or a reference to a secret. Its user, password and parameters are never shown.
    /// Unset, an SQLite database in `path` is used.
    pub(crate) url: Option<SecretInput>,
    /// The folder of the store, with the attachments: an absolute path, or one that begins with `~/`. `store` in the state
    /// folder when unset.
    pub(crate) path: Option<String>,
    /// How long things are kept.
    pub(crate) retention: Retention,
    /// How large things may be.
    pub(crate) limits: StoreLimits,
    /// The key with which secrets in the store are encrypted: a reference to a secret, `${VARIABLE}`, or the name of a
    /// variable. Unset, they are stored as they are, in files that only the owner can read.
    pub(crate) secrets_key: Option<SecretInput>,
}

/// How long things are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Retention {
    /// Days after which a session in which nothing happened is deleted, with its attachments. Unset keeps sessions for ever.
    #[schemars(range(min = 1))]
    pub(crate) days: Option<u32>,
    /// Days for which the ids of received messages are remembered, so that none is answered twice; 30 when unset.
    #[schemars(range(min = 1))]
    pub(crate) inbox_days: Option<u32>,
    /// Of more sessions than this, those in which nothing happened for longest are deleted. Unset deletes none.
    #[schemars(range(min = 1))]
    pub(crate) max_sessions: Option<u32>,
}

/// How large things may be, in megabytes of 1048576 bytes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StoreLimits {
    /// The largest attachment; 25 when unset.
    #[schemars(range(min = 1))]
    pub(crate) attachment_mb: Option<u32>,
    /// The largest item of a session, such as a message or the result of a tool; 4 when unset, at most 256.
    #[schemars(range(min = 1, max = 256))]
    pub(crate) item_mb: Option<u32>,
}
