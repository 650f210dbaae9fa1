//! What is in a folder and in the folders in it, through handles: no link is followed, and nothing is opened that could wait.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use cap_fs_ext::{DirExt, FollowSymlinks};
use cap_std::fs::Dir;
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{
    call::Stop,
    disk::{open_in, read_all, told},
    roots::Place,
};
use crate::ToolError;

/// A `.gitignore` that is longer is not looked at.
const MOST_RULES: u64 = 1 << 20;
/// Nobody needs folders that are deeper.
const DEEPEST: usize = 64;

/// Something in a folder.
pub(super) struct Entry<'a> {
    /// The folder that it is in.
    pub(super) dir: &'a Dir,
    pub(super) name: &'a OsStr,
    /// Its way from where the walk began.
    pub(super) path: &'a Path,
    pub(super) kind: Kind,
    /// Whether a `.gitignore` names it, or it belongs to git itself.
    pub(super) ignored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
    Special,
}

impl Entry<'_> {
    /// Its way, as it is shown. A name may hold anything, even what looks like other lines.
    pub(super) fn shown(&self) -> String {
        let path = self.path.to_string_lossy();
        path.chars()
            .map(|char| if char.is_control() { '?' } else { char })
            .collect()
    }
}

/// Whether the walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Into the folder, when it is one.
    On,
    /// Not into this one.
    Past,
    End,
}

pub(super) struct Walk<'a> {
    pub(super) stop: &'a Stop,
    /// So many entries at most are looked at.
    pub(super) left: usize,
    /// The rules that hold, those of the innermost folder last.
    rules: Vec<Gitignore>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(stop: &'a Stop, most: usize) -> Self {
        Self {
            stop,
            left: most,
            rules: Vec::new(),
        }
    }

    /// Shows all that is in the folder `place`, by name. Whether there was more than it was allowed to look at is seen by
    /// `left`.
    pub(super) fn run(
        &mut self,
        place: &Place<'_>,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<Next, ToolError>,
    ) -> Result<(), ToolError> {
        let failed = |error: std::io::Error| told(&error, &place.shown);
        let open = |path: &Path| {
            if path.as_os_str().is_empty() {
                place.root.dir.try_clone()
            } else {
                place.root.dir.open_dir(path)
            }
        };
        let dir = open(&place.path).map_err(failed)?;
        // The rules of the folders around it hold too. Paths are those from the root.
        let around: Vec<&Path> = place.path.ancestors().skip(1).collect();
        for folder in around.into_iter().rev() {
            self.rules
                .extend(open(folder).ok().and_then(|found| rules(&found, folder)));
        }
        self.folder(&dir, &place.path, Path::new(""), visit)
            .map_err(|stopped| match stopped {
                Stopped::Wrong(error) => Some(error),
                Stopped::Io(error) => Some(failed(error)),
                Stopped::End => None,
            })
            .or_else(|error| error.map_or(Ok(()), Err))
    }

    fn folder(
        &mut self,
        dir: &Dir,
        from_root: &Path,
        from_start: &Path,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<Next, ToolError>,
    ) -> Result<(), Stopped> {
        let mut entries = Vec::new();
        for entry in dir.entries().map_err(Stopped::Io)? {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            self.stop.check().map_err(Stopped::Wrong)?;
            let Ok(entry) = entry else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let kind = match kind {
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_file() => Kind::File,
                kind if kind.is_symlink() => Kind::Link,
                _ => Kind::Special,
            };
            entries.push((entry.file_name(), kind));
        }
        entries.sort();
        let known = self.rules.len();
        self.rules.extend(rules(dir, from_root));
        for (name, kind) in &entries {
            let in_root = from_root.join(name);
            let path = from_start.join(name);
            let entry = Entry {
                dir,
                name,
                path: &path,
                kind: *kind,
                ignored: name == ".git" || self.is_ignored(&in_root, *kind == Kind::Folder),
            };
            match visit(&entry).map_err(Stopped::Wrong)? {
                Next::End => return Err(Stopped::End),
                Next::On if *kind == Kind::Folder && path.components().count() < DEEPEST => {
                    // One that is gone or forbidden is left out.
                    if let Ok(inner) = dir.open_dir_nofollow(name) {
                        match self.folder(&inner, &in_root, &path, visit) {
                            Err(Stopped::Io(_)) | Ok(()) => {}
                            stopped => return stopped,
                        }
                    }
                }
                _ => {}
            }
        }
        self.rules.truncate(known);
        Ok(())
    }

    fn is_ignored(&self, path: &Path, is_folder: bool) -> bool {
        let said = self.rules.iter().rev().map(|rules| rules.matched(path, is_folder));
        said.into_iter()
            .find(|said| !said.is_none())
            .is_some_and(|said| matches!(said, Match::Ignore(_)))
    }
}

enum Stopped {
    End,
    Wrong(ToolError),
    Io(std::io::Error),
}

/// The rules of the `.gitignore` of a folder.
fn rules(dir: &Dir, from_root: &Path) -> Option<Gitignore> {
    let (file, _) = open_in(dir, Path::new(".gitignore"), FollowSymlinks::No).ok()??;
    let text = read_all(file, MOST_RULES).ok()?;
    let root = if from_root.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        from_root.to_owned()
    };
    let mut builder = GitignoreBuilder::new(root);
    for line in String::from_utf8_lossy(&text).lines() {
        // A line that is no rule is left out, as git does.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}
