//! Reading.

use std::collections::HashMap;

use yabby_core::{Attempt, Image, Opaque, OpaqueSource};

use super::{Content, FileRef, Item, NewItem, stored::together};
use crate::{
    attachments::{self, Kept},
    error::{Result, StoreErrorKind},
    sql::{Row, Tx, Value, params},
    store::Store,
};

const COLUMNS: &str = "item, seq, turn, at, label, body";

/// What lies beside one item.
#[derive(Default)]
struct Beside {
    attempts: Vec<Attempt>,
    opaque: Vec<Opaque>,
    images: Vec<Image>,
    files: Vec<FileRef>,
}

impl Store {
    /// The items of a session from a place on, in order.
    pub async fn items(&self, session: &str, from: u64, most: usize) -> Result<Vec<Item>> {
        let (session, kept) = (session.to_owned(), self.kept());
        self.read("items", move |tx| {
            let statement =
                format!("SELECT {COLUMNS} FROM items WHERE session = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3");
            let rows = tx.query(&statement, params![&session, from, most])?;
            whole(tx, &kept, &session, &rows)
        })
        .await
    }

    /// The last items of a session, in order.
    pub async fn last_items(&self, session: &str, most: usize) -> Result<Vec<Item>> {
        let (session, kept) = (session.to_owned(), self.kept());
        self.read("last_items", move |tx| {
            let statement = format!("SELECT {COLUMNS} FROM items WHERE session = ?1 ORDER BY seq DESC LIMIT ?2");
            let mut rows = tx.query(&statement, params![&session, most])?;
            rows.reverse();
            whole(tx, &kept, &session, &rows)
        })
        .await
    }

    /// The item with this id, when it is one of this session.
    pub async fn item(&self, session: &str, id: &str) -> Result<Option<Item>> {
        let (session, id, kept) = (session.to_owned(), id.to_owned(), self.kept());
        self.read("item", move |tx| {
            let statement = format!("SELECT {COLUMNS} FROM items WHERE item = ?1 AND session = ?2");
            let Some(row) = tx.query_one(&statement, params![&id, &session])? else {
                return Ok(None);
            };
            Ok(whole(tx, &kept, &session, &[row])?.pop())
        })
        .await
    }

    /// What a model is shown of a session: its last summary, and everything that this does not cover. Without a summary,
    /// everything.
    pub async fn context(&self, session: &str) -> Result<Vec<Item>> {
        let (session, kept) = (session.to_owned(), self.kept());
        self.read("context", move |tx| {
            let statement = format!(
                "SELECT {COLUMNS}, covers_to FROM items WHERE session = ?1 AND kind = 'summary' ORDER BY seq DESC LIMIT 1"
            );
            let summary = tx.query_one(&statement, params![&session])?;
            let covered = summary.as_ref().map_or(Ok(None), |row| row.opt_int(6))?;
            let statement = format!(
                "SELECT {COLUMNS} FROM items WHERE session = ?1 AND seq > ?2 AND kind <> 'summary' ORDER BY seq"
            );
            let rest = tx.query(&statement, params![&session, covered.unwrap_or(-1)])?;
            let rows: Vec<Row> = summary.into_iter().chain(rest).collect();
            whole(tx, &kept, &session, &rows)
        })
        .await
    }
}

/// Rows of one session with everything that lies beside them.
fn whole(tx: &mut dyn Tx, kept: &Kept, session: &str, rows: &[Row]) -> Result<Vec<Item>> {
    let places = rows.iter().map(|row| row.int(1)).collect::<Result<Vec<i64>>>()?;
    let (Some(first), Some(last)) = (places.iter().min(), places.iter().max()) else {
        return Ok(Vec::new());
    };
    let mut beside = beside(tx, kept, session, *first, *last)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.text(0)?;
        let found = beside.remove(&id).unwrap_or_default();
        items.push(Item {
            seq: u64::try_from(row.int(1)?).unwrap_or(0),
            item: NewItem {
                turn: row.opt_text(2)?,
                at: row.time(3)?,
                label: row.json(4)?,
                content: together(row.json::<Content>(5)?, found.images, found.opaque),
                attempts: found.attempts,
                files: found.files,
                id,
            },
        });
    }
    Ok(items)
}

/// What lies beside the items of a range, by item.
fn beside(tx: &mut dyn Tx, kept: &Kept, session: &str, first: i64, last: i64) -> Result<HashMap<String, Beside>> {
    let range: &[Value] = params![session, first, last];
    let mut all: HashMap<String, Beside> = HashMap::new();
    let statement = "SELECT e.item, e.kind, e.endpoint, e.model, e.body FROM item_extras e \
                     JOIN items i ON i.item = e.item WHERE i.session = ?1 AND i.seq BETWEEN ?2 AND ?3 ORDER BY e.item, e.n";
    for row in tx.query(statement, range)? {
        let one = all.entry(row.text(0)?).or_default();
        match row.text(1)?.as_str() {
            "attempt" => one.attempts.push(row.json(4)?),
            "opaque" => one.opaque.push(Opaque {
                from: OpaqueSource {
                    endpoint: row.opt_text(2)?.unwrap_or_default(),
                    model: row.opt_text(3)?.unwrap_or_default(),
                },
                data: row.json(4)?,
            }),
            // A later version's.
            _ => {}
        }
    }
    let statement = "SELECT a.item, a.kind, a.hash, a.name FROM item_attachments a \
                     JOIN items i ON i.item = a.item WHERE i.session = ?1 AND i.seq BETWEEN ?2 AND ?3 ORDER BY a.item, a.n";
    for row in tx.query(statement, range)? {
        let hash = row.text(2)?;
        let one = all.entry(row.text(0)?).or_default();
        if row.text(1)? == "image" {
            one.images.extend(picture(tx, kept, &hash)?);
        } else {
            let name = row.opt_text(3)?;
            one.files.push(FileRef { hash, name });
        }
    }
    Ok(all)
}

/// A picture; one that is lost does not take the conversation with it.
fn picture(tx: &mut dyn Tx, kept: &Kept, hash: &str) -> Result<Option<Image>> {
    match attachments::bytes(tx, kept, hash) {
        Ok(bytes) => Ok(Image::new(&bytes)),
        Err(error) if error.kind == StoreErrorKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}
