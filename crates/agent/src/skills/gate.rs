//! What a skill needs of the machine, and whether it is there (openclaw `src/agents/skills/config.ts`).

use std::path::{Path, PathBuf};

use serde_json::Value;
use yabby_config::Environment;

use super::{FrontMatter, find::SkillEntry};

/// What a skill needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires {
    /// One of these systems, by Node's names (`linux`, `darwin`, `win32`); none means any.
    pub os: Vec<String>,
    /// All of these programs.
    pub bins: Vec<String>,
    /// One of these programs.
    pub any_bins: Vec<String>,
    /// All of these environment variables.
    pub env: Vec<String>,
    /// All of these settings, as dotted keys of the config.
    pub config: Vec<String>,
    /// Nothing but the system counts.
    pub always: bool,
    /// The variable that a key in the config stands for.
    pub primary_env: Option<String>,
}

/// What there is on this machine.
pub struct Here<'a> {
    /// The environment.
    pub env: &'a Environment,
    /// Whether a dotted key of the config is set to something other than false, 0 or nothing.
    pub config: &'a dyn Fn(&str) -> bool,
}

/// One name for what is one system.
const SYSTEM: &str = match std::env::consts::OS.as_bytes() {
    b"macos" => "darwin",
    b"windows" => "win32",
    _ => std::env::consts::OS,
};

impl Requires {
    /// What `metadata.openclaw` says, or `metadata.clawdbot`, as it was called before. It may be JSON in a string.
    pub(super) fn of(front: &FrontMatter) -> Self {
        let block = block(front).unwrap_or_default();
        let requires = block.get("requires").cloned().unwrap_or_default();
        let list = |name: &str| requires.get(name).map(words).unwrap_or_default();
        Self {
            os: block.get("os").map(words).unwrap_or_default(),
            bins: list("bins"),
            any_bins: list("anyBins"),
            env: list("env"),
            config: list("config"),
            always: block.get("always") == Some(&Value::Bool(true)),
            primary_env: block.get("primaryEnv").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// The first thing that is not there.
    pub(super) fn lack(&self, here: &Here<'_>, entry: Option<&SkillEntry>) -> Option<String> {
        if !self.os.is_empty() && !self.os.iter().any(|os| os == SYSTEM) {
            return Some(self.os.join(", "));
        }
        if self.always {
            return None;
        }
        let given = |name: &String| {
            let by_config = entry.is_some_and(|entry| {
                entry.env.contains(name) || entry.has_key && self.primary_env.as_ref() == Some(name)
            });
            by_config || here.env.get(name).is_some()
        };
        let bin = self.bins.iter().find(|name| !here.has_program(name)).cloned();
        let any = (!self.any_bins.is_empty() && !self.any_bins.iter().any(|name| here.has_program(name)))
            .then(|| self.any_bins.join(", "));
        let variable = self.env.iter().find(|name| !given(name)).cloned();
        let setting = self.config.iter().find(|key| !(here.config)(key)).cloned();
        bin.or(any).or(variable).or(setting)
    }
}

fn block(front: &FrontMatter) -> Option<Value> {
    let metadata = match front.fields.get("metadata")? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    ["openclaw", "clawdbot", "moltbot"]
        .iter()
        .find_map(|name| metadata.get(*name).cloned())
}

/// A list of words, or words with commas between them.
fn words(value: &Value) -> Vec<String> {
    let pieces: Vec<&str> = match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.split(',').collect(),
        _ => Vec::new(),
    };
    pieces
        .into_iter()
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Here<'_> {
    fn has_program(&self, name: &str) -> bool {
        let path = self.env.get("PATH").unwrap_or_default();
        // A name with a slash would be looked for outside of `PATH`.
        !name.contains(['/', '\\']) && std::env::split_paths(path).any(|folder| is_program(&folder.join(name)))
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = PathBuf::from(path).metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    let with = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    ["", ".exe", ".cmd", ".bat"].iter().any(|end| with(end).is_file())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::front_matter, *};

    fn requires(metadata: &str) -> Requires {
        Requires::of(&front_matter(&format!("---\nmetadata: {metadata}\n---\n")))
    }

    #[test]
    fn all_that_openclaw_reads_is_read() {
        let all = r#"{"openclaw":{"os":["linux","darwin"],"always":true,"primaryEnv":"K","emoji":"x","requires":{"bins":["a"],"anyBins":["b","c"],"env":["K"],"config":["browser.enabled"]}}}"#;
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let expected = Requires {
            os: list(&["linux", "darwin"]),
            bins: list(&["a"]),
            any_bins: list(&["b", "c"]),
            env: list(&["K"]),
            config: list(&["browser.enabled"]),
            always: true,
            primary_env: Some("K".to_owned()),
        };
        assert_eq!(requires(all), expected);
        assert_eq!(requires(&format!("'{all}'")), expected);
        assert_eq!(
            requires(r#"{"clawdbot":{"requires":{"bins":"a, b"}}}"#).bins,
            ["a", "b"]
        );
        assert_eq!(requires("3"), Requires::default());
    }

    #[test]
    #[cfg(unix)]
    fn what_is_missing_is_named() {
        use std::{fs, os::unix::fs::PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("gh", 0o755), ("notes", 0o644)] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let env = Environment::from_vars([("PATH", folder.path().to_str().unwrap()), ("TOKEN", "t")]);
        let here = Here {
            env: &env,
            config: &|key| key == "browser.enabled",
        };
        let lack = |openclaw: &str| requires(&format!(r#"{{"openclaw":{openclaw}}}"#)).lack(&here, None);
        let other = if SYSTEM == "linux" { "darwin" } else { "linux" };
        for (openclaw, missing) in [
            ("{}", None),
            (r#"{"requires":{"bins":["gh"],"env":["TOKEN"]}}"#, None),
            (r#"{"requires":{"bins":["gh","notes"]}}"#, Some("notes")),
            (r#"{"requires":{"bins":["../gh"]}}"#, Some("../gh")),
            (r#"{"requires":{"anyBins":["x","gh"]}}"#, None),
            (r#"{"requires":{"anyBins":["x","y"]}}"#, Some("x, y")),
            (r#"{"requires":{"env":["KEY"]}}"#, Some("KEY")),
            (r#"{"requires":{"config":["browser.enabled"]}}"#, None),
            (r#"{"requires":{"config":["a.b"]}}"#, Some("a.b")),
            (r#"{"always":true,"requires":{"bins":["x"]}}"#, None),
            (&format!(r#"{{"os":["{SYSTEM}"]}}"#), None),
            (&format!(r#"{{"always":true,"os":["{other}"]}}"#), Some(other)),
        ] {
            assert_eq!(lack(openclaw).as_deref(), missing, "{openclaw}");
        }
        let keyed = requires(r#"{"openclaw":{"primaryEnv":"KEY","requires":{"env":["KEY","B"]}}}"#);
        let entry = SkillEntry {
            has_key: true,
            env: BTreeSet::from(["B".to_owned()]),
            ..SkillEntry::default()
        };
        assert_eq!(keyed.lack(&here, Some(&entry)), None);
    }
}
