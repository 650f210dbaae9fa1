//! What can go wrong in a store.

use std::{error::Error, fmt, io};

use yabby_core::{Text, text};

/// What an operation returns.
pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why an operation has not happened.
#[derive(Debug)]
pub struct StoreError {
    /// What to match on.
    pub kind: StoreErrorKind,
    /// What has happened, for the person.
    pub message: Text,
    /// What to do next, for the person.
    pub hint: Option<Text>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Another owner has the lane meanwhile: nothing was written, and nothing more may be.
    Fenced,
    /// Another process has the store.
    InUse {
        /// Its process id, where it is known.
        pid: Option<u32>,
    },
    /// A newer version of Yabby has written it.
    Newer,
    /// What is stored is damaged. A copy was made where that was possible.
    Damaged,
    /// No space is left.
    Full,
    /// Nothing may be written there.
    ReadOnly,
    /// The database cannot be reached now; later it may.
    Unavailable,
    /// The database does not let us in.
    Denied,
    /// There is no such thing.
    Missing,
    /// It is larger than allowed.
    TooLarge,
    /// What was asked for contradicts what is stored, or itself.
    Invalid,
    /// Anything else that the system or the database says.
    Other,
}

impl StoreErrorKind {
    /// The kind of an error at a file.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Other,
        }
    }
}

impl StoreError {
    /// The store cannot be used because of what the system or a database says.
    pub(crate) fn unusable(kind: StoreErrorKind, said: &str) -> Self {
        let error = Self::new(kind, text!("the store cannot be used: {error}", error = said));
        match kind {
            StoreErrorKind::Full => error.with_hint(text!("free some space on the disk; Yabby goes on by itself then")),
            StoreErrorKind::ReadOnly => error.with_hint(text!("let Yabby write in the folder of the store")),
            StoreErrorKind::Damaged => error.with_hint(text!("run: yabby store check")),
            _ => error,
        }
    }

    /// An error without a cause or a hint.
    pub fn new(kind: StoreErrorKind, message: Text) -> Self {
        Self {
            kind,
            message,
            hint: None,
            source: None,
        }
    }

    /// With what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: Text) -> Self {
        self.hint = Some(hint);
        self
    }

    /// With what lies below.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same for another who waited for the same transaction.
    pub(crate) fn again(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            hint: self.hint.clone(),
            source: None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message.english())
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
