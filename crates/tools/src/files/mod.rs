//! Tools for files: reading, writing, changing, looking, and taking a change back.
//!
//! Everything happens inside of roots, through handles of folders, so that neither `..` nor a link that is swapped at the right
//! moment leads out. A file is changed as a whole or not at all, and what it was before is kept.

mod call;
mod change;
mod disk;
mod edit;
mod list;
mod manifests;
mod patch;
mod protected;
mod read;
mod roots;
mod search;
mod settings;
#[cfg(test)]
mod tests;
mod undo;
mod versions;
mod walk;
mod write;

use std::{io, path::PathBuf, sync::Arc};

pub use protected::PROTECTED;
pub use settings::{FileLimits, FileRoot, FileSettings, RootAccess};
pub use versions::{Change, FolderVersions, Kept, State, VersionLimits, Versions};

use serde_json::{Map, Value};

use self::{protected::Protected, roots::Roots};
use crate::{Effect, Tool, ToolError};

/// The tools for files of one agent. Cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Shared>);

/// What all of the tools use.
struct Shared {
    changing: change::OneAtATime,
    roots: Roots,
    protected: Protected,
    limits: FileLimits,
    versions: Arc<dyn Versions>,
}

/// The tools for files cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A root cannot be opened.
    #[error("the folder {} cannot be opened", .0.display())]
    Root(PathBuf, #[source] io::Error),
    /// A root would hold the whole system.
    #[error("the folder {} holds the whole system", .0.display())]
    TooWide(PathBuf),
}

impl FilesError {
    /// What the person can do.
    pub fn hint(&self) -> yabby_core::Text {
        match self {
            Self::Root(path, _) => yabby_core::text!(
                "create the folder {path}, or give yourself the right to read it",
                path = path.display()
            ),
            Self::TooWide(path) => yabby_core::text!(
                "name the folders that the agent needs instead of {path}",
                path = path.display()
            ),
        }
    }
}

impl Files {
    /// Opens the roots; a workspace that is missing is made. Reads the disk.
    pub fn open(settings: &FileSettings, versions: Arc<dyn Versions>) -> Result<Self, FilesError> {
        Ok(Self(Arc::new(Shared {
            roots: Roots::open(settings)?,
            protected: Protected::new(&settings.protected),
            limits: settings.limits,
            versions,
            changing: change::OneAtATime::default(),
        })))
    }

    /// A folder of a call, for programs to run in: that it is one, inside of a root.
    pub(crate) async fn folder(&self, path: &str) -> Result<PathBuf, ToolError> {
        let (shared, path) = (Arc::clone(&self.0), path.to_owned());
        call::blocking(move |_| {
            let place = shared.roots.place(&path)?;
            disk::check_folder(&place)?;
            Ok(place.absolute())
        })
        .await
    }

    /// The tools.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let shared = || Arc::clone(&self.0);
        vec![
            Arc::new(read::Read::new(shared())),
            Arc::new(write::Write::new(shared())),
            Arc::new(edit::Edit::new(shared())),
            Arc::new(patch::ApplyPatch::new(shared())),
            Arc::new(list::List::new(shared())),
            Arc::new(search::Search::new(shared())),
            Arc::new(undo::Undo::new(shared())),
        ]
    }
}

impl Shared {
    /// The effect of changing the file that a call names.
    fn effect_of_path(&self, arguments: &Map<String, Value>) -> Effect {
        let names = ["path", "file_path", "filePath"];
        let paths = names.iter().filter_map(|name| arguments.get(*name)?.as_str());
        self.effect_of(paths)
    }

    /// The effect of changing `paths`. What leads nowhere is not changed at all.
    fn effect_of<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Effect {
        let mut places = paths.filter_map(|path| self.roots.place(path).ok());
        if places.any(|place| self.protected.holds(&place.path)) {
            Effect::Control
        } else {
            Effect::Write
        }
    }
}
