//! Where a text comes from, and who may see it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Goes with every item, and with all that is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Whose word it is.
    pub integrity: Integrity,
    /// Who may see it.
    pub confidentiality: Confidentiality,
    /// What it was made of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<String>,
}

/// Whose word a text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// The owner's.
    Owner,
    /// That of the owner's config.
    Config,
    /// That of somebody whom the owner knows.
    Contact(String),
    /// Anybody's.
    Untrusted,
}

/// Who may see a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidentiality {
    /// Everybody.
    Public,
    /// The owner, and whom the owner names.
    Private,
    /// The owner alone.
    Secret,
}

impl Label {
    /// What the owner has said.
    pub fn owner() -> Self {
        Self {
            integrity: Integrity::Owner,
            confidentiality: Confidentiality::Private,
            origins: BTreeSet::new(),
        }
    }

    /// The label of what is made of both: the word of the less trusted, for the fewer eyes.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            integrity: self.integrity.join(&other.integrity),
            confidentiality: self.confidentiality.max(other.confidentiality),
            origins: self.origins.union(&other.origins).cloned().collect(),
        }
    }
}

impl Integrity {
    /// The lower of both. The words of two contacts together are nobody's.
    fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one.clone(),
            (Self::Owner, lower) | (lower, Self::Owner) => lower.clone(),
            (Self::Config, lower) | (lower, Self::Config) => lower.clone(),
            _ => Self::Untrusted,
        }
    }
}
