//! Writing everything into lines.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use yabby_core::{Time, text};

use super::{
    line::{END, FILE, HEADER, hex, seal},
    pages::each_row,
    tables::{Kind, TABLES, Table},
};
use crate::{
    attachments::Attached,
    error::{Result, StoreError, StoreErrorKind},
    schema,
    sql::{Flavor, Row, Tx, Value},
    store::Store,
};

/// The version of the form.
pub(super) const VERSION: u64 = 1;
/// What the first line says that the file is.
pub(super) const FORMAT: &str = "yabby-store";

/// What an export holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rows of all tables.
    pub rows: u64,
    /// Attachments.
    pub files: u64,
    /// Attachments whose bytes are not there any more.
    pub missing_files: u64,
    /// Bytes of the whole file.
    pub bytes: u64,
}

/// The file that is being written.
struct Sink<W: Write> {
    to: BufWriter<W>,
    sum: Sha256,
    lines: u64,
    done: Exported,
}

impl Store {
    /// Writes everything as it is at one moment, in little memory. `open` gives the place to write to; it is called again
    /// when the connection to the database broke off and all is written anew from the beginning.
    pub async fn export<W: Write>(&self, mut open: impl FnMut() -> io::Result<W> + Send + 'static) -> Result<Exported> {
        let attached = Attached::of(self.place().folder());
        self.read("export", move |tx| {
            patiently(tx)?;
            let to = open().map_err(|error| unwritten(&error))?;
            let mut sink = Sink {
                to: BufWriter::new(to),
                sum: Sha256::new(),
                lines: 0,
                done: Exported::default(),
            };
            let now = tx.now()?;
            sink.header(tx.flavor(), now)?;
            for table in TABLES {
                sink.table(tx, table, &attached)?;
            }
            sink.end()
        })
        .await
    }

    /// Writes everything into a file that only its owner can read. What is there already is replaced at the end.
    pub async fn export_to(&self, path: PathBuf) -> Result<Exported> {
        let part = {
            let mut name = path.clone().into_os_string();
            name.push(".part");
            PathBuf::from(name)
        };
        let opened = part.clone();
        let outcome = self
            .export(move || {
                let file = crate::files::open(&opened)?;
                file.set_len(0)?;
                Ok(file)
            })
            .await;
        let finished = outcome.and_then(|done| {
            let kept = crate::files::open(&part).and_then(|file| file.sync_all());
            kept.and_then(|()| std::fs::rename(&part, &path))
                .map_err(|error| unwritten(&error))?;
            Ok(done)
        });
        if finished.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        finished
    }
}

// === impl Sink ===

impl<W: Write> Sink<W> {
    fn header(&mut self, flavor: Flavor, now: Time) -> Result<()> {
        let from = match flavor {
            Flavor::Sqlite => "sqlite",
            Flavor::Postgres => "postgres",
        };
        let header = json!({
            "format": FORMAT, "version": VERSION, "schema": schema::VERSION, "at": now.0, "from": from,
        });
        self.line(HEADER, header)
    }

    fn table(&mut self, tx: &mut dyn Tx, table: &'static Table, attached: &Attached) -> Result<()> {
        let hash = (table.name == "attachments").then(|| table.column("hash")).flatten();
        each_row(tx, table, |tx, row| {
            if table.name == "meta" && row.text(0)? == "schema" {
                return Ok(());
            }
            self.line(table.name, object(table, &row)?)?;
            self.done.rows += 1;
            let Some(at) = hash else { return Ok(()) };
            let hash = row.text(at)?;
            if let Some(bytes) = attached.read(tx, &hash)? {
                self.done.files += 1;
                self.line(FILE, json!({"hash": hash, "data": STANDARD.encode(bytes)}))
            } else {
                self.done.missing_files += 1;
                Ok(())
            }
        })
    }

    fn end(mut self) -> Result<Exported> {
        let sum = hex(&self.sum.clone().finalize());
        self.line(END, json!({"lines": self.lines, "sha256": sum}))?;
        self.to.flush().map_err(|error| unwritten(&error))?;
        Ok(self.done)
    }

    fn line(&mut self, table: &str, row: Json) -> Result<()> {
        let Json::Object(row) = row else { return Ok(()) };
        let line = seal(table, &row);
        self.to.write_all(line.as_bytes()).map_err(|error| unwritten(&error))?;
        self.sum.update(&line);
        self.lines += 1;
        self.done.bytes += line.len() as u64;
        Ok(())
    }
}

/// The database waits for whoever reads or gives the rows, however slow a pipe or a disk is.
pub(super) fn patiently(tx: &mut dyn Tx) -> Result<()> {
    match tx.flavor() {
        Flavor::Sqlite => Ok(()),
        Flavor::Postgres => tx
            .execute("SET LOCAL idle_in_transaction_session_timeout = 0", &[])
            .map(drop),
    }
}

/// A row with the names of its columns; what is empty is left out.
fn object(table: &Table, row: &Row) -> Result<Json> {
    let mut object = Map::new();
    for ((name, kind), value) in table.columns.iter().zip(&row.0) {
        let value = match (kind, value) {
            (_, Value::Null) => continue,
            (Kind::Int, Value::Int(value)) => json!(value),
            // As a text: JSON numbers are not read back to the last bit.
            (Kind::Real, Value::Real(value)) => json!(format!("{value:?}")),
            (Kind::Text | Kind::Json, Value::Text(text)) => json!(text),
            (Kind::Bytes, Value::Bytes(bytes)) => json!(STANDARD.encode(bytes)),
            _ => {
                let message = text!(
                    "the store holds something else than it should in {table}.{column}",
                    table = table.name,
                    column = name
                );
                return Err(
                    StoreError::new(StoreErrorKind::Damaged, message).with_hint(text!("run: yabby store check"))
                );
            }
        };
        object.insert((*name).to_owned(), value);
    }
    Ok(Json::Object(object))
}

fn unwritten(error: &io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Other,
    };
    StoreError::new(kind, text!("the export cannot be written: {error}", error = error))
}
