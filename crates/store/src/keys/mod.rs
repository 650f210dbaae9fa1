//! Who may use the gateway: keys, which are kept as hashes, and codes that are exchanged for one.
//!
//! Any process may make and revoke keys at any time, also while another one has the store for itself: a key has to do with
//! nothing else in it. So [`Keys`] is a handle of its own, beside [`crate::Store`].

mod change;
mod codes;
mod hash;
mod kept;
mod scopes;
mod secret;

use std::path::Path;

use yabby_core::Time;

pub use self::{
    change::KeyChanges,
    codes::{Exchanged, NewCode},
    hash::KeyHash,
    scopes::{Beyond, Scopes},
    secret::{NewSecret, new_secret},
};
use crate::{error::Result, open::Place, postgres, sqlite, store::Store};

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The owner's: it may do everything.
    Owner,
    /// A program's.
    Client,
    /// That of a browser or a phone that was let in with a code.
    Device,
}

/// A key as it is kept: without the secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// What was made.
    pub made: NewKey,
    /// When.
    pub created_at: Time,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Time>,
    /// When it was taken back.
    pub revoked_at: Option<Time>,
}

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewKey {
    /// From [`crate::new_id`], or anything shorter that nobody else has.
    pub id: String,
    /// For people.
    pub name: String,
    /// The hash of its secret.
    pub hash: KeyHash,
    /// What kind of key it is.
    pub kind: KeyKind,
    /// What it may do.
    pub scopes: Scopes,
    /// Until when; `None` for always.
    pub expires_at: Option<Time>,
}

/// The keys of a store.
#[derive(Clone, Debug)]
pub struct Keys(Store);

impl Keys {
    /// Opens the keys of a store, whoever else has it. The store is made when it does not exist.
    pub async fn open(place: &Place) -> Result<Self> {
        let store = match place {
            Place::Folder(folder) => sqlite::open_beside(folder).await?,
            Place::Postgres { url, .. } => {
                postgres::open(place, url, crate::Access::Write, postgres::Limits::default()).await?
            }
        };
        Ok(Self(store))
    }

    /// The id of this process in the store.
    pub fn me(&self) -> &str {
        self.0.me()
    }

    /// The folder for files of the store.
    pub fn folder(&self) -> &Path {
        self.0.place().folder()
    }
}

impl Store {
    /// Its keys.
    pub fn keys(&self) -> Keys {
        Keys(self.clone())
    }
}

impl Key {
    /// Whether it may be used at a time.
    pub fn is_valid(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.made.expires_at.is_none_or(|end| now < end)
    }
}

impl KeyKind {
    const ALL: [Self; 3] = [Self::Owner, Self::Client, Self::Device];

    /// The word for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Client => "client",
            Self::Device => "device",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
