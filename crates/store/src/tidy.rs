//! Making the store small again.

use yabby_core::text;

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
                let compacting = tokio::task::spawn_blocking(move || sqlite::compact(&folder));
                compacting.await.map_err(|error| {
                    let message = text!("the store cannot be used: {error}", error = error);
                    StoreError::new(StoreErrorKind::Other, message)
                })??;
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
