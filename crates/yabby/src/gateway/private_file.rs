//! A file with a secret that only its owner can read. It is made when it is first needed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};
use yabby_core::{Secret, Text, text};
use yabby_servers::managed::private_folder;

use super::part::Part;

/// A file that does not hold more is one that somebody has begun to write by hand.
const SHORTEST: usize = 16;

/// What a file holds, and where it stands.
#[derive(Debug)]
pub(super) struct PrivateFile {
    pub(super) path: PathBuf,
    /// Without spaces around it.
    pub(super) text: Secret,
}

/// Why the file cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) message: Text,
    pub(crate) hint: Text,
}

impl PrivateFile {
    /// The file of this name in a state folder, with what `make` gives where it is not there. It is no longer than `longest`.
    pub(super) fn of(
        state_dir: &Path,
        name: &str,
        longest: u64,
        make: impl FnOnce() -> io::Result<Secret>,
    ) -> Result<Self, Unusable> {
        let path = state_dir.join(name);
        let failed = |error| Unusable::of(state_dir, &path, &error);
        private_folder(state_dir).map_err(failed)?;
        let folder = fs::metadata(state_dir).map_err(failed)?;
        if folder.mode() & 0o022 != 0 {
            return Err(Unusable {
                message: text!(
                    "others may change what is in {folder}, where the key of the gateway stands",
                    folder = state_dir.display()
                ),
                hint: text!("run: chmod 700 {folder}", folder = state_dir.display()),
            });
        }
        if !path.exists() {
            make().and_then(|secret| put(&path, &secret)).map_err(failed)?;
        }
        let file = open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.mode() & 0o077 != 0 || about.uid() != geteuid().as_raw() || !about.is_file() {
            return Err(Unusable {
                message: text!(
                    "others may read the key of the gateway in {path}",
                    path = path.display()
                ),
                hint: text!(
                    "it may be known already: remove it, and the next start makes a new one: rm {path}",
                    path = path.display()
                ),
            });
        }
        let mut text = String::new();
        (&file).take(longest).read_to_string(&mut text).map_err(failed)?;
        let text = Secret::new(text.trim());
        if text.expose().len() < SHORTEST {
            return Err(Unusable::none_in(&path));
        }
        Ok(Self { path, text })
    }

    /// Puts something else in its place.
    pub(super) fn replace(self, make: impl FnOnce() -> io::Result<Secret>) -> Result<Self, Unusable> {
        let put = || {
            let text = make()?;
            written(&self.path, &text)?.replace(&self.path)?;
            Ok(text)
        };
        match put() {
            Ok(text) => Ok(Self { path: self.path, text }),
            Err(error) => {
                let folder = self.path.parent().unwrap_or(&self.path);
                Err(Unusable::of(folder, &self.path, &error))
            }
        }
    }
}

impl Unusable {
    fn of(folder: &Path, path: &Path, error: &io::Error) -> Self {
        Self {
            message: text!(
                "the key in {path} cannot be used: {error}",
                path = path.display(),
                error = error
            ),
            hint: text!("let Yabby read and write in {folder}", folder = folder.display()),
        }
    }

    /// What is in the file is no key.
    pub(super) fn none_in(path: &Path) -> Self {
        Self {
            message: text!("there is no key in {path}", path = path.display()),
            hint: text!(
                "remove it, and the next start makes a new one: rm {path}",
                path = path.display()
            ),
        }
    }
}

/// Makes the file whole or not at all, also when another Yabby starts in the same moment: the first one stays.
fn put(path: &Path, secret: &Secret) -> io::Result<()> {
    written(path, secret)?.settle(path)
}

fn written(path: &Path, secret: &Secret) -> io::Result<Part> {
    let mut part = Part::beside(path)?;
    writeln!(part.file(), "{}", secret.expose())?;
    part.file().sync_all()?;
    Ok(part)
}

/// Follows no link: it could lead to a file that somebody else has chosen.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}
