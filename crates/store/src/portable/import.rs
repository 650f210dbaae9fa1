//! Reading everything from lines.
//!
//! The file is read twice: once to see that every line and the whole are as they were written, and once to put the rows
//! in, all in one transaction.

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};
use yabby_core::text;

use super::{
    export::{Exported, FORMAT, VERSION, patiently},
    line::{END, FILE, HEADER, Line, Lines, unreadable},
    tables::{Kind, TABLES, Table},
};
use crate::{
    attachments::{Attached, hash_of},
    derived,
    error::{Result, StoreError, StoreErrorKind},
    files,
    ids::new_id,
    open::{Access, Place},
    schema,
    sql::{Flavor, Tx, Value, params},
    store::Store,
    wakes::Topic,
};

/// Into which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Into one that holds nothing. It becomes what was exported.
    Empty,
    /// Into any. What is not there is added; what is there stays as it is. What was still on its way in the other store
    /// (messages that wait for an answer or to be sent, questions to the owner) stays there.
    Merge,
}

/// What an import has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that are new.
    pub added: u64,
    /// Rows that were there already.
    pub known: u64,
    /// Rows that were left out, because they were still on their way in the other store.
    pub on_their_way: u64,
    /// Attachments that are new.
    pub files: u64,
}

impl Store {
    /// Reads a file that [`Store::export`] has written, or a folder that is a backup. When anything in it is wrong, nothing is imported, and the error
    /// names the line.
    pub async fn import(&self, file: PathBuf, mode: ImportMode) -> Result<Imported> {
        if file.is_dir() {
            return Box::pin(self.import_backup(file, mode)).await;
        }
        Self::check_export(file.clone()).await?;
        let attached = Attached::of(self.place().folder());
        self.write("import", move |tx| {
            patiently(tx)?;
            if tx.flavor() == Flavor::Postgres {
                // Nobody else writes meanwhile.
                tx.execute(
                    "LOCK TABLE lanes, inbox, outbox, conversations, sessions IN EXCLUSIVE MODE",
                    params![],
                )?;
            }
            if mode == ImportMode::Empty {
                must_be_empty(tx)?;
            }
            let done = put_all(tx, &file, mode, &attached)?;
            derived::after_import(tx)?;
            for topic in Topic::ALL {
                tx.wake(topic)?;
            }
            Ok(done)
        })
        .await
    }

    /// Reads a backup that is a store, by way of an export.
    async fn import_backup(&self, backup: PathBuf, mode: ImportMode) -> Result<Imported> {
        let part = self.place().folder().join(format!("import-{}.part", new_id()));
        files::folder(self.place().folder()).map_err(|error| unreadable(&error))?;
        let read = async {
            let backup = Self::open(&Place::Folder(backup), Access::Read).await?;
            backup.export_to(part.clone()).await?;
            self.import(part.clone(), mode).await
        };
        let done = read.await;
        let _ = fs::remove_file(&part);
        done
    }

    /// Reads such a file without a store: whether every line and the whole are as they were written.
    pub async fn check_export(file: PathBuf) -> Result<Exported> {
        let reading = tokio::task::spawn_blocking(move || {
            let mut done = Exported {
                bytes: file.metadata().map_err(|error| unreadable(&error))?.len(),
                ..Exported::default()
            };
            each_line(&file, |line| {
                match line {
                    Read::Row(..) => done.rows += 1,
                    Read::File(..) => done.files += 1,
                }
                Ok(())
            })?;
            Ok(done)
        });
        reading.await.map_err(|error| {
            let message = text!("the export cannot be read: {error}", error = error);
            StoreError::new(StoreErrorKind::Other, message)
        })?
    }
}

/// What a line says.
enum Read {
    Row(&'static Table, Vec<Value>),
    File(String, Vec<u8>),
}

/// Reads a file, and makes sure that it is whole.
fn each_line(file: &Path, mut with: impl FnMut(Read) -> Result<()>) -> Result<()> {
    let file = File::open(file).map_err(|error| unreadable(&error))?;
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file));
    match lines.next()? {
        Some((line, _)) if line.table == HEADER => header(&line.row)?,
        _ => return Err(lines.wrong(&text!("it is not the beginning of an export of Yabby"))),
    }
    loop {
        let before = lines.number();
        let Some((line, sum)) = lines.next()? else {
            return Err(lines.wrong(&text!("the export ends here, and its end is missing")));
        };
        let Line { table, row } = line;
        match table.as_str() {
            END => {
                let said = (
                    row.get("lines").and_then(Json::as_u64),
                    row.get("sha256").and_then(Json::as_str),
                );
                if said != (Some(before), Some(sum.as_str())) {
                    return Err(lines.wrong(&text!("the export does not fit its own checksum")));
                }
                return match lines.next()? {
                    None => Ok(()),
                    Some(_) => Err(lines.wrong(&text!("it stands behind the end of the export"))),
                };
            }
            FILE => {
                let text = |name| row.get(name).and_then(Json::as_str).unwrap_or_default();
                let bytes = STANDARD.decode(text("data")).unwrap_or_default();
                let hash = text("hash").to_owned();
                if hash_of(&bytes) != hash {
                    return Err(lines.wrong(&text!("the attachment is not what it was")));
                }
                with(Read::File(hash, bytes)).map_err(|error| at_line(&lines, error))?;
            }
            name => {
                let Some(table) = Table::of_name(name) else {
                    return Err(lines.wrong(&text!("there is no table {table}", table = name)));
                };
                let values = values(table, row).map_err(|problem| lines.wrong(&problem))?;
                with(Read::Row(table, values)).map_err(|error| at_line(&lines, error))?;
            }
        }
    }
}

fn at_line<R: std::io::BufRead>(lines: &Lines<R>, error: StoreError) -> StoreError {
    if error.kind == StoreErrorKind::Invalid {
        lines.wrong(&error.message).with_source(error)
    } else {
        error
    }
}

fn header(row: &Map<String, Json>) -> Result<()> {
    let number = |name| row.get(name).and_then(Json::as_u64);
    let is_ours = row.get("format").and_then(Json::as_str) == Some(FORMAT);
    let (version, schema) = (
        number("version").unwrap_or(u64::MAX),
        number("schema").unwrap_or(u64::MAX),
    );
    if is_ours && version <= VERSION && schema <= schema::VERSION as u64 {
        return Ok(());
    }
    let message = text!("the export was written by a newer version of Yabby");
    Err(StoreError::new(StoreErrorKind::Newer, message).with_hint(text!("update Yabby first")))
}

/// The values of a row, in the order of the columns.
fn values(table: &Table, mut row: Map<String, Json>) -> Result<Vec<Value>, yabby_core::Text> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (name, kind) in table.columns {
        let value = row.remove(*name);
        let value = match (kind, value) {
            (_, None) => Value::Null,
            (Kind::Int, Some(Json::Number(number))) if number.is_i64() => {
                Value::Int(number.as_i64().unwrap_or_default())
            }
            (Kind::Text | Kind::Json, Some(Json::String(text))) => Value::Text(text),
            (Kind::Real, Some(Json::String(text))) => match text.parse() {
                Ok(number) => Value::Real(number),
                Err(_) => return Err(unfit(table, name)),
            },
            (Kind::Bytes, Some(Json::String(text))) => match STANDARD.decode(text) {
                Ok(bytes) => Value::Bytes(bytes),
                Err(_) => return Err(unfit(table, name)),
            },
            _ => return Err(unfit(table, name)),
        };
        values.push(value);
    }
    match row.keys().next() {
        None => Ok(values),
        Some(name) => Err(text!(
            "there is no column {column} in {table}",
            column = name,
            table = table.name
        )),
    }
}

fn unfit(table: &Table, column: &str) -> yabby_core::Text {
    text!(
        "it has something else than it should in {table}.{column}",
        table = table.name,
        column = column
    )
}

fn must_be_empty(tx: &mut dyn Tx) -> Result<()> {
    for table in TABLES.iter().filter(|table| table.name != "meta") {
        let statement = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        if tx.query_one(&statement, params![])?.is_some() {
            let message = text!("the store is not empty");
            return Err(StoreError::new(StoreErrorKind::Invalid, message)
                .with_hint(text!("add what is not there with --merge, or import into a new store")));
        }
    }
    Ok(())
}

fn put_all(tx: &mut dyn Tx, file: &Path, mode: ImportMode, attached: &Attached) -> Result<Imported> {
    let mut done = Imported::default();
    let inserts: Vec<String> = TABLES.iter().map(|table| insert(table, mode)).collect();
    each_line(file, |line| match line {
        Read::Row(table, mut values) => {
            if mode == ImportMode::Merge {
                if is_on_its_way(table, &values) {
                    done.on_their_way += 1;
                    return Ok(());
                }
                if !has_what_it_needs(tx, table, &values)? {
                    done.known += 1;
                    return Ok(());
                }
                if table.numbered {
                    values.remove(0);
                }
            }
            if tx.flavor() == Flavor::Postgres {
                values.iter_mut().for_each(without_zero);
            }
            let at = TABLES.iter().position(|known| known.name == table.name);
            let statement = at.and_then(|at| inserts.get(at)).map_or("", String::as_str);
            match tx.execute(statement, &values)? {
                0 => done.known += 1,
                _ => done.added += 1,
            }
            Ok(())
        }
        Read::File(hash, bytes) => {
            done.files += u64::from(attached.put(tx, &hash, bytes)?);
            Ok(())
        }
    })?;
    Ok(done)
}

fn insert(table: &Table, mode: ImportMode) -> String {
    let skip = usize::from(table.numbered && mode == ImportMode::Merge);
    let names: Vec<&str> = table.columns.iter().skip(skip).map(|(name, _)| *name).collect();
    let places: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    format!(
        "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
        table.name,
        names.join(", "),
        places.join(", ")
    )
}

/// Whether a row is about something that the other store still has to do. Done by both, it would be done twice.
fn is_on_its_way(table: &Table, values: &[Value]) -> bool {
    let value = |name| table.column(name).and_then(|at| values.get(at));
    match table.name {
        "lanes" => true,
        "inbox" | "outbox" => value("ended_at") == Some(&Value::Null),
        "approvals" => value("state") == Some(&Value::Text("open".to_owned())),
        _ => false,
    }
}

/// Whether the rows that a row belongs to are there: they were left out when others are in their place.
fn has_what_it_needs(tx: &mut dyn Tx, table: &Table, values: &[Value]) -> Result<bool> {
    for (column, other, there) in table.needs {
        let statement = format!("SELECT 1 FROM {other} WHERE {there} = ?1");
        let value = table.column(column).and_then(|at| values.get(at));
        let value = value.cloned().unwrap_or(Value::Null);
        if tx.query_one(&statement, &[value])?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// PostgreSQL keeps every character but this one.
fn without_zero(value: &mut Value) {
    if let Value::Text(text) = value
        && text.contains('\0')
    {
        *text = text.replace('\0', "\u{fffd}");
    }
}
