//! The files and programs that the config names under `secrets.providers`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value, json};
use yabby_core::{Secret, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind},
    environment::vars,
    path::{Seg, at, below, dotted},
    raw::{self, FileMode},
    resolve::{Resolver, off_until_corrected},
};

/// OpenClaw's `DEFAULT_FILE_MAX_BYTES` and `DEFAULT_EXEC_MAX_OUTPUT_BYTES`.
const MOST_BYTES: u32 = 1024 * 1024;
/// OpenClaw's `DEFAULT_EXEC_TIMEOUT_MS`.
const TIMEOUT_MS: u32 = 5000;

/// Who has secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    File(SecretFile),
    Program(SecretProgram),
}

/// A file with secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretFile {
    pub(super) path: PathBuf,
    /// Whether ids point into JSON; else the whole file is one secret.
    pub(super) is_json: bool,
    /// The largest file, in bytes.
    pub(super) most: u64,
    /// Whether owner and permissions do not matter.
    pub(super) any_owner: bool,
}

/// A program that gives secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretProgram {
    pub(super) command: PathBuf,
    /// Some people write secrets into them.
    pub(super) args: Vec<Secret>,
    /// The whole environment.
    pub(super) env: Vec<(String, Secret)>,
    pub(super) timeout: Duration,
    /// How long it may write nothing.
    pub(super) silence: Duration,
    /// The longest answer, in bytes.
    pub(super) most: u64,
    pub(super) json_only: bool,
    /// The folders in which it must be; none allows all.
    pub(super) folders: Vec<PathBuf>,
    /// Whether owner and permissions do not matter.
    pub(super) any_owner: bool,
    pub(super) may_be_link: bool,
}

/// What stands under `secrets`.
#[derive(Clone, Default)]
pub(crate) struct Keepers {
    named: Vec<Named>,
    pub(super) defaults: [Option<String>; 3],
}

/// One provider of secrets.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) source: String,
    /// Of `env`: the only variables.
    pub(super) allowlist: Option<Vec<String>>,
    /// None of `env`, of a source that Yabby does not know, and of one with a mistake.
    pub(super) keeper: Option<Keeper>,
}

// === impl Keeper ===

impl Keeper {
    /// The word for it in the config.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Program(_) => "exec",
        }
    }

    /// The file that has them.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(&file.path),
            Self::Program(_) => None,
        }
    }

    fn shown(&self) -> Value {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let hidden = |secrets: &[Secret]| secrets.iter().map(ToString::to_string).collect::<Vec<_>>();
        match self {
            Self::File(file) => json!({
                "source": self.source(),
                "path": file.path,
                "mode": if file.is_json { "json" } else { "singleValue" },
                "maxBytes": file.most,
                "allowInsecurePath": file.any_owner,
            }),
            Self::Program(program) => json!({
                "source": self.source(),
                "command": program.command,
                "args": hidden(&program.args),
                "timeoutMs": milliseconds(program.timeout),
                "noOutputTimeoutMs": milliseconds(program.silence),
                "maxOutputBytes": program.most,
                "jsonOnly": program.json_only,
                "trustedDirs": program.folders,
                "allowInsecurePath": program.any_owner,
                "allowSymlinkCommand": program.may_be_link,
            }),
        }
    }
}

// === impl Keepers ===

impl Keepers {
    pub(super) fn find(&self, name: &str) -> Option<&Named> {
        self.named.iter().find(|named| named.name == name)
    }

    /// The names of the providers of a source.
    pub(super) fn names<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a str> {
        let of_source = self.named.iter().filter(move |named| named.source == source);
        of_source.map(|named| named.name.as_str())
    }

    /// The section as it is shown: no argument, and no variable.
    pub(super) fn shown(&self) -> Option<Value> {
        let shown = |named: &Named| Some((named.name.clone(), named.keeper.as_ref()?.shown()));
        let providers: Map<String, Value> = self.named.iter().filter_map(shown).collect();
        (!providers.is_empty()).then(|| json!({ "providers": providers }))
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// The providers of secrets, with what is wrong with them.
    pub(crate) fn keepers(&mut self, raw: raw::Secrets) -> Keepers {
        let raw::SecretDefaults { env, file, exec } = raw.defaults;
        let mut named = Vec::with_capacity(raw.providers.0.len());
        for (name, provider) in raw.providers.0 {
            let path = at!["secrets", "providers", name.as_str()];
            let (source, allowlist) = (provider.source.clone(), provider.allowlist.clone());
            let keeper = match source.as_str() {
                "file" => self.file(&provider, &path).map(Keeper::File),
                "exec" => self.program(provider, &path).map(Keeper::Program),
                _ => None,
            };
            named.push(Named {
                name,
                source,
                allowlist,
                keeper,
            });
        }
        Keepers {
            named,
            defaults: [env, file, exec],
        }
    }

    fn file(&mut self, raw: &raw::SecretProvider, path: &[Seg]) -> Option<SecretFile> {
        Some(SecretFile {
            path: self.kept_at(raw.path.as_deref(), "path", path)?,
            is_json: raw.mode == FileMode::Json,
            most: raw.max_bytes.unwrap_or(MOST_BYTES).into(),
            any_owner: raw.allow_insecure_path.unwrap_or_default(),
        })
    }

    fn program(&mut self, raw: raw::SecretProvider, path: &[Seg]) -> Option<SecretProgram> {
        let command = self.kept_at(raw.command.as_deref(), "command", path)?;
        let mut folders = Vec::with_capacity(raw.trusted_dirs.len());
        for (index, folder) in raw.trusted_dirs.iter().enumerate() {
            let mut at = below(path, "trustedDirs");
            at.push(Seg::Index(index));
            // Without the folder that was meant the list would mean something else.
            folders.push(self.absolute_or_off(folder, &at, path)?);
        }
        // OpenClaw passes nothing but `passEnv`. Scripts need the first to find their interpreter and most programs the
        // second to find their settings, and neither is a secret.
        let passed = raw.pass_env.iter().map(String::as_str);
        let passed = ["PATH", vars::HOME].into_iter().chain(passed);
        let mut env: Vec<(String, Secret)> = Vec::new();
        for name in passed {
            if let Some(value) = self.variables.get(name) {
                env.push((name.to_owned(), Secret::new(value)));
            }
        }
        env.extend(raw.env.0.into_iter().map(|(name, value)| (name, Secret::new(value))));
        let milliseconds = |count: u32| Duration::from_millis(count.into());
        let timeout = raw.timeout_ms.unwrap_or(TIMEOUT_MS);
        Some(SecretProgram {
            command,
            args: raw.args.into_iter().map(Secret::new).collect(),
            env,
            timeout: milliseconds(timeout),
            silence: milliseconds(raw.no_output_timeout_ms.unwrap_or(timeout)),
            most: raw.max_output_bytes.unwrap_or(MOST_BYTES).into(),
            json_only: raw.json_only.unwrap_or(true),
            folders,
            any_owner: raw.allow_insecure_path.unwrap_or_default(),
            may_be_link: raw.allow_symlink_command.unwrap_or_default(),
        })
    }

    /// The path that `key` of a provider must have.
    fn kept_at(&mut self, written: Option<&str>, key: &str, path: &[Seg]) -> Option<PathBuf> {
        let Some(written) = written.map(str::trim).filter(|written| !written.is_empty()) else {
            let message = text!("the key {key} is missing here", key = key);
            let diagnostic = Diagnostic::error(DiagnosticKind::MissingKey, message);
            self.push(diagnostic.with_help(off_until_corrected(path)), path);
            return None;
        };
        self.absolute_or_off(written, &below(path, key), path)
    }

    /// The path that is written at `at`; `section` is off without it.
    fn absolute_or_off(&mut self, written: &str, at: &[Seg], section: &[Seg]) -> Option<PathBuf> {
        if !self.is_complete(at) {
            // The missing variable was told where it stands.
            return None;
        }
        let found = self.absolute(written);
        if found.is_none() {
            let message = text!("this path is not absolute, so {key} is off", key = dotted(section));
            let help = text!("write the whole path, or one that begins with ~/");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                at,
            );
        }
        found
    }
}
