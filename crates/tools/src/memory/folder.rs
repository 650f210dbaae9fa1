//! The files of the memory. Links are not followed: a note is a regular file inside of the workspace, or of what the owner has
//! named beside it.

use std::{
    fs::{self, File},
    io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::{
    ambient_authority,
    fs::{Dir, DirBuilder, OpenOptions},
};

use super::origin::APART;

/// The folder of daily notes.
pub(super) const FOLDER: &str = "memory";
/// The notes that stay true.
pub(super) const MAIN: &str = "MEMORY.md";
/// A note that is larger is not searched, and not made larger.
pub(super) const MOST_BYTES: u64 = 1 << 20;
/// So many notes there are at the most.
const MOST_FILES: usize = 5000;
/// Folders in folders, so far.
const DEEPEST: usize = 8;

/// The folders of the memory, open.
pub(super) struct Folder {
    workspace: Arc<Dir>,
    /// Its name without links.
    real: PathBuf,
    extra: Vec<PathBuf>,
}

/// A file with notes.
pub(super) struct Note {
    /// What it is called: as seen from the workspace, or its whole path outside of it. `/` stands between names.
    pub(super) path: String,
    /// Whether what others wrote is kept in it.
    pub(super) is_apart: bool,
    dir: Arc<Dir>,
    name: PathBuf,
}

impl Folder {
    /// Opens the workspace, and makes it when it is missing.
    pub(super) fn open(workspace: &Path, extra: &[PathBuf]) -> io::Result<Self> {
        fs::create_dir_all(workspace)?;
        let real = fs::canonicalize(workspace)?;
        Ok(Self {
            workspace: ambient(&real)?,
            real,
            extra: extra.to_vec(),
        })
    }

    /// All notes: the main one, then those of `memory/`, later names first so that newer days come first, then the others.
    pub(super) fn notes(&self) -> io::Result<Vec<Note>> {
        let mut notes = Vec::new();
        let mut here: Vec<PathBuf> = names(&self.workspace)?;
        here.sort();
        for name in here.iter().filter(|name| is_main(name)) {
            if self.workspace.symlink_metadata(name)?.is_file() {
                notes.push(note(&self.workspace, name, name.to_string_lossy().into_owned(), false));
            }
        }
        if let Some(memory) = folder(&self.workspace, Path::new(FOLDER))? {
            let mut daily = Vec::new();
            walk(&memory, FOLDER, false, 0, &mut daily)?;
            daily.sort_by(|one, other| other.path.cmp(&one.path));
            notes.extend(daily);
        }
        for extra in &self.extra {
            self.beside(extra, &mut notes);
        }
        notes.truncate(MOST_FILES);
        Ok(notes)
    }

    /// Notes that the owner has named beside the workspace. What is not there has none.
    fn beside(&self, path: &Path, notes: &mut Vec<Note>) {
        let Ok(real) = fs::canonicalize(path) else { return };
        // What lies in the workspace is known by its name there, and is whose it is there.
        let within = real.strip_prefix(&self.real).ok().and_then(|rest| rest.iter().next());
        if within.is_some_and(|name| name.eq_ignore_ascii_case(FOLDER) || name.eq_ignore_ascii_case(MAIN)) {
            return;
        }
        let mut found = Vec::new();
        let shown = real.to_string_lossy();
        let done = if real.is_dir() {
            // A folder around the workspace would have the notes of others in it.
            if self.real.starts_with(&real) {
                return;
            }
            ambient(&real).and_then(|dir| walk(&dir, &shown, false, 0, &mut found))
        } else {
            let parent = real.parent().unwrap_or(Path::new("/"));
            let name = real.file_name().map(PathBuf::from).unwrap_or_default();
            ambient(parent).map(|dir| found.push(note(&dir, &name, shown.into_owned(), false)))
        };
        if done.is_ok() {
            found.retain(|one| notes.iter().all(|other| other.path != one.path));
            found.sort_by(|one, other| one.path.cmp(&other.path));
            notes.extend(found);
        }
    }

    /// Keeps others from writing until it is dropped: a note is read before it is replaced, and agents and processes may share
    /// a workspace. Where a file system knows no locks there is none, and of two that write at the same moment one may be lost.
    pub(super) fn lock(&self) -> Option<File> {
        let folder = File::open(&self.real).ok()?;
        folder.lock().ok()?;
        Some(folder)
    }

    /// The note of a name in the workspace. Folders on the way are made.
    pub(super) fn to_write(&self, path: &str) -> io::Result<Note> {
        let mut dir = Arc::clone(&self.workspace);
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            let opened = match dir.open_dir_nofollow(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match dir.create_dir_with(part, &DirBuilder::new()) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                        _ => dir.open_dir_nofollow(part)?,
                    }
                }
                opened => opened?,
            };
            dir = Arc::new(opened);
        }
        Ok(note(&dir, Path::new(name), path.to_owned(), false))
    }
}

impl Note {
    /// What stands in it; `None` when there is no such file. An error of the kind `FileTooLarge` when it is too large, and
    /// `InvalidInput` when it is a link, or no regular file.
    pub(super) fn read(&self) -> io::Result<Option<String>> {
        let mut options = OpenOptions::new();
        // A pipe that nobody writes to would be waited for otherwise.
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        let file = match self.dir.open_with(&self.name, &options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) if self.is_something_else() => return Err(io::ErrorKind::InvalidInput.into()),
            opened => opened?,
        };
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn is_something_else(&self) -> bool {
        self.dir
            .symlink_metadata(&self.name)
            .is_ok_and(|metadata| !metadata.is_file())
    }

    /// Puts another text in its place, as a whole or not at all.
    pub(super) fn replace(&self, text: &str) -> io::Result<()> {
        let mode = match self.dir.symlink_metadata(&self.name) {
            Ok(metadata) if metadata.is_file() => Some(metadata.permissions()),
            // The link would be replaced, and what it leads to would stay as it is.
            Ok(_) => return Err(io::ErrorKind::InvalidInput.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let temporary = format!(".yabby-{:016x}.tmp", u64::from_ne_bytes(random));
        let written = (|| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            let mut file = self.dir.open_with(&temporary, &options)?;
            if let Some(mode) = mode {
                file.set_permissions(mode)?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            self.dir.rename(&temporary, &self.dir, &self.name)
        })();
        if written.is_err() {
            // Nothing is left behind, whatever else goes wrong.
            let _ = self.dir.remove_file(&temporary);
        }
        written
    }
}

fn is_main(name: &Path) -> bool {
    name == Path::new(MAIN) || name == Path::new("memory.md")
}

fn names(dir: &Dir) -> io::Result<Vec<PathBuf>> {
    dir.entries()?
        .map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())))
        .collect()
}

/// A folder that is no link; `None` when there is none.
fn folder(dir: &Dir, name: &Path) -> io::Result<Option<Arc<Dir>>> {
    match dir.symlink_metadata(name) {
        Ok(metadata) if metadata.is_dir() => dir.open_dir_nofollow(name).map(|dir| Some(Arc::new(dir))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn note(dir: &Arc<Dir>, name: &Path, path: String, is_apart: bool) -> Note {
    Note {
        path,
        is_apart,
        dir: Arc::clone(dir),
        name: name.to_owned(),
    }
}

fn ambient(path: &Path) -> io::Result<Arc<Dir>> {
    Dir::open_ambient_dir(path, ambient_authority()).map(Arc::new)
}

fn walk(dir: &Arc<Dir>, path: &str, is_apart: bool, depth: usize, notes: &mut Vec<Note>) -> io::Result<()> {
    for entry in dir.entries()? {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        let Some(shown) = name.to_str().filter(|shown| !shown.starts_with('.')) else {
            continue;
        };
        if notes.len() >= MOST_FILES {
            return Ok(());
        }
        let here = format!("{}/{shown}", path.trim_end_matches('/'));
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEEPEST {
            // By any spelling: there are file systems that know no case.
            let is_apart = is_apart || path == FOLDER && depth == 0 && shown.eq_ignore_ascii_case(APART);
            match dir.open_dir_nofollow(&name) {
                Ok(within) => walk(&Arc::new(within), &here, is_apart, depth + 1, notes)?,
                // It is named among what cannot be read, and the others are found.
                Err(_) => notes.push(note(dir, &name, here, is_apart)),
            }
        } else if kind.is_file()
            && name
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
        {
            notes.push(note(dir, &name, here, is_apart));
        }
    }
    Ok(())
}
