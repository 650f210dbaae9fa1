//! The bytes of attachments, wherever a store has them: SQLite in files, PostgreSQL in rows.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    error::Result,
    files,
    ids::new_id,
    portable::hex,
    sql::{Flavor, Tx, params},
};

/// The folder of the files.
const FOLDER: &str = "attachments";

/// The attachments of a store.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    folder: PathBuf,
}

impl Attached {
    /// Those of the store with this folder.
    pub(crate) fn of(store: &Path) -> Self {
        Self {
            folder: store.join(FOLDER),
        }
    }

    /// The file of a hash; `None` for what is no hash.
    pub(crate) fn path(&self, hash: &str) -> Option<PathBuf> {
        is_hash(hash).then(|| self.folder.join(&hash[..2]).join(hash))
    }

    /// The bytes of one; `None` when they are not there.
    pub(crate) fn read(&self, tx: &mut dyn Tx, hash: &str) -> Result<Option<Vec<u8>>> {
        match tx.flavor() {
            Flavor::Sqlite => {
                let Some(path) = self.path(hash) else { return Ok(None) };
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(files::failed(&path, error)),
                }
            }
            Flavor::Postgres => {
                let statement = "SELECT data FROM attachments WHERE hash = ?1 AND data IS NOT NULL";
                let row = tx.query_one(statement, params![hash])?;
                row.map(|row| row.bytes(0)).transpose()
            }
        }
    }

    /// Puts the bytes of one where they belong, when they are not there yet. Its row is there already. A file is there
    /// before the row is committed; when that does not happen, it is tidied up.
    pub(crate) fn put(&self, tx: &mut dyn Tx, hash: &str, bytes: Vec<u8>) -> Result<bool> {
        match tx.flavor() {
            Flavor::Sqlite => {
                let Some(path) = self.path(hash) else { return Ok(false) };
                if path.exists() {
                    return Ok(false);
                }
                write(&path, &bytes).map_err(|error| files::failed(&path, error))?;
                Ok(true)
            }
            Flavor::Postgres => {
                let statement = "UPDATE attachments SET data = ?1 WHERE hash = ?2 AND data IS NULL";
                Ok(tx.execute(statement, params![bytes, hash])? == 1)
            }
        }
    }

    /// Deletes the file of one. What cannot be deleted now is found by the next repair.
    pub(crate) fn remove(&self, hash: &str) {
        if let Some(path) = self.path(hash) {
            let _ = fs::remove_file(path);
        }
    }

    /// All files, with their hashes; what has no such name is not ours.
    pub(crate) fn files(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for part in entries(&self.folder)? {
            for path in entries(&part)? {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if is_hash(name) {
                    files.push((name.to_owned(), path));
                }
            }
        }
        Ok(files)
    }

    /// Links the files into the folder of another store, or copies them where that is not possible. They never change.
    pub(crate) fn copy_to(&self, other: &Self) -> io::Result<u64> {
        let mut bytes = 0;
        for (hash, path) in self.files()? {
            let Some(to) = other.path(&hash) else { continue };
            if let Some(folder) = to.parent() {
                files::folder(folder)?;
            }
            let made = fs::hard_link(&path, &to).or_else(|_| fs::copy(&path, &to).map(drop));
            match made {
                Ok(()) => bytes += fs::metadata(&to)?.len(),
                // Deleted meanwhile, with the session that it belonged to.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }
}

/// The SHA-256 of bytes.
pub(crate) fn hash_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    files::folder(folder)?;
    let part = folder.join(format!("{}.part", new_id()));
    let written = files::open(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}
