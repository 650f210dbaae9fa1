//! Secrets that Yabby keeps: tokens that a service has given it.
//!
//! With a key (`store.secretsKey`) they are encrypted before they reach the database. Without one they are as safe as the
//! folder of the store, which only its owner can look into; `yabby store check` says so.

mod key;

use yabby_core::{Secret, Time, text};

pub use key::SecretsKey;

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    sql::{Row, params},
    store::Store,
};

/// What is known of a secret without looking at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its name.
    pub name: String,
    /// Whether it is encrypted.
    pub is_sealed: bool,
    /// When it was put there.
    pub updated_at: Time,
}

impl Store {
    /// Keeps a secret under a name, in the place of what was there.
    pub async fn put_secret(&self, key: Option<&SecretsKey>, name: &str, secret: &Secret) -> Result<()> {
        let name = name.to_owned();
        let (sealed, value) = seal(key, &name, secret)?;
        self.write("put_secret", move |tx| {
            let now = tx.now()?;
            let statement = "INSERT INTO secrets (name, sealed, value, updated_at) VALUES (?1, ?2, ?3, ?4) \
                             ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, value = excluded.value, \
                             updated_at = excluded.updated_at";
            tx.execute(statement, params![&name, &sealed, value.clone(), now])
                .map(drop)
        })
        .await
    }

    /// A secret; `None` when there is none of this name. An error of the kind `Denied` says that the key is not the one
    /// that it was encrypted with.
    pub async fn secret(&self, key: Option<&SecretsKey>, name: &str) -> Result<Option<Secret>> {
        let asked = name.to_owned();
        let row = self
            .read("secret", move |tx| {
                tx.query_one("SELECT sealed, value FROM secrets WHERE name = ?1", params![&asked])
            })
            .await?;
        row.map(|row| open(key, name, &row, 0)).transpose()
    }

    /// Takes a secret away; whether there was one.
    pub async fn remove_secret(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.write("remove_secret", move |tx| {
            Ok(tx.execute("DELETE FROM secrets WHERE name = ?1", params![&name])? == 1)
        })
        .await
    }

    /// The names of all secrets.
    pub async fn secrets(&self) -> Result<Vec<KeptSecret>> {
        self.read("secrets", |tx| {
            let rows = tx.query("SELECT name, sealed, updated_at FROM secrets ORDER BY name", params![])?;
            let kept = |row: &Row| {
                Ok(KeptSecret {
                    name: row.text(0)?,
                    is_sealed: !row.text(1)?.is_empty(),
                    updated_at: row.time(2)?,
                })
            };
            rows.iter().map(kept).collect()
        })
        .await
    }

    /// Encrypts every secret with another key, or with none; how many were changed. What has the new key already stays as it
    /// is, so that this can be run again. When one of them cannot be read with the old key, nothing is changed.
    pub async fn reseal(&self, old: Option<&SecretsKey>, new: Option<&SecretsKey>) -> Result<u64> {
        let (old, new) = (old.cloned(), new.cloned());
        self.write("reseal", move |tx| {
            let mut changed = 0;
            for row in tx.query("SELECT name, sealed, value FROM secrets", params![])? {
                let (name, sealed) = (row.text(0)?, row.text(1)?);
                if sealed == new.as_ref().map_or("", SecretsKey::seal_name) {
                    continue;
                }
                let secret = open(old.as_ref(), &name, &row, 1)?;
                let (sealed, value) = seal(new.as_ref(), &name, &secret)?;
                let statement = "UPDATE secrets SET sealed = ?1, value = ?2 WHERE name = ?3";
                changed += tx.execute(statement, params![sealed, value, name])?;
            }
            Ok(changed)
        })
        .await
    }
}

/// How it is encrypted, and the bytes.
fn seal(key: Option<&SecretsKey>, name: &str, secret: &Secret) -> Result<(String, Vec<u8>)> {
    match key {
        None => Ok((String::new(), secret.expose().as_bytes().to_vec())),
        Some(key) => Ok((key.seal_name().to_owned(), key.seal(name, secret)?)),
    }
}

/// The secret of a row in which how it is encrypted and its bytes stand from `at` on.
fn open(key: Option<&SecretsKey>, name: &str, row: &Row, at: usize) -> Result<Secret> {
    let (sealed, value) = (row.text(at)?, row.bytes(at + 1)?);
    if sealed.is_empty() {
        return String::from_utf8(value)
            .map(Secret::new)
            .map_err(|_| key::unreadable(name));
    }
    let message = match key {
        Some(key) if key.seal_name() == sealed => return key.open(name, value),
        Some(_) => text!("the secret {name} was encrypted with another key", name = name),
        None => text!(
            "the secret {name} is encrypted, and there is no key for it",
            name = name
        ),
    };
    Err(StoreError::new(StoreErrorKind::Denied, message).with_hint(text!(
        "set store.secretsKey in the config to the key that it was encrypted with"
    )))
}
