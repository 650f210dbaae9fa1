//! Where a path of a call leads: into a root, or nowhere.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use cap_std::{ambient_authority, fs::Dir};

use super::{FileSettings, FilesError, RootAccess};
use crate::{ToolError, ToolErrorKind};

/// No path that means something is longer (`PATH_MAX`).
const MOST_BYTES: usize = 4096;

/// The folders that tools may use, open.
pub(super) struct Roots {
    /// The workspace first.
    roots: Vec<Root>,
    home: Option<PathBuf>,
}

pub(super) struct Root {
    /// Its name in the settings.
    named: PathBuf,
    /// Its name without links, which is what versions are kept by.
    real: PathBuf,
    pub(super) dir: Dir,
    access: RootAccess,
}

/// A file or a folder, by its root and the way from there. The way has only plain names in it, and it may be empty.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) root: &'a Root,
    pub(super) path: PathBuf,
    /// What the model calls it: as seen from the workspace, or absolute outside of it.
    pub(super) shown: String,
}

impl Roots {
    pub(super) fn open(settings: &FileSettings) -> Result<Self, FilesError> {
        let failed = |error| FilesError::Root(settings.workspace.clone(), error);
        fs::create_dir_all(&settings.workspace).map_err(failed)?;
        let workspace = Root::open(&settings.workspace, RootAccess::Write)?;
        let others = settings.roots.iter().map(|root| Root::open(&root.path, root.access));
        Ok(Self {
            roots: std::iter::once(Ok(workspace)).chain(others).collect::<Result<_, _>>()?,
            home: settings.home.clone(),
        })
    }

    /// Where `path` leads as it is written. Links in it are not looked at: whoever opens it does, and does not leave the root.
    pub(super) fn place(&self, path: &str) -> Result<Place<'_>, ToolError> {
        let workspace = self.roots.first().ok_or_else(|| denied("there is no workspace"))?;
        // A name with a line break in it could look like something else wherever it is shown.
        let is_address = path.contains("://") || path.starts_with("\\\\");
        if is_address || path.chars().any(char::is_control) || path.len() > MOST_BYTES {
            return Err(invalid("this is not a path; give a short one such as notes/today.md"));
        }
        let asked = self.absolute(path, workspace)?;
        let outside = || {
            let others = self.roots.iter().skip(1).map(|root| root.named.to_string_lossy());
            let others = others.fold(String::new(), |all, name| all + ", " + &name);
            denied(format!(
                "{path} is outside of the folders that can be used: the workspace {}{others}. Use a path inside of them",
                workspace.named.display()
            ))
        };
        if asked.components().any(|part| part == Component::ParentDir) {
            return Err(denied(format!(
                "{path}: `..` cannot be used; give the path from the workspace"
            )));
        }
        // The name that a root has without links comes first, so that a place has one name.
        let asked = self
            .roots
            .iter()
            .filter_map(|root| Some((root, asked.strip_prefix(&root.named).ok()?)))
            .max_by_key(|(root, _)| root.named.components().count())
            .map_or_else(|| asked.clone(), |(root, rest)| root.real.join(rest));
        let (root, rest) = self
            .roots
            .iter()
            .filter_map(|root| Some((root, asked.strip_prefix(&root.real).ok()?)))
            .max_by_key(|(root, _)| root.real.components().count())
            .ok_or_else(outside)?;
        // Only plain names: what `components` leaves out (`.`, doubled slashes) is left out.
        let path: PathBuf = rest.components().collect();
        Ok(Place {
            root,
            shown: self.shown(root, &path),
            path,
        })
    }

    fn absolute(&self, path: &str, workspace: &Root) -> Result<PathBuf, ToolError> {
        let Some(rest) = path.strip_prefix('~') else {
            return Ok(workspace.real.join(path));
        };
        match &self.home {
            Some(home) if rest.is_empty() || rest.starts_with('/') => Ok(home.join(rest.trim_start_matches('/'))),
            _ => Err(denied(format!(
                "{path}: this `~` cannot be used; give the path from the workspace"
            ))),
        }
    }

    fn shown(&self, root: &Root, path: &Path) -> String {
        let is_workspace = self.roots.first().is_some_and(|first| std::ptr::eq(first, root));
        match (is_workspace, path.as_os_str().is_empty()) {
            (true, true) => ".".to_owned(),
            (true, false) => path.to_string_lossy().into_owned(),
            (false, _) => root.named.join(path).to_string_lossy().trim_end_matches('/').to_owned(),
        }
    }
}

impl Root {
    fn open(path: &Path, access: RootAccess) -> Result<Self, FilesError> {
        let failed = |error| FilesError::Root(path.to_owned(), error);
        let real = fs::canonicalize(path).map_err(failed)?;
        if real.parent().is_none() {
            return Err(FilesError::TooWide(path.to_owned()));
        }
        let dir = Dir::open_ambient_dir(&real, ambient_authority()).map_err(failed)?;
        if !dir.dir_metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self {
            named: path.to_owned(),
            real,
            dir,
            access,
        })
    }
}

impl Place<'_> {
    /// That it may be changed at all.
    pub(super) fn writable(&self) -> Result<(), ToolError> {
        match self.root.access {
            RootAccess::Write => Ok(()),
            RootAccess::Read => Err(denied(format!(
                "{} can only be read; write into the workspace instead",
                self.shown
            ))),
        }
    }

    /// Its name on this machine.
    pub(super) fn absolute(&self) -> PathBuf {
        self.root_path(&self.path)
    }

    /// The name on this machine of something else in its root.
    pub(super) fn root_path(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() {
            // Joined with nothing, it would end with a slash.
            return self.root.real.clone();
        }
        self.root.real.join(path)
    }
}

pub(super) fn denied(message: impl Into<String>) -> ToolError {
    ToolError::new(ToolErrorKind::Denied, message)
}

pub(super) fn invalid(message: impl Into<String>) -> ToolError {
    ToolError::new(ToolErrorKind::Invalid, message)
}
