//! Reading a whole table in little memory.

use super::tables::Table;
use crate::{
    error::Result,
    sql::{Row, Tx, Value},
};

/// Rows of a page at first.
const FIRST: usize = 16;
/// Rows of a page at the most.
const MOST: usize = 1024;
/// A page of so many bytes is large enough.
const ENOUGH: usize = 1024 * 1024;

/// Calls `with` with each row of a table, in the order of its key. Rows may be large: pages shrink and grow with them.
pub(crate) fn each_row(
    tx: &mut dyn Tx,
    table: &Table,
    mut with: impl FnMut(&mut dyn Tx, Row) -> Result<()>,
) -> Result<()> {
    let key: Vec<usize> = table.key.iter().filter_map(|name| table.column(name)).collect();
    let mut last: Option<Vec<Value>> = None;
    let mut size = FIRST;
    loop {
        let rows = page(tx, table, last.as_deref(), size)?;
        let bytes: usize = rows.iter().map(bytes_of).sum();
        let is_last = rows.len() < size;
        if let Some(row) = rows.last() {
            last = Some(key.iter().filter_map(|at| row.0.get(*at).cloned()).collect());
        }
        if bytes > 4 * ENOUGH {
            size = (size / 2).max(1);
        } else if bytes < ENOUGH {
            size = (size * 2).min(MOST);
        }
        for row in rows {
            with(tx, row)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

fn page(tx: &mut dyn Tx, table: &Table, last: Option<&[Value]>, size: usize) -> Result<Vec<Row>> {
    let key = table.key.join(", ");
    let after = last.map_or(String::new(), |last| {
        let places: Vec<String> = (1..=last.len()).map(|n| format!("?{n}")).collect();
        format!(" WHERE ({key}) > ({})", places.join(", "))
    });
    let statement = format!(
        "SELECT {} FROM {}{after} ORDER BY {key} LIMIT {size}",
        table.names(),
        table.name
    );
    tx.query(&statement, last.unwrap_or_default())
}

fn bytes_of(row: &Row) -> usize {
    let bytes = row.0.iter().map(|value| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Null | Value::Int(_) | Value::Real(_) => 8,
    });
    bytes.sum()
}
