//! The one reader of the process environment, and every variable that Yabby knows.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use yabby_core::Lang;

use crate::ConfigError;

/// The environment variables that Yabby reads. Keys of built-in providers (`ANTHROPIC_API_KEY`, ...) stand in the
/// provider table.
pub mod vars {
    /// Path of the config file; wins over `~/.yabby/yabby.json5`.
    pub const CONFIG: &str = "YABBY_CONFIG";
    /// Folder of Yabby's own state; default `~/.yabby`.
    pub const STATE_DIR: &str = "YABBY_STATE_DIR";
    /// Folder of files that may be deleted at any time.
    pub const CACHE_DIR: &str = "YABBY_CACHE_DIR";
    /// Language of what people read, such as `zh-TW`; wins over the locale.
    pub const LANG: &str = "YABBY_LANG";
    /// Ports on which model servers are looked for, such as `llamacpp:8080,vllm:8001`, or `off`.
    pub const DISCOVER: &str = "YABBY_DISCOVER";
    /// A mirror of Hugging Face for the embedded model, as in Hugging Face's own tools.
    pub const HF_ENDPOINT: &str = "HF_ENDPOINT";
    /// Further folders that `$include` may read from, separated as in `PATH`.
    pub const INCLUDE_ROOTS: &str = "YABBY_INCLUDE_ROOTS";
    /// Path of OpenClaw's config file; default `~/.openclaw/openclaw.json`.
    pub const OPENCLAW_CONFIG: &str = "OPENCLAW_CONFIG_PATH";
    /// The folder of OpenClaw's workspace; default `workspace` beside its config.
    pub const OPENCLAW_WORKSPACE: &str = "OPENCLAW_WORKSPACE_DIR";
    /// OpenClaw's name for [`INCLUDE_ROOTS`].
    pub const OPENCLAW_INCLUDE_ROOTS: &str = "OPENCLAW_INCLUDE_ROOTS";
    /// A key of the gateway's owner.
    pub const GATEWAY_TOKEN: &str = "YABBY_GATEWAY_TOKEN";
    /// OpenClaw's name for [`GATEWAY_TOKEN`].
    pub const OPENCLAW_GATEWAY_TOKEN: &str = "OPENCLAW_GATEWAY_TOKEN";
    /// The same where `gateway.auth.mode` is `password`.
    pub const OPENCLAW_GATEWAY_PASSWORD: &str = "OPENCLAW_GATEWAY_PASSWORD";
    /// The port of the gateway; wins over the config, as in OpenClaw.
    pub const OPENCLAW_GATEWAY_PORT: &str = "OPENCLAW_GATEWAY_PORT";
    /// Address of an OpenTelemetry collector, where `diagnostics.otel` names none.
    pub const OTEL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    /// Headers for the collector, beside those of `diagnostics.otel`.
    pub const OTEL_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    /// The name that Yabby has there, where `diagnostics.otel` gives none.
    pub const OTEL_SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
    /// Locale, strongest first: `LC_ALL`, `LC_MESSAGES`, `LANG`.
    pub const LOCALE: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];
    /// The home folder.
    pub const HOME: &str = "HOME";
    /// The home folder on Windows.
    pub const USERPROFILE: &str = "USERPROFILE";
    /// The XDG cache folder.
    pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
}

/// A snapshot of the environment. `Debug` prints names only.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
}

/// Where Yabby keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Durable state: `yabby.json5`, `.env`, the database.
    pub state_dir: PathBuf,
    /// Files that may be deleted at any time.
    pub cache_dir: PathBuf,
    /// OpenClaw's config, read when Yabby has none of its own and never written.
    pub openclaw_config: PathBuf,
}

// === impl Environment ===

impl Environment {
    /// The environment of this process. Variables that are not Unicode are left out.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
    pub fn from_process() -> Self {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::from_vars(std::env::vars_os().filter_map(unicode))
    }

    /// An environment made of `vars`, for tests.
    pub fn from_vars<N: Into<String>, V: Into<String>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        let values = vars
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self { values }
    }

    /// The value of `name`; an empty value counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The names of all variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The language to speak: `YABBY_LANG`, else the locale.
    pub fn lang(&self) -> Lang {
        std::iter::once(vars::LANG)
            .chain(vars::LOCALE)
            .find_map(|name| self.get(name))
            .map_or(Lang::En, Lang::from_locale)
    }

    /// The absolute folders listed in `name`, separated as in `PATH`.
    pub(crate) fn folders(&self, name: &str) -> Vec<PathBuf> {
        let listed = self.get(name).unwrap_or_default();
        std::env::split_paths(listed)
            .filter(|path| path.is_absolute())
            .collect()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { vars::USERPROFILE } else { vars::HOME };
        self.path(name)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

// === impl Paths ===

impl Paths {
    /// The folders for `env`. Fails only when there is no home folder to derive them from.
    pub fn new(env: &Environment) -> Result<Self, ConfigError> {
        let home = env.home();
        let or_home = |path: Option<PathBuf>, below: &str| {
            path.or_else(|| home.as_deref().map(|home| home.join(below)))
                .ok_or(ConfigError::NoHome)
        };
        let cache = env
            .path(vars::CACHE_DIR)
            .or_else(|| env.path(vars::XDG_CACHE_HOME).map(|dir| dir.join("yabby")));
        let cache_below_home = if cfg!(target_os = "macos") {
            "Library/Caches/yabby"
        } else {
            ".cache/yabby"
        };
        Ok(Self {
            state_dir: or_home(env.path(vars::STATE_DIR), ".yabby")?,
            cache_dir: or_home(cache, cache_below_home)?,
            openclaw_config: or_home(env.path(vars::OPENCLAW_CONFIG), ".openclaw/openclaw.json")?,
        })
    }

    /// Yabby's own config file, which need not exist.
    pub fn own_config(&self) -> PathBuf {
        self.state_dir.join("yabby.json5")
    }

    /// The `.env` file beside the config of `state_dir`.
    pub(crate) fn dot_env(dir: &Path) -> PathBuf {
        dir.join(".env")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_unset() {
        let env = Environment::from_vars([("A", ""), ("B", "x")]);
        assert_eq!((env.get("A"), env.get("B"), env.get("C")), (None, Some("x"), None));
    }

    #[test]
    fn language_precedence() {
        let lang = |vars: &[(&str, &str)]| Environment::from_vars(vars.iter().copied()).lang();
        assert_eq!(lang(&[("LANG", "zh_TW.UTF-8")]), Lang::ZhTw);
        assert_eq!(lang(&[("LANG", "zh_TW.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(lang(&[("YABBY_LANG", "zh-TW"), ("LC_ALL", "C")]), Lang::ZhTw);
        assert_eq!(lang(&[]), Lang::En);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn paths_follow_home_and_are_overridden() {
        let paths = Paths::new(&Environment::from_vars([("HOME", "/h")])).unwrap();
        assert_eq!(paths.state_dir, Path::new("/h/.yabby"));
        assert_eq!(paths.cache_dir, Path::new("/h/.cache/yabby"));
        assert_eq!(paths.openclaw_config, Path::new("/h/.openclaw/openclaw.json"));

        let vars = [("HOME", "/h"), ("YABBY_STATE_DIR", "/s"), ("XDG_CACHE_HOME", "/c")];
        let paths = Paths::new(&Environment::from_vars(vars)).unwrap();
        assert_eq!((paths.state_dir, paths.cache_dir), ("/s".into(), "/c/yabby".into()));
        assert!(Paths::new(&Environment::default()).is_err());
    }

    #[test]
    fn debug_prints_names_only() {
        let env = Environment::from_vars([("KEY", "canary")]);
        assert_eq!(format!("{env:?}"), r#"{"KEY"}"#);
    }
}
