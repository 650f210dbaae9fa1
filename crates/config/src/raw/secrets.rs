//! Where secrets are kept, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::OrderedMap;

/// Files and programs that secrets come from. A reference to a secret, `{source, provider, id}`, names one of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Secrets {
    /// The providers of secrets by name.
    pub(crate) providers: OrderedMap<SecretProvider>,
    /// The provider for references that name none; `default` when unset.
    pub(crate) defaults: SecretDefaults,
}

/// The provider for references that name none.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SecretDefaults {
    /// Of the source `env`.
    pub(crate) env: Option<String>,
    /// Of the source `file`.
    pub(crate) file: Option<String>,
    /// Of the source `exec`.
    pub(crate) exec: Option<String>,
}

/// A file or a program that secrets come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretProvider {
    /// `env`, `file` or `exec`.
    pub(crate) source: String,
    /// Of `env`: the only variables that references may name.
    pub(crate) allowlist: Option<Vec<String>>,
    /// Of `file`: an absolute path, or one that begins with `~/`. Nobody but its owner may be able to read it.
    pub(crate) path: Option<String>,
    /// Of `file`: `json` (default) takes the id of a reference as a JSON pointer, such as `/providers/openai/apiKey`;
    /// `singleValue` takes the whole file, for the id `value`.
    #[serde(default)]
    pub(crate) mode: FileMode,
    /// Of `file`: the largest file, in bytes; 1048576 when unset.
    #[schemars(range(min = 1))]
    pub(crate) max_bytes: Option<u32>,
    /// Of `exec`: the program, an absolute path, or one that begins with `~/`. It runs without a shell.
    pub(crate) command: Option<String>,
    /// Of `exec`: its arguments.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// Of `exec`: milliseconds that it may take; 5000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) timeout_ms: Option<u32>,
    /// Of `exec`: milliseconds that it may write nothing; `timeoutMs` when unset.
    #[schemars(range(min = 1))]
    pub(crate) no_output_timeout_ms: Option<u32>,
    /// Of `exec`: the longest answer, in bytes; 1048576 when unset.
    #[schemars(range(min = 1))]
    pub(crate) max_output_bytes: Option<u32>,
    /// Of `exec`: whether its answer must be JSON, which is so when unset; `false` takes plain text as the one secret that
    /// is asked for.
    pub(crate) json_only: Option<bool>,
    /// Of `exec`: environment variables that it gets.
    #[serde(default)]
    pub(crate) env: OrderedMap<String>,
    /// Of `exec`: the names of variables that it gets as Yabby has them. Besides these and `env` it gets `PATH` and `HOME`.
    #[serde(default)]
    pub(crate) pass_env: Vec<String>,
    /// Of `exec`: the folders in which the program must be.
    #[serde(default)]
    pub(crate) trusted_dirs: Vec<String>,
    /// Whether the owner and the permissions of the file or the program do not matter.
    pub(crate) allow_insecure_path: Option<bool>,
    /// Of `exec`: whether the program may be a link.
    pub(crate) allow_symlink_command: Option<bool>,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FileMode {
    #[default]
    Json,
    SingleValue,
}
