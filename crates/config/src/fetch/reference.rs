//! References to secrets: `{source, provider, id}`.

use yabby_core::{Secret, Text, text};

use super::{keeper::Keeper, vault::Asked};
use crate::{
    check::{did_you_mean, set_variable},
    diagnostic::{Diagnostic, DiagnosticKind},
    keys::{ApiKey, KeySource},
    known,
    path::{Seg, dotted},
    raw,
    resolve::Resolver,
    variables::is_variable_name,
};

/// The provider of references that name none (OpenClaw's `DEFAULT_SECRET_PROVIDER_ALIAS`).
const DEFAULT: &str = "default";
/// The id of a file that is one secret.
const WHOLE: &str = "value";
const LONGEST_ID: usize = 256;

/// A reference to a file or a program, and where it stands.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) path: Vec<Seg>,
    pub(crate) asked: Asked,
}

// === impl Resolver ===

impl Resolver<'_> {
    /// The secret that a `{source, provider, id}` object points to; of a file or a program only when it was fetched.
    pub(crate) fn referenced(&mut self, reference: &raw::SecretRef, path: &[Seg]) -> Option<ApiKey> {
        let at = match reference.source.as_str() {
            "env" => 0,
            "file" => 1,
            "exec" => 2,
            _ => {
                let message = text!("secrets from this source are not supported yet, so there is none here");
                let help =
                    text!("keep the secret in a variable, a file or behind a program: the sources env, file and exec");
                let diagnostic = Diagnostic::warning(DiagnosticKind::SecretSource, message);
                self.push(diagnostic.with_help(help), path);
                return None;
            }
        };
        let named = reference.provider.as_deref().or(self.keepers.defaults[at].as_deref());
        let named = named.map(str::trim).filter(|name| !name.is_empty());
        let provider = named.unwrap_or(DEFAULT).to_owned();
        if at == 0 {
            return match self.in_variable(&reference.id, &provider, path) {
                Ok(key) => Some(key),
                Err((kind, message, help)) => {
                    self.push(Diagnostic::warning(kind, message).with_help(help), path);
                    None
                }
            };
        }
        let asked = self.asked(reference, &provider, path)?;
        self.references.push(Written {
            path: path.to_vec(),
            asked: asked.clone(),
        });
        match self.vault.get(&asked)? {
            Ok(secret) => Some(ApiKey {
                secret,
                source: KeySource::Kept {
                    key: dotted(path),
                    provider,
                },
                written: Some(dotted(path)),
            }),
            Err(error) => {
                let diagnostic = Diagnostic::error(DiagnosticKind::SecretUnavailable, error.text());
                self.push(diagnostic.with_help(error.hint()), path);
                None
            }
        }
    }

    /// What to ask for the secret, unless the reference has a mistake.
    fn asked(&mut self, reference: &raw::SecretRef, provider: &str, path: &[Seg]) -> Option<Asked> {
        let id = reference.id.trim();
        let (message, help) = match self.keepers.find(provider) {
            None => self.no_provider(provider, &reference.source),
            Some(named) if named.source != reference.source => other_source(provider, &named.source),
            Some(named) => match &named.keeper {
                None => (
                    text!(
                        "secrets.providers.{provider} is off, so there is no secret here",
                        provider = provider
                    ),
                    text!("correct secrets.providers.{provider} first", provider = provider),
                ),
                Some(keeper) => match wrong_id(keeper, id) {
                    None => {
                        return Some(Asked {
                            provider: provider.to_owned(),
                            keeper: keeper.clone(),
                            id: id.to_owned(),
                        });
                    }
                    Some(help) => (
                        text!(
                            "the id of this reference is not of the form that secrets.providers.{provider} takes",
                            provider = provider
                        ),
                        help,
                    ),
                },
            },
        };
        let diagnostic = Diagnostic::error(DiagnosticKind::SecretSource, message);
        self.push(diagnostic.with_help(help), path);
        None
    }

    fn no_provider(&self, provider: &str, source: &str) -> (Text, Text) {
        // A section with a mistake is no more in the checked tree.
        let is_off = self
            .written
            .find(&crate::path::at!["secrets", "providers", provider])
            .is_some();
        if is_off {
            return (
                text!(
                    "secrets.providers.{provider} is off, so there is no secret here",
                    provider = provider
                ),
                text!("correct secrets.providers.{provider} first", provider = provider),
            );
        }
        // The name is not told: it might be the secret, in the wrong place.
        let message = text!("secrets.providers has no provider of this name, so there is no secret here");
        let help = known::similar(provider, self.keepers.names(source)).map_or_else(
            || {
                text!(
                    "add it there with source: \"{source}\", or name another one",
                    source = source
                )
            },
            did_you_mean,
        );
        (message, help)
    }

    /// The secret in an environment variable, or what is wrong and what to do.
    fn in_variable(&self, name: &str, provider: &str, path: &[Seg]) -> Result<ApiKey, (DiagnosticKind, Text, Text)> {
        if !is_variable_name(name) {
            let message = text!("the id of this reference is not the name of an environment variable");
            let help = text!("names are written in capitals, digits and underscores");
            return Err((DiagnosticKind::SecretSource, message, help));
        }
        if let Some(named) = self.keepers.find(provider) {
            if named.source != "env" {
                let (message, help) = other_source(provider, &named.source);
                return Err((DiagnosticKind::SecretSource, message, help));
            }
            let allowed = named.allowlist.as_ref();
            if allowed.is_some_and(|allowed| allowed.iter().all(|allowed| allowed != name)) {
                let message = text!(
                    "{name} is not in secrets.providers.{provider}.allowlist, so there is no secret here",
                    name = name,
                    provider = provider
                );
                let help = text!("add it to the list, or use another variable");
                return Err((DiagnosticKind::SecretSource, message, help));
            }
        }
        let Some(value) = self.variables.get(name) else {
            let message = text!("the environment variable {name} is not set", name = name);
            let help = set_variable(name, self.dot_env);
            return Err((DiagnosticKind::MissingVariable, message, help));
        };
        Ok(ApiKey {
            secret: Secret::new(value),
            source: KeySource::Env { name: name.to_owned() },
            written: Some(dotted(path)),
        })
    }
}

fn other_source(provider: &str, source: &str) -> (Text, Text) {
    (
        text!(
            "secrets.providers.{provider} is of another source, so there is no secret here",
            provider = provider
        ),
        text!(
            "write source: \"{source}\" here, or name another provider",
            source = source
        ),
    )
}

/// What an id must be, if this one is not. For programs that is OpenClaw's `EXEC_SECRET_REF_ID_PATTERN`: they may make a
/// path of it.
fn wrong_id(keeper: &Keeper, id: &str) -> Option<Text> {
    match keeper {
        Keeper::File(file) if file.is_json => (!id.starts_with('/')).then(|| {
            text!(
                "write a JSON pointer, such as {example}",
                example = "/providers/openai/apiKey"
            )
        }),
        Keeper::File(_) => (id != WHOLE).then(|| text!("the whole file is the secret: write id: \"value\"")),
        Keeper::Program(_) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._:/#-".contains(c);
            let is_good = id.len() <= LONGEST_ID
                && id.starts_with(|c: char| c.is_ascii_alphanumeric())
                && id.chars().all(allowed)
                && id.split('/').all(|step| step != "." && step != "..");
            (!is_good).then(|| text!("write letters, digits and . _ : / # - alone, with no step that is . or .."))
        }
    }
}
