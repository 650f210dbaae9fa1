//! Where the files of an agent lie.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use yabby_core::text;

use crate::{
    Paths,
    diagnostic::{Diagnostic, DiagnosticKind},
    environment::vars,
    path::Seg,
    resolve::Resolver,
};

/// The folder of an agent's files. See [`Workspace::folder`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// The folder that is written: the agent's own, or that of all.
    written: Option<PathBuf>,
    /// The agent, where it has a part of what all have.
    agent: Option<String>,
    /// Whether the config is OpenClaw's.
    of_openclaw: bool,
}

// === impl Workspace ===

impl Workspace {
    pub(crate) const fn usual(of_openclaw: bool) -> Self {
        Self {
            written: None,
            agent: None,
            of_openclaw,
        }
    }

    pub(crate) fn at(folder: PathBuf) -> Self {
        Self {
            written: Some(folder),
            ..Self::default()
        }
    }

    /// The part of an agent that has none of its own: OpenClaw's rule (`src/agents/agent-scope-config.ts`).
    pub(crate) fn below(&self, agent: &str) -> Self {
        // An id may hold anything, a path upwards included.
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        Self {
            agent: Some(agent.to_ascii_lowercase().chars().map(plain).collect()),
            ..self.clone()
        }
    }

    /// The folder. Where none is written, it is OpenClaw's if the config is OpenClaw's or that folder is there, and in
    /// Yabby's state folder otherwise.
    pub fn folder(&self, paths: &Paths) -> PathBuf {
        match (&self.written, &self.agent) {
            (Some(folder), None) => folder.clone(),
            (Some(folder), Some(agent)) => folder.join(agent),
            (None, agent) => {
                let name = agent
                    .as_ref()
                    .map_or_else(|| "workspace".to_owned(), |agent| format!("workspace-{agent}"));
                let theirs = paths.openclaw_config.parent().map(|folder| folder.join(&name));
                theirs
                    .filter(|folder| self.of_openclaw || folder.is_dir())
                    .unwrap_or_else(|| paths.state_dir.join(&name))
            }
        }
    }

    /// The folder as far as it is known without looking.
    fn shown(&self) -> String {
        let base = match &self.written {
            Some(folder) => folder.clone(),
            None if self.of_openclaw => "~/.openclaw".into(),
            None => "~/.yabby".into(),
        };
        let folder = match (&self.written, &self.agent) {
            (Some(_), None) => base,
            (Some(_), Some(agent)) => base.join(agent),
            (None, None) => base.join("workspace"),
            (None, Some(agent)) => base.join(format!("workspace-{agent}")),
        };
        folder.display().to_string()
    }
}

impl Serialize for Workspace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// The path that is written, told if it is not absolute. `~` and `~/` stand for the home folder.
    pub(crate) fn path(&mut self, written: &str, path: &[Seg]) -> Option<PathBuf> {
        let written = written.trim();
        if written.is_empty() || !self.is_complete(path) {
            // The missing variable was told where it stands.
            return None;
        }
        let home = || self.variables.get(vars::HOME).map(Path::new);
        let folder = match (written, written.strip_prefix("~/")) {
            ("~", _) => home().map(Path::to_owned),
            (_, Some(rest)) => home().map(|home| home.join(rest)),
            (whole, None) => Some(PathBuf::from(whole)),
        };
        let folder = folder.filter(|folder| folder.is_absolute());
        if folder.is_none() {
            let message = text!("the path is not absolute, so it is not used");
            let help = text!("write the whole path, or one that begins with ~/");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                path,
            );
        }
        folder
    }
}
