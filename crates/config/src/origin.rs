//! Which file the config is.

use std::{
    io,
    path::{Path, PathBuf},
};

use yabby_core::text;

use crate::{
    Environment, Paths,
    diagnostic::{Diagnostic, DiagnosticKind},
    environment::vars,
};

/// Which file the config came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--config`, unless that is OpenClaw's config.
    Explicit(PathBuf),
    /// `$YABBY_CONFIG`, unless that is OpenClaw's config.
    Environment(PathBuf),
    /// `~/.yabby/yabby.json5`.
    Home(PathBuf),
    /// OpenClaw's config, whoever named it. It is never written.
    OpenClaw(PathBuf),
    /// There is no config file.
    None,
}

// === impl Origin ===

impl Origin {
    /// The file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Explicit(path) | Self::Environment(path) | Self::Home(path) | Self::OpenClaw(path) => Some(path),
            Self::None => None,
        }
    }

    /// The same file, as OpenClaw's config where a person named that one.
    fn settled(self, paths: &Paths) -> Self {
        match self {
            Self::Explicit(path) | Self::Environment(path) if is_openclaw(&path, paths) => Self::OpenClaw(path),
            other => other,
        }
    }
}

/// Whether `path` is OpenClaw's config, under whatever name.
pub(crate) fn is_openclaw(path: &Path, paths: &Paths) -> bool {
    let canonical = path.canonicalize();
    canonical.is_ok_and(|path| {
        paths
            .openclaw_config
            .canonicalize()
            .is_ok_and(|openclaw| openclaw == path)
    })
}

/// The file to use and its text. A file that was asked for by name must exist.
pub(crate) fn find(
    env: &Environment,
    paths: &Paths,
    explicit: Option<&Path>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Origin, Option<String>) {
    for origin in candidates(env, paths, explicit) {
        let Some(path) = origin.path() else { continue };
        let optional = matches!(origin, Origin::Home(_) | Origin::OpenClaw(_));
        match std::fs::read_to_string(path) {
            Ok(content) => return (origin.settled(paths), Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && optional => {}
            Err(error) => {
                diagnostics.push(unreadable(&origin, path, &error));
                return (origin.settled(paths), None);
            }
        }
    }
    (Origin::None, None)
}

/// The files of which the first that is there is the config.
pub(crate) fn looked_for(env: &Environment, paths: &Paths, explicit: Option<&Path>) -> Vec<PathBuf> {
    let candidates = candidates(env, paths, explicit);
    candidates
        .iter()
        .filter_map(|origin| Some(origin.path()?.to_owned()))
        .collect()
}

fn candidates(env: &Environment, paths: &Paths, explicit: Option<&Path>) -> Vec<Origin> {
    let named = explicit
        .map(|path| Origin::Explicit(path.to_owned()))
        .or_else(|| env.get(vars::CONFIG).map(|path| Origin::Environment(path.into())));
    match named {
        Some(named) => vec![named],
        None => vec![
            Origin::Home(paths.own_config()),
            Origin::OpenClaw(paths.openclaw_config.clone()),
        ],
    }
}

fn unreadable(origin: &Origin, path: &Path, error: &io::Error) -> Diagnostic {
    let message = if error.kind() == io::ErrorKind::NotFound {
        text!("the config file {file} does not exist", file = path.display())
    } else {
        text!(
            "the config file {file} cannot be read: {reason}",
            file = path.display(),
            reason = error
        )
    };
    let help = match origin {
        _ if error.kind() == io::ErrorKind::InvalidData => text!("save the file as UTF-8"),
        Origin::Explicit(_) => text!("check the path after --config"),
        Origin::Environment(_) => text!("check the path in YABBY_CONFIG, or unset it"),
        _ => text!("check its permissions"),
    };
    Diagnostic::error(DiagnosticKind::Unreadable, message).with_help(help)
}
