//! From the written store to the typed one.

use std::{path::PathBuf, time::Duration};

use url::Url;
use yabby_core::{Secret, text};

use crate::{
    closed,
    diagnostic::{Diagnostic, DiagnosticKind, Severity},
    environment::Paths,
    path::{Seg, at},
    raw,
    resolve::Resolver,
};

const MEGABYTE: u64 = 1024 * 1024;
/// Long enough for a channel that sends everything again after a long time without network.
const INBOX_DAYS: u32 = 30;
/// What most channels let through.
const ATTACHMENT_MB: u32 = 25;
const ITEM_MB: u32 = 4;

/// Where sessions and messages are kept, how long, and how large they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The database of a server; `None` for SQLite.
    pub database: Option<Database>,
    /// The folder, if it is not the usual one. See [`StoreSettings::folder`].
    pub path: Option<PathBuf>,
    /// How long things are kept.
    pub retention: Retention,
    /// How large things may be.
    pub limits: StoreLimits,
    /// The key with which secrets are encrypted.
    pub secrets_key: Option<Secret>,
    /// Whether a mistake hides where or how things are to be stored. Then nothing may be stored: not in the usual place
    /// either, where nobody would look for it.
    pub in_doubt: bool,
}

/// A PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its whole address.
    pub url: Secret,
    /// The address without user, password and parameters, for people.
    pub shown: String,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Sessions in which nothing happened for so long are deleted; `None` keeps them.
    pub sessions: Option<Duration>,
    /// For how long the ids of received messages are remembered.
    pub inbox: Duration,
    /// Of more sessions than this, those in which nothing happened for longest are deleted.
    pub max_sessions: Option<u32>,
}

/// How large things may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// An attachment.
    pub attachment: u64,
    /// An item of a session.
    pub item: u64,
}

// === impl StoreSettings ===

impl StoreSettings {
    /// The folder of the database, where it is SQLite, and of the attachments.
    pub fn folder(&self, paths: &Paths) -> PathBuf {
        self.path.clone().unwrap_or_else(|| paths.state_dir.join("store"))
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn store(&mut self, raw: &raw::Store) -> StoreSettings {
        let mut in_doubt = closed::STORE.iter().any(|key| self.doubts.about(key));
        let url = at!["store", "url"];
        let database = self.stored_secret(raw.url.as_ref(), &url, &mut in_doubt);
        let database = database.and_then(|secret| {
            let database = database_at(secret);
            if database.is_none() {
                let message = text!("this is no address of a PostgreSQL database");
                let help = text!("write it as postgres://user@host:5432/database; until then, nothing is stored");
                self.push(
                    Diagnostic::error(DiagnosticKind::BaseUrl, message).with_help(help),
                    &url,
                );
                in_doubt = true;
            }
            database
        });
        let path = raw.path.as_deref().map(str::trim).filter(|path| !path.is_empty());
        let path = path.and_then(|path| {
            let folder = self.folder(path);
            in_doubt |= folder.is_none();
            folder
        });
        let secrets_key = self.stored_secret(raw.secrets_key.as_ref(), &at!["store", "secretsKey"], &mut in_doubt);
        StoreSettings {
            database,
            path,
            retention: retention(&raw.retention),
            limits: limits(&raw.limits),
            secrets_key,
            in_doubt,
        }
    }

    /// A secret of the store. One that is written and cannot be had, or was not fetched yet, leaves all in doubt.
    fn stored_secret(&mut self, raw: Option<&raw::SecretInput>, path: &[Seg], in_doubt: &mut bool) -> Option<Secret> {
        let is_written = match raw? {
            raw::SecretInput::Text(text) => !text.trim().is_empty(),
            raw::SecretInput::Reference(_) => true,
        };
        let told = self.diagnostics.len();
        let secret = self.key(raw, path).map(|key| key.secret);
        if is_written && secret.is_none() {
            for diagnostic in &mut self.diagnostics[told..] {
                diagnostic.severity = Severity::Error;
            }
            *in_doubt = true;
        }
        secret
    }

    /// The folder of the store, told if it cannot be that.
    fn folder(&mut self, written: &str) -> Option<PathBuf> {
        let path = at!["store", "path"];
        if !self.is_complete(&path) {
            // The missing variable was told where it stands.
            return None;
        }
        let folder = self.absolute(written);
        if folder.is_none() {
            let message = text!("the path of the store is not absolute");
            let help = text!("write the whole path, or one that begins with ~/; until then, nothing is stored");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                &path,
            );
        }
        folder
    }
}

fn retention(raw: &raw::Retention) -> Retention {
    Retention {
        sessions: raw.days.map(days),
        inbox: days(raw.inbox_days.unwrap_or(INBOX_DAYS)),
        max_sessions: raw.max_sessions,
    }
}

fn limits(raw: &raw::StoreLimits) -> StoreLimits {
    StoreLimits {
        attachment: u64::from(raw.attachment_mb.unwrap_or(ATTACHMENT_MB)) * MEGABYTE,
        item: u64::from(raw.item_mb.unwrap_or(ITEM_MB)) * MEGABYTE,
    }
}

fn days(count: u32) -> Duration {
    Duration::from_hours(u64::from(count) * 24)
}

/// The database that an address leads to, by the form that libpq documents ("Connection URIs"): the host may stand in a
/// parameter, where it is the folder of a socket.
fn database_at(secret: Secret) -> Option<Database> {
    let url = Url::parse(secret.expose()).ok()?;
    let is_database = matches!(url.scheme(), "postgres" | "postgresql") && !url.cannot_be_a_base();
    let named = url.query_pairs().find(|(name, _)| name == "host");
    let host = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
    let host = host.or_else(|| named.map(|(_, host)| host.into_owned()))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let shown = format!("{}://{host}{port}{}", url.scheme(), url.path());
    is_database.then_some(Database { url: secret, shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_what_is_secret() {
        let cases = [
            ("postgres://h/db", Some("postgres://h/db")),
            (
                "postgresql://me:pw@h:5433/db?sslmode=require&password=pw",
                Some("postgresql://h:5433/db"),
            ),
            (
                "postgres:///db?host=/run/postgresql&user=me",
                Some("postgres:///run/postgresql/db"),
            ),
            ("postgres://[::1]:5432/db", Some("postgres://[::1]:5432/db")),
            ("postgres://", None),
            ("postgres:db", None),
            ("mysql://h/db", None),
            ("host=h password=pw", None),
            ("h:5432/db", None),
        ];
        for (url, expected) in cases {
            let shown = database_at(Secret::new(url)).map(|database| database.shown);
            assert_eq!(shown.as_deref(), expected, "{url}");
        }
    }
}
