//! The keys of a provider: those of the config, and those of the environment, which has them in OpenClaw's ways.

use std::fmt;

use yabby_core::{Secret, text};

use crate::{
    config::Provider,
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, below, dotted},
    raw,
    resolve::Resolver,
    variables::is_variable_name,
};

/// A key and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The key.
    pub secret: Secret,
    /// Where it came from.
    pub source: KeySource,
    /// The dotted key of the config that holds it or names its variable, if one does.
    pub written: Option<String>,
}

/// Where a key came from. `Display` gives the place as a person would look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// It is written in the config.
    Config {
        /// The dotted key.
        key: String,
    },
    /// An environment variable, a `.env` file or `env` of the config.
    Env {
        /// The variable.
        name: String,
    },
    /// One of several in a variable.
    EnvList {
        /// The variable.
        name: String,
        /// Its place there, counted from 0.
        index: usize,
    },
    /// A file or a program.
    Kept {
        /// The dotted key of the config that refers to it.
        key: String,
        /// Its name in `secrets.providers`.
        provider: String,
    },
}

// === impl KeySource ===

impl KeySource {
    /// The variable, where one gives the key.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Env { name } | Self::EnvList { name, .. } => Some(name),
            Self::Config { .. } | Self::Kept { .. } => None,
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { key: place } | Self::Env { name: place } => f.write_str(place),
            Self::Kept { key, provider } => write!(f, "{key} (secrets.providers.{provider})"),
            Self::EnvList { name, index } => write!(f, "{name}[{index}]"),
        }
    }
}

// === impl Provider ===

impl Provider {
    /// The keys as the config would write them: that of `apiKey`, and those of `apiKeys`.
    pub(crate) fn split_keys(&self) -> (Option<&ApiKey>, &[ApiKey]) {
        let is_listed = |key: &ApiKey| key.written.as_ref().is_some_and(|written| written.ends_with(']'));
        match self.keys.split_first() {
            Some((first, others)) if !is_listed(first) => (Some(first), others),
            _ => (None, &self.keys),
        }
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// The keys of a provider, the preferred one first, each once: `apiKey`, `apiKeys`, then what the environment has.
    ///
    /// A key that the config writes out, or takes from a variable of its own, was chosen: then the environment's, which
    /// may be of another account, are left alone. So was one in a file or behind a program, also while it cannot be had.
    pub(crate) fn keys(
        &mut self,
        one: Option<&raw::SecretInput>,
        more: &[raw::SecretInput],
        path: &[Seg],
        key_env: &[&str],
    ) -> Vec<ApiKey> {
        let referred = self.references.len();
        let mut keys: Vec<ApiKey> = self.key(one, &below(path, "apiKey")).into_iter().collect();
        for (index, input) in more.iter().enumerate() {
            let mut path = below(path, "apiKeys");
            path.push(Seg::Index(index));
            keys.extend(self.key(Some(input), &path));
        }
        let is_ours = |key: &ApiKey| {
            let variable = key.source.variable();
            variable.is_some_and(|variable| key_env.iter().any(|name| variable.starts_with(name)))
        };
        if self.references.len() == referred && keys.iter().all(is_ours) {
            keys.extend(self.keys_from_env(key_env));
        }
        each_once(keys)
    }

    /// The keys of the environment (docs.openclaw.ai, "Model providers", "API key rotation"):
    /// `OPENCLAW_LIVE_<PROVIDER>_KEY` alone if there is one; else the comma or semicolon list `<PROVIDER>_API_KEYS`, then
    /// `<PROVIDER>_API_KEY`, then the numbered `<PROVIDER>_API_KEY_1` and so on. Only numbers count: what ends in `_FILE`
    /// or the like is no key.
    pub(crate) fn keys_from_env(&self, names: &[&str]) -> Vec<ApiKey> {
        let key = |name: &str| {
            let value = self
                .variables
                .get(name)
                .map(str::trim)
                .filter(|value| !value.is_empty());
            value.map(|value| ApiKey {
                secret: Secret::new(value),
                source: KeySource::Env { name: name.to_owned() },
                written: None,
            })
        };
        let mut keys = Vec::new();
        for name in names {
            if let Some(provider) = name.strip_suffix("_API_KEY") {
                if let Some(pinned) = key(&format!("OPENCLAW_LIVE_{provider}_KEY")) {
                    return vec![pinned];
                }
                keys.extend(self.listed_in(&format!("{name}S")));
            }
            keys.extend(key(name));
            let numbered = self.variables.numbered(&format!("{name}_"));
            keys.extend(numbered.into_iter().filter_map(key));
        }
        each_once(keys)
    }

    /// The keys in a variable with a list. OpenClaw also splits at white space, which no key has.
    fn listed_in(&self, name: &str) -> Vec<ApiKey> {
        let value = self.variables.get(name).unwrap_or_default();
        let pieces = value.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace());
        let pieces = pieces.filter(|piece| !piece.is_empty()).enumerate();
        let keys = pieces.map(|(index, piece)| ApiKey {
            secret: Secret::new(piece),
            source: KeySource::EnvList {
                name: name.to_owned(),
                index,
            },
            written: None,
        });
        keys.collect()
    }

    /// The secret that is written at `path`, and where it came from.
    pub(crate) fn key(&mut self, raw: Option<&raw::SecretInput>, path: &[Seg]) -> Option<ApiKey> {
        let text = match raw? {
            raw::SecretInput::Reference(reference) => return self.referenced(reference, path),
            raw::SecretInput::Text(text) => text.trim(),
        };
        if text.is_empty() || !self.is_complete(path) {
            return None;
        }
        let substituted = self.tree.find(path).and_then(|node| node.variables.first());
        let (value, variable) = match substituted {
            Some(name) => (text, Some(name.as_str())),
            None => match self.variables.get(text).filter(|_| is_variable_name(text)) {
                Some(value) => (value, Some(text)),
                None => (text, None),
            },
        };
        if variable.is_none() && is_variable_name(text) && text.contains('_') {
            // A key may happen to look like this; a name has no digits, or hardly ever.
            let name = if text.contains(|c: char| c.is_ascii_digit()) {
                "***"
            } else {
                text
            };
            let message = text!(
                "no variable {name} is set; the text itself is used as the key",
                name = name
            );
            let help = text!(
                "set it, put it into {file}, or correct its name",
                file = self.dot_env.display()
            );
            self.push(
                Diagnostic::warning(DiagnosticKind::MissingVariable, message).with_help(help),
                path,
            );
        }
        let source = match variable {
            Some(name) => KeySource::Env { name: name.to_owned() },
            None => KeySource::Config { key: dotted(path) },
        };
        Some(ApiKey {
            secret: Secret::new(value),
            source,
            written: Some(dotted(path)),
        })
    }
}

fn each_once(keys: Vec<ApiKey>) -> Vec<ApiKey> {
    let mut once: Vec<ApiKey> = Vec::with_capacity(keys.len());
    for key in keys {
        if once.iter().all(|known| known.secret != key.secret) {
            once.push(key);
        }
    }
    once
}
