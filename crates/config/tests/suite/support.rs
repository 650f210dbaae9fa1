//! What the tests share.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use yabby_config::{Diagnostic, DiagnosticKind, Environment, Loaded, Origin, Paths, load, load_draft};
use yabby_core::Lang;

/// A home folder that lasts as long as the value.
pub(crate) struct Home {
    dir: TempDir,
    vars: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            vars: Vec::new(),
        }
    }

    /// A home whose `~/.yabby/yabby.json5` is `text`.
    pub(crate) fn with(text: &str) -> Self {
        let home = Self::new();
        home.write(".yabby/yabby.json5", text);
        home
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn load(&self) -> Loaded {
        self.load_from(None)
    }

    pub(crate) fn load_from(&self, explicit: Option<&Path>) -> Loaded {
        let env = self.env();
        load(&env, &Paths::new(&env).unwrap(), explicit)
    }

    /// What a file that need not be there would give with this text.
    pub(crate) fn draft(&self, name: &str, text: &str) -> Loaded {
        let env = self.env();
        let origin = Origin::Home(self.path().join(name));
        load_draft(&env, &Paths::new(&env).unwrap(), origin, text.to_owned())
    }

    fn env(&self) -> Environment {
        let home = [("HOME".to_owned(), self.path().display().to_string())];
        Environment::from_vars(home.into_iter().chain(self.vars.clone()))
    }

    /// The rendered diagnostics, with the home folder as `~`.
    pub(crate) fn render(&self, lang: Lang) -> String {
        let home = self.path().display().to_string();
        self.load().render_diagnostics(lang, false).replace(&home, "~")
    }
}

pub(crate) fn text(text: &str) -> Loaded {
    with_env(text, &[])
}

pub(crate) fn with_env(text: &str, vars: &[(&str, &str)]) -> Loaded {
    yabby_config::load_text(text, &Environment::from_vars(vars.iter().copied()))
}

pub(crate) fn kinds(loaded: &Loaded) -> Vec<DiagnosticKind> {
    loaded.diagnostics.iter().map(|diagnostic| diagnostic.kind).collect()
}

/// Key, line, column and message of each diagnostic.
pub(crate) fn summary(loaded: &Loaded) -> Vec<String> {
    let line = |diagnostic: &Diagnostic| {
        let place = diagnostic
            .place
            .as_ref()
            .map_or((0, 0), |place| (place.line, place.column));
        format!(
            "{} {}:{} {}",
            diagnostic.key,
            place.0,
            place.1,
            diagnostic.message.english()
        )
    };
    loaded.diagnostics.iter().map(line).collect()
}
