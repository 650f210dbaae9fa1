//! A file that is seen whole or not at all: it is made beside its place, and put there when it is done.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use yabby_store::new_id;

/// A file that is being made, for its owner alone. Dropped before it is in its place, it is gone.
pub(super) struct Part {
    left: Left,
    file: File,
}

/// What lies beside the place until this is dropped.
struct Left(PathBuf);

impl Part {
    /// Begins a file beside `place`.
    pub(super) fn beside(place: &Path) -> io::Result<Self> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        // Two containers may have one folder, and one number for their processes.
        let path = place.with_file_name(format!("{name}.{}.part", new_id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self { left: Left(path), file })
    }

    /// What is written.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Takes the place of what may be there, and gives the file as it is open.
    pub(super) fn replace(self, place: &Path) -> io::Result<File> {
        fs::rename(&self.left.0, place)?;
        Ok(self.file)
    }

    /// Takes the place, unless something is there already: that stays.
    pub(super) fn settle(self, place: &Path) -> io::Result<()> {
        match fs::hard_link(&self.left.0, place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn part(place: &Path, text: &str) -> Part {
        let mut part = Part::beside(place).unwrap();
        part.file().write_all(text.as_bytes()).unwrap();
        part
    }

    #[test]
    fn it_is_seen_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("key");
        let count = || fs::read_dir(folder.path()).unwrap().count();
        drop(part(&place, "given up"));
        assert_eq!(count(), 0);
        part(&place, "first").settle(&place).unwrap();
        part(&place, "second").settle(&place).unwrap();
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), count()), ("first", 1));
        part(&place, "third").replace(&place).unwrap();
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), count()), ("third", 1));
    }
}
