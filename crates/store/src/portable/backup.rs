//! Copies of the store.
//!
//! A backup of SQLite is a folder that is a store itself: its database at one moment, and its attachments. It takes the
//! place of the folder of the store, or is imported. A backup of PostgreSQL is an export.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use yabby_core::{Time, calendar, text};

use crate::{
    attachments::Attached,
    error::{Result, StoreError, StoreErrorKind},
    files,
    ids::new_id,
    open::Place,
    sqlite,
    store::Store,
};

/// The folder of backups within that of the store.
const FOLDER: &str = "backups";

/// What was copied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file or the folder.
    pub path: PathBuf,
    /// Why.
    pub kind: BackupKind,
    /// When.
    pub at: Time,
    /// Bytes. Attachments count although they share their space with those of the store.
    pub bytes: u64,
}

/// Why a copy was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupKind {
    /// It was asked for.
    Asked,
    /// An older store was about to be brought up to date.
    BeforeSchema,
    /// The store was found to be damaged.
    Damaged,
}

impl Store {
    /// Copies everything as it is at one moment, while others write: to a path at which nothing is yet, or into the folder
    /// for backups, of which the last `keep` stay.
    pub async fn backup(&self, to: Option<PathBuf>, keep: usize) -> Result<Backup> {
        let place = self.place().clone();
        let in_folder = to.is_none();
        let to = to.unwrap_or_else(|| place.folder().join(FOLDER).join(name(&place)));
        if to.exists() {
            let message = text!("there is something at {path} already", path = to.display());
            return Err(StoreError::new(StoreErrorKind::Invalid, message).with_hint(text!("give another name")));
        }
        if let Some(above) = to.parent().filter(|above| !above.as_os_str().is_empty()) {
            files::folder(above).map_err(|error| failed(above, error))?;
        }
        match &place {
            Place::Folder(folder) => {
                let (folder, to) = (folder.clone(), to.clone());
                let copying = tokio::task::spawn_blocking(move || copy(&folder, &to));
                copying
                    .await
                    .map_err(|error| StoreError::unusable(StoreErrorKind::Other, &error.to_string()))??;
            }
            Place::Postgres { .. } => {
                self.export_to(to.clone()).await?;
            }
        }
        if in_folder {
            prune(&place, keep).map_err(|error| failed(place.folder(), error))?;
        }
        let made = look(&to, BackupKind::Asked).map_err(|error| failed(&to, error))?;
        Ok(made)
    }

    /// The copies in the folder for backups, the newest first.
    pub fn backups(&self) -> Vec<Backup> {
        all(self.place()).unwrap_or_default()
    }
}

/// A name that no other backup has, and that sorts by time.
fn name(place: &Place) -> String {
    let now = Time::from(std::time::SystemTime::now());
    let id = new_id();
    let end = match place {
        Place::Folder(_) => "",
        Place::Postgres { .. } => ".jsonl",
    };
    format!("backup-{}-{}{end}", calendar::stamp(now), &id[24..])
}

fn copy(folder: &Path, to: &Path) -> Result<()> {
    let part = {
        let mut name = to.to_owned().into_os_string();
        name.push(".part");
        PathBuf::from(name)
    };
    let _ = fs::remove_dir_all(&part);
    files::folder(&part).map_err(|error| failed(&part, error))?;
    let copied = sqlite::backup(folder, &part.join(sqlite::DATABASE)).and_then(|()| {
        let linked = Attached::of(folder).copy_to(&Attached::of(&part));
        let kept = linked.and_then(|_| {
            files::open(&part.join(sqlite::DATABASE))?.sync_all()?;
            fs::rename(&part, to)
        });
        kept.map_err(|error| failed(to, error))
    });
    if copied.is_err() {
        let _ = fs::remove_dir_all(&part);
    }
    copied
}

/// Takes away backups that were asked for, but for the last ones.
fn prune(place: &Place, keep: usize) -> io::Result<()> {
    let asked = all(place)?
        .into_iter()
        .filter(|backup| backup.kind == BackupKind::Asked);
    for backup in asked.skip(keep.max(1)) {
        if backup.path.is_dir() {
            fs::remove_dir_all(&backup.path)?;
        } else {
            fs::remove_file(&backup.path)?;
        }
    }
    Ok(())
}

fn all(place: &Place) -> io::Result<Vec<Backup>> {
    let entries = match fs::read_dir(place.folder().join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut backups = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_part = path.extension().is_some_and(|end| end == "part");
        let kind = match name.split('-').next() {
            Some("backup") if !is_part => BackupKind::Asked,
            Some("before") => BackupKind::BeforeSchema,
            Some("damaged") => BackupKind::Damaged,
            _ => continue,
        };
        backups.push(look(&path, kind)?);
    }
    // By name within a second.
    backups.sort_by(|a, b| (b.at, &b.path).cmp(&(a.at, &a.path)));
    Ok(backups)
}

fn look(path: &Path, kind: BackupKind) -> io::Result<Backup> {
    let data = fs::metadata(path)?;
    Ok(Backup {
        path: path.to_owned(),
        kind,
        at: Time::from(data.modified()?),
        bytes: size(path)?,
    })
}

/// The bytes of a file, or of everything in a folder.
pub(crate) fn size(path: &Path) -> io::Result<u64> {
    let data = match fs::symlink_metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    if !data.is_dir() {
        return Ok(data.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}

fn failed(path: &Path, error: io::Error) -> StoreError {
    let message = text!(
        "the backup cannot be made: {error}",
        error = format!("{}: {error}", path.display())
    );
    StoreError::new(StoreErrorKind::of_io(&error), message).with_source(error)
}
