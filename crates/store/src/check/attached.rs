//! Attachments: their rows, their bytes, and who needs them.

use std::{collections::BTreeSet, fs, path::Path};

use yabby_core::{Time, text};

use super::{Checked, ProblemKind};
use crate::{
    attachments::{self, Attached, YOUNG, hash_of},
    error::{Result, StoreError, StoreErrorKind},
    portable::{Table, each_row},
    sql::{Flavor, Tx, params},
};

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
    for hash in rows_without_use(tx, now)? {
        let problem = text!("nothing needs the attachment {hash} any more", hash = hash);
        found.add(ProblemKind::Orphan, problem, true);
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
pub(super) fn remove_orphans(tx: &mut dyn Tx, attached: &Attached) -> Result<u64> {
    let now = tx.now()?;
    let mut removed = 0;
    let unused: BTreeSet<String> = rows_without_use(tx, now)?.into_iter().collect();
    for hash in &unused {
        removed += u64::from(attachments::let_go(tx, hash, now)?);
    }
    if tx.flavor() == Flavor::Sqlite {
        for (hash, path) in files(attached)? {
            let row = tx.query_one("SELECT 1 FROM attachments WHERE hash = ?1", params![&hash])?;
            // A file whose row was deleted above goes the next time, when the deletion is on the disk.
            let is_free = row.is_none() && !unused.contains(&hash);
            if is_free && is_old(&path, now) && fs::remove_file(&path).is_ok() {
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn rows_without_use(tx: &mut dyn Tx, now: Time) -> Result<Vec<String>> {
    let statement = "SELECT hash FROM attachments WHERE added_at < ?1 \
                     AND NOT EXISTS (SELECT 1 FROM item_attachments WHERE item_attachments.hash = attachments.hash)";
    let rows = tx.query(statement, params![now - YOUNG])?;
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
