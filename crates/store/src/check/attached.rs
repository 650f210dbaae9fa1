//! Attachments: their rows, their bytes, and who needs them.

use std::{collections::BTreeSet, fs, path::Path};

use yabby_core::{Time, text};

use super::{Checked, ProblemKind};
use crate::{
    attachments::{self, Attached, YOUNG, hash_of},
    error::{Result, StoreError, StoreErrorKind},
    portable::{Table, each_row},
    sql::{Flavor, Tx, params},
    store::Store,
};

/// So many are looked at, or deleted in one transaction.
const AT_ONCE: usize = 100;

pub(super) fn check(tx: &mut dyn Tx, attached: &Attached, found: &mut Checked) -> Result<()> {
    let mut known = BTreeSet::new();
    if let Some(table) = Table::of_name("attachments") {
        each_row(tx, table, |tx, row| {
            let (hash, bytes) = (row.text(0)?, row.int(1)?);
            match attached.read(tx, &hash)? {
                None => {
                    let problem = text!("the attachment {hash} is not there", hash = hash);
                    found.add(ProblemKind::Attachment, problem, false);
                }
                Some(read) if hash_of(&read) != hash || read.len() as u64 != bytes.unsigned_abs() => {
                    let problem = text!("the attachment {hash} is not what it was", hash = hash);
                    found.add(ProblemKind::Attachment, problem, false);
                }
                Some(_) => {}
            }
            known.insert(hash);
            Ok(())
        })?;
    }
    let now = tx.now()?;
    let mut after = String::new();
    loop {
        let hashes = rows_without_use(tx, &after, now)?;
        for hash in &hashes {
            let problem = text!("nothing needs the attachment {hash} any more", hash = hash);
            found.add(ProblemKind::Orphan, problem, true);
        }
        let Some(last) = hashes.last() else { break };
        after.clone_from(last);
    }
    if tx.flavor() == Flavor::Sqlite {
        for (hash, path) in files(attached)? {
            if !known.contains(&hash) && is_old(&path, now) {
                let problem = text!("nothing needs the file {path}", path = path.display());
                found.add(ProblemKind::Orphan, problem, true);
            }
        }
    }
    Ok(())
}

/// Takes away what nothing needs; how much.
pub(super) async fn remove_orphans(store: &Store) -> Result<u64> {
    let mut removed = 0;
    let mut next = Some(String::new());
    while let Some(after) = next {
        let (gone, last) = store
            .write("remove_orphans", move |tx| {
                let now = tx.now()?;
                let unused = rows_without_use(tx, &after, now)?;
                let mut gone = Vec::new();
                for hash in &unused {
                    if attachments::let_go(tx, hash, now)? {
                        gone.push(hash.clone());
                    }
                }
                Ok((gone, unused.last().cloned()))
            })
            .await?;
        removed += gone.len() as u64;
        store.sweep_files(gone).await?;
        next = last;
    }
    let attached = Attached::of(store.place().folder());
    let files = store.write("remove_files", move |tx| remove_files(tx, &attached));
    Ok(removed + files.await?)
}

/// Deletes old files that no attachment stands for; how many.
fn remove_files(tx: &mut dyn Tx, attached: &Attached) -> Result<u64> {
    if tx.flavor() == Flavor::Postgres {
        return Ok(0);
    }
    let now = tx.now()?;
    let mut removed = 0;
    for (hash, path) in files(attached)? {
        let row = tx.query_one("SELECT 1 FROM attachments WHERE hash = ?1", params![&hash])?;
        if row.is_none() && is_old(&path, now) && fs::remove_file(&path).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Some attachments that nothing needs, behind one in the order of their hashes.
fn rows_without_use(tx: &mut dyn Tx, after: &str, now: Time) -> Result<Vec<String>> {
    let statement = "SELECT hash FROM attachments WHERE hash > ?1 AND added_at < ?2 \
                     AND NOT EXISTS (SELECT 1 FROM item_attachments WHERE item_attachments.hash = attachments.hash) \
                     ORDER BY hash LIMIT ?3";
    let rows = tx.query(statement, params![after, now - YOUNG, AT_ONCE])?;
    rows.iter().map(|row| row.text(0)).collect()
}

fn is_old(path: &Path, now: Time) -> bool {
    let changed = fs::metadata(path).and_then(|data| data.modified());
    changed.is_ok_and(|changed| Time::from(changed) < now - YOUNG)
}

fn files(attached: &Attached) -> Result<Vec<(String, std::path::PathBuf)>> {
    attached
        .files()
        .map_err(|error| StoreError::unusable(StoreErrorKind::of_io(&error), &error.to_string()).with_source(error))
}
