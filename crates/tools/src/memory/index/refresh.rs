//! Making the index what the notes are.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::{kept, number};
use crate::memory::{
    folder::Note,
    origin,
    piece::{Piece, pieces},
    words::cut,
};

/// So many pieces are searched at the most: each is compared with the question (see `rank`).
const MOST_PIECES: usize = 5000;

/// How notes are cut.
#[derive(Clone, Copy, Debug)]
pub(in crate::memory) struct Limits {
    pub(in crate::memory) piece: usize,
    pub(in crate::memory) overlap: usize,
}

/// What has become of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct Refreshed {
    /// Notes that are not searched, because they cannot be read or there are too many.
    pub(in crate::memory) left_out: Vec<String>,
}

type Hash = [u8; 32];

/// Makes the index what `notes` are. Only what has changed since the last time is cut anew.
pub(in crate::memory) fn refresh(
    connection: &mut Connection,
    notes: &[Note],
    limits: Limits,
) -> rusqlite::Result<Refreshed> {
    let mut refreshed = Refreshed::default();
    let known = known(connection)?;
    let mut changes: Vec<(&Note, Hash, String)> = Vec::new();
    let mut present: BTreeSet<&str> = BTreeSet::new();
    let mut count = 0;
    for note in notes {
        let Ok(Some(text)) = note.read() else {
            refreshed.left_out.push(note.path.clone());
            continue;
        };
        let hash = hash(&text, note, limits);
        let unchanged = known.get(&note.path).filter(|(known, _)| *known == hash);
        // Cutting is quick beside the writing, so that a note that is too much is cut twice rather than kept half.
        let more = unchanged.map_or_else(|| cut_up(&text, limits).len(), |(_, pieces)| *pieces);
        if count + more > MOST_PIECES {
            refreshed.left_out.push(note.path.clone());
            continue;
        }
        count += more;
        present.insert(&note.path);
        if unchanged.is_none() {
            changes.push((note, hash, text));
        }
    }
    let gone: Vec<&String> = known.keys().filter(|path| !present.contains(path.as_str())).collect();
    if changes.is_empty() && gone.is_empty() {
        return Ok(refreshed);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for path in gone {
        remove(&transaction, path)?;
    }
    for (note, hash, text) in changes {
        remove(&transaction, &note.path)?;
        add(&transaction, note, hash, &text, limits)?;
    }
    // Embeddings of what is nowhere any more.
    transaction.execute("DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM pieces)", [])?;
    transaction.commit()?;
    Ok(refreshed)
}

fn cut_up(text: &str, limits: Limits) -> Vec<Piece> {
    pieces(text, limits.piece, limits.overlap)
}

/// Of the text, and of all else that decides what is kept of it.
fn hash(text: &str, note: &Note, limits: Limits) -> Hash {
    let how = format!("{} {} {}\n", limits.piece, limits.overlap, note.is_apart);
    Sha256::new().chain_update(how).chain_update(text).finalize().into()
}

fn known(connection: &Connection) -> rusqlite::Result<BTreeMap<String, (Hash, usize)>> {
    let mut statement = connection.prepare_cached("SELECT path, hash, pieces FROM notes")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, number(row, 2)?))))?;
    rows.collect()
}

fn remove(transaction: &Transaction<'_>, path: &str) -> rusqlite::Result<()> {
    let is_known = transaction
        .prepare_cached("DELETE FROM notes WHERE path = ?1 RETURNING 1")?
        .query_row([path], |_| Ok(()))
        .optional()?;
    if is_known.is_some() {
        for statement in [
            "DELETE FROM words WHERE rowid IN (SELECT id FROM pieces WHERE path = ?1)",
            "DELETE FROM pieces WHERE path = ?1",
        ] {
            transaction.prepare_cached(statement)?.execute([path])?;
        }
    }
    Ok(())
}

fn add(transaction: &Transaction<'_>, note: &Note, hash: Hash, text: &str, limits: Limits) -> rusqlite::Result<()> {
    let pieces = cut_up(text, limits);
    let label = note.is_apart.then(|| origin::label(&note.path, text));
    // A label can be written always.
    let label = label.map(|label| serde_json::to_string(&label).unwrap_or_default());
    transaction
        .prepare_cached("INSERT INTO notes (path, hash, pieces, label) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![note.path, hash, kept(pieces.len()), label])?;
    for piece in pieces {
        let whole = embedded(&piece.headings, &piece.text);
        let of_piece: Hash = Sha256::digest(&whole).into();
        transaction
            .prepare_cached(
                "INSERT INTO pieces (path, first, last, headings, text, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                note.path,
                kept(piece.first),
                kept(piece.last),
                piece.headings,
                piece.text,
                of_piece
            ])?;
        let id = transaction.last_insert_rowid();
        // A day and a topic are found by the name of the note too.
        let words = format!("{} {}", cut(&note.path), cut(&whole));
        transaction
            .prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?
            .execute(params![id, words])?;
    }
    Ok(())
}

/// What is embedded of a piece: it means less without its headings.
pub(super) fn embedded(headings: &str, text: &str) -> String {
    format!("{headings}\n{text}").trim_start().to_owned()
}
