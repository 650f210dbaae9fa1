//! Files through handles of folders: opened without waiting for anybody, replaced as a whole.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    path::Path,
};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{
    Dir, DirBuilder, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt,
};
use rustix::io::Errno;

use super::{
    State,
    roots::{Place, denied, invalid},
};
use crate::{ToolError, ToolErrorKind};

/// The mode of new files, before the mask of the process.
const NEW: u32 = 0o666;
/// The bits of a mode that are kept: a program that was changed by a model does not run as somebody else.
const KEPT: u32 = 0o777;

/// Opens a regular file to be read. Links are followed inside of the root.
pub(super) fn open(place: &Place<'_>) -> Result<(File, Metadata), ToolError> {
    open_in(&place.root.dir, &place.path, FollowSymlinks::Yes)
        .map_err(|problem| problem.told(&place.shown))?
        .ok_or_else(|| missing(&place.shown))
}

/// That a place is a folder.
pub(super) fn check_folder(place: &Place<'_>) -> Result<(), ToolError> {
    if place.path.as_os_str().is_empty() {
        return Ok(());
    }
    let opened = place.root.dir.open_dir(&place.path);
    opened.map(drop).map_err(|error| told(&error, &place.shown))
}

/// What is in the way.
#[derive(Debug)]
pub(super) enum Problem {
    Folder,
    /// A pipe, a socket, a device.
    Special,
    TooLarge(u64),
    Io(io::Error),
}

/// Opens a regular file of a folder; `None` when there is none.
pub(super) fn open_in(dir: &Dir, path: &Path, follow: FollowSymlinks) -> Result<Option<(File, Metadata)>, Problem> {
    if path.as_os_str().is_empty() {
        return Err(Problem::Folder);
    }
    let mut options = OpenOptions::new();
    // A pipe that nobody writes to would be waited for otherwise.
    options.read(true).nonblock(true).follow(follow);
    let file = match dir.open_with(path, &options) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => return Err(Problem::Special),
        Err(error) => return Err(Problem::Io(error)),
    };
    let metadata = file.metadata().map_err(Problem::Io)?;
    if metadata.is_dir() {
        Err(Problem::Folder)
    } else if metadata.is_file() {
        Ok(Some((file, metadata)))
    } else {
        Err(Problem::Special)
    }
}

/// All of a file, when it has at most `most` bytes.
pub(super) fn read_all(file: File, most: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let read = file
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Problem::Io)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > most {
        return Err(Problem::TooLarge(most));
    }
    Ok(bytes)
}

impl Problem {
    /// For the model.
    pub(super) fn told(&self, shown: &str) -> ToolError {
        match self {
            Self::Folder => invalid(format!("{shown} is a folder; see what is in it with `list`")),
            Self::Special => denied(format!("{shown} is not a regular file")),
            Self::TooLarge(most) => ToolError::new(
                ToolErrorKind::TooLarge,
                format!("{shown} has more than {most} bytes, which is too much for this tool"),
            ),
            Self::Io(error) => told(error, shown),
        }
    }
}

fn missing(shown: &str) -> ToolError {
    ToolError::new(
        ToolErrorKind::NotFound,
        format!("there is no {shown}; see what there is with `list`"),
    )
}

/// What the model is told of an error of the system.
pub(super) fn told(error: &io::Error, shown: &str) -> ToolError {
    let loops = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    // The system's own refusals have a number; the one without is that of a path that leads out.
    let leads_out = error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none();
    match error.kind() {
        _ if leads_out => denied(format!(
            "{shown} leads out of the folders that can be used, by a symbolic link"
        )),
        _ if loops => denied(format!("{shown} is a symbolic link that cannot be followed")),
        io::ErrorKind::NotFound => missing(shown),
        io::ErrorKind::PermissionDenied => denied(format!("{shown}: no permission")),
        io::ErrorKind::NotADirectory => invalid(format!("{shown}: a part of the path is a file, not a folder")),
        io::ErrorKind::IsADirectory => invalid(format!("{shown} is a folder")),
        io::ErrorKind::InvalidFilename => invalid(format!("{shown}: a name in this path is too long")),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ToolError::new(ToolErrorKind::Unavailable, format!("{shown}: the disk is full"))
        }
        _ => ToolError::new(ToolErrorKind::Failed, format!("{shown}: {error}")),
    }
}

/// Where a file is changed: its folder, reached without following any link, and its name there. So the path that was
/// looked at is the file that is changed, whatever is swapped in between.
pub(super) struct Spot {
    dir: Dir,
    name: OsString,
    pub(super) shown: String,
}

impl Spot {
    /// The spot of a place. Folders on the way are made when `make` says so; without, `None` when one is missing.
    pub(super) fn of(place: &Place<'_>, make: bool) -> Result<Option<Self>, ToolError> {
        place.writable()?;
        let Some(name) = place.path.file_name() else {
            return Err(invalid(format!("{} is a folder; name a file in it", place.shown)));
        };
        let told = |error: &io::Error| told(error, &place.shown);
        let mut dir = place.root.dir.try_clone().map_err(|error| told(&error))?;
        for part in place.path.parent().into_iter().flat_map(Path::components) {
            let part = part.as_os_str();
            dir = match dir.open_dir_nofollow(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
                    match dir.create_dir_with(part, &DirBuilder::new()) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(told(&error)),
                        _ => dir.open_dir_nofollow(part),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => Err(link(&dir, part, &place.shown).unwrap_or_else(|| told(&error)))?,
                opened => opened,
            }
            .map_err(|error| told(&error))?;
        }
        if let Some(error) = link(&dir, name, &place.shown) {
            return Err(error);
        }
        Ok(Some(Self {
            dir,
            name: name.to_owned(),
            shown: place.shown.clone(),
        }))
    }

    /// What is there now.
    pub(super) fn now(&self, most: u64) -> Result<Option<State>, ToolError> {
        let told = |problem: Problem| problem.told(&self.shown);
        let Some((file, metadata)) = open_in(&self.dir, Path::new(&self.name), FollowSymlinks::No).map_err(told)?
        else {
            return Ok(None);
        };
        Ok(Some(State {
            mode: metadata.mode() & KEPT,
            bytes: read_all(file, most).map_err(told)?,
        }))
    }

    /// Puts another file in its place, or takes it away.
    pub(super) fn set(&self, state: Option<&State>) -> Result<(), ToolError> {
        let done = match state {
            Some(state) => self.replace(state),
            None => self.dir.remove_file(&self.name).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
        };
        done.map_err(|error| told(&error, &self.shown))
    }

    fn replace(&self, state: &State) -> io::Result<()> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let temporary = format!(".yabby-{:016x}.tmp", u64::from_ne_bytes(random));
        let written = self
            .write(&temporary, state)
            .and_then(|()| self.dir.rename(&temporary, &self.dir, &self.name));
        if written.is_err() {
            let _ = self.dir.remove_file(&temporary);
        }
        written
    }

    fn write(&self, name: &str, state: &State) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(NEW);
        let mut file = self.dir.open_with(name, &options)?;
        file.write_all(&state.bytes)?;
        // Zero stands for a new file, which has what the mask of the process leaves.
        if state.mode != 0 {
            file.set_permissions(Permissions::from_mode(state.mode))?;
        }
        file.sync_all()
    }
}

/// The refusal when a name is a symbolic link.
fn link(dir: &Dir, name: &OsStr, shown: &str) -> Option<ToolError> {
    let is_link = dir.symlink_metadata(name).is_ok_and(|found| found.is_symlink());
    is_link.then(|| {
        let to = dir.read_link_contents(name).unwrap_or_default();
        let name = name.to_string_lossy();
        denied(format!(
            "{shown}: {name} is a symbolic link to {}, and nothing is changed through a link. Name the file itself",
            to.display()
        ))
    })
}
