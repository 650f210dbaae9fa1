//! Making the store small again.

use std::{fs, path::Path};

use crate::{
    check::Repaired,
    error::{Result, StoreError, StoreErrorKind},
    open::Place,
    portable::TABLES,
    sql::params,
    sqlite,
    store::Store,
};

/// What was freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// Attachments that nothing needed.
    pub attachments: u64,
}

impl Store {
    /// Takes away what nothing needs and gives the space back to the system. PostgreSQL does that by itself, piece by
    /// piece, and is only told to look at its tables anew.
    pub async fn vacuum(&self) -> Result<Tidied> {
        let before = self.overview().await?.bytes;
        let Repaired { orphans, .. } = self.repair().await?;
        match self.place().clone() {
            Place::Folder(folder) => {
                let compacting = tokio::task::spawn_blocking(move || {
                    remove_parts(&folder);
                    sqlite::compact(&folder)
                });
                compacting
                    .await
                    .map_err(|error| StoreError::unusable(StoreErrorKind::Other, &error.to_string()))??;
            }
            Place::Postgres { .. } => {
                self.write("analyze", |tx| {
                    for table in TABLES {
                        tx.execute(&format!("ANALYZE {}", table.name), params![])?;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        let after = self.overview().await?.bytes;
        Ok(Tidied {
            before,
            after,
            attachments: orphans,
        })
    }
}

/// Takes away what a process that was killed has left half done.
fn remove_parts(folder: &Path) {
    for folder in [folder.to_owned(), folder.join("backups")] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        for path in paths.filter(|path| path.extension().is_some_and(|end| end == "part")) {
            // What cannot be taken away now is taken away the next time.
            let _ = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
}
