//! Where a store is, and opening it.

use std::path::{Path, PathBuf};

use yabby_core::Secret;

use crate::{error::Result, postgres, sqlite, store::Store};

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// SQLite in a folder.
    Folder(PathBuf),
    /// PostgreSQL at a URL, which may hold a password; files (backups) in a folder.
    Postgres {
        /// `postgres://user:password@host/database`
        url: Secret,
        /// For backups.
        folder: PathBuf,
    },
}

/// What a process wants of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything. Of SQLite only one process has it; the store is made when it does not exist.
    Write,
    /// Only to read. Others may write meanwhile. What does not exist is not made.
    Read,
}

impl Place {
    /// The folder for its files.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) | Self::Postgres { folder, .. } => folder,
        }
    }
}

impl Store {
    /// Opens a store, and brings its tables up to date when they may be changed.
    pub async fn open(place: &Place, access: Access) -> Result<Self> {
        match place {
            Place::Folder(folder) => sqlite::open(folder, access).await,
            Place::Postgres { url, .. } => postgres::open(place, url, access, postgres::Limits::default()).await,
        }
    }
}
