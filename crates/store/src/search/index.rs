//! The words of items, for the database.

use std::fmt::Write as _;

use super::words::{Word, words};
use crate::{
    error::Result,
    sql::{Flavor, Row, Tx, params},
    transcript::{Content, said},
};

/// Of an item, so many words can be found, of so many bytes together: PostgreSQL counts no further, and keeps no more.
const MOST: usize = 16_000;
const MOST_BYTES: usize = 900_000;
/// So many items are read at once when all are indexed.
const AT_ONCE: i64 = 500;

/// Lets an item be found by its words.
pub(crate) fn index(tx: &mut dyn Tx, id: i64, text: &str) -> Result<()> {
    match tx.flavor() {
        Flavor::Sqlite => {
            let mut all = String::with_capacity(text.len());
            for word in findable(text) {
                all.push_str(&word.text);
                all.push(' ');
            }
            if all.is_empty() {
                return Ok(());
            }
            tx.execute(
                "INSERT INTO items_search (rowid, words) VALUES (?1, ?2)",
                params![id, all],
            )
        }
        Flavor::Postgres => {
            let mut all = String::with_capacity(2 * text.len());
            for (place, word) in (1..).zip(findable(text)) {
                let _ = write!(all, "'{}':{place} ", word.text);
            }
            if all.is_empty() {
                return Ok(());
            }
            let statement = "UPDATE items SET words = CAST(CAST(?1 AS text) AS tsvector) WHERE id = ?2";
            tx.execute(statement, params![all, id])
        }
    }
    .map(drop)
}

/// The words of a text that can be found.
fn findable(text: &str) -> impl Iterator<Item = Word> {
    let mut bytes = 0;
    words(text).take(MOST).take_while(move |word| {
        // PostgreSQL also keeps where they stand.
        bytes += word.text.len() + 4;
        bytes <= MOST_BYTES
    })
}

/// Lets the items of a session be found no more, before they are deleted.
pub(crate) fn remove(tx: &mut dyn Tx, session: &str) -> Result<()> {
    if tx.flavor() == Flavor::Postgres {
        // The words are a column of theirs.
        return Ok(());
    }
    let statement = "DELETE FROM items_search WHERE rowid IN (SELECT id FROM items WHERE session = ?1)";
    tx.execute(statement, params![session]).map(drop)
}

/// Makes the index of all items anew; how many have words.
pub(crate) fn index_all(tx: &mut dyn Tx) -> Result<u64> {
    match tx.flavor() {
        Flavor::Sqlite => tx.execute(
            "INSERT INTO items_search (items_search) VALUES ('delete-all')",
            params![],
        )?,
        Flavor::Postgres => tx.execute("UPDATE items SET words = NULL WHERE words IS NOT NULL", params![])?,
    };
    let mut indexed = 0;
    let mut after = i64::MIN;
    loop {
        let statement = "SELECT id, body FROM items WHERE id > ?1 ORDER BY id LIMIT ?2";
        let rows = tx.query(statement, params![after, AT_ONCE])?;
        let Some(last) = rows.last() else { return Ok(indexed) };
        after = last.int(0)?;
        for row in &rows {
            let content: Content = row.json(1)?;
            index(tx, row.int(0)?, said(&content))?;
            indexed += u64::from(words(said(&content)).next().is_some());
        }
    }
}

/// How many items that have words cannot be found.
pub(crate) fn missing(tx: &mut dyn Tx) -> Result<u64> {
    let mut missing = 0;
    let mut after = i64::MIN;
    loop {
        let rows = not_found(tx, after)?;
        let Some(last) = rows.last() else { return Ok(missing) };
        after = last.int(0)?;
        for row in &rows {
            missing += u64::from(has_words(row));
        }
    }
}

/// Lets some items be found that cannot be, of those behind a number: how many, and behind which one to go on.
pub(crate) fn index_missing(tx: &mut dyn Tx, after: i64) -> Result<(u64, Option<i64>)> {
    let rows = not_found(tx, after)?;
    let mut indexed = 0;
    for row in rows.iter().filter(|row| has_words(row)) {
        let content: Content = row.json(1)?;
        index(tx, row.int(0)?, said(&content))?;
        indexed += 1;
    }
    let last = rows.last().map(|row| row.int(0)).transpose()?;
    Ok((indexed, last))
}

/// Some items that cannot be found, behind a number: their numbers and bodies.
fn not_found(tx: &mut dyn Tx, after: i64) -> Result<Vec<Row>> {
    let found = match tx.flavor() {
        Flavor::Sqlite => "EXISTS (SELECT 1 FROM items_search WHERE items_search.rowid = items.id)",
        Flavor::Postgres => "words IS NOT NULL",
    };
    let statement = format!("SELECT id, body FROM items WHERE id > ?1 AND NOT {found} ORDER BY id LIMIT ?2");
    tx.query(&statement, params![after, AT_ONCE])
}

/// Whether an item can be found at all. One that cannot be read is none of the search's.
fn has_words(row: &Row) -> bool {
    row.json::<Content>(1)
        .is_ok_and(|content| words(said(&content)).next().is_some())
}
