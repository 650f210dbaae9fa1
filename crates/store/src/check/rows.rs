//! What single rows say.

use yabby_core::text;

use super::{Checked, ProblemKind};
use crate::{
    error::Result,
    portable::{Kind, TABLES, each_row},
    sql::{Tx, Value, params},
};

/// The states of each table that has some.
const STATES: &[(&str, &[&str])] = &[
    ("inbox", &["received", "claimed", "running", "done", "failed", "dead"]),
    (
        "outbox",
        &["pending", "sending", "sent", "failed", "unknown", "held", "dropped"],
    ),
    ("effects", &["intent", "done", "unknown"]),
    ("approvals", &["open", "granted", "denied", "expired"]),
];

/// Names in one row that must be there in another: table, column, table, column.
const REFERENCES: &[(&str, &str, &str, &str)] = &[
    ("conversations", "session", "sessions", "id"),
    ("sessions", "conversation", "conversations", "key"),
];

/// Whether all states are known to this version.
pub(super) fn states(tx: &mut dyn Tx, found: &mut Checked) -> Result<()> {
    for (table, known) in STATES {
        let known: Vec<String> = known.iter().map(|state| format!("'{state}'")).collect();
        let statement = format!(
            "SELECT state, COUNT(*) FROM {table} WHERE state NOT IN ({}) GROUP BY state",
            known.join(", ")
        );
        for row in tx.query(&statement, params![])? {
            let problem = text!(
                "{count} rows of {table} are in a state that is not known: {state}",
                count = row.int(1)?,
                table = table,
                state = row.text(0)?
            );
            found.add(ProblemKind::State, problem, false);
        }
    }
    Ok(())
}

/// Whether what should be JSON can be read; and the secrets that are kept as they are.
pub(super) fn values(tx: &mut dyn Tx, found: &mut Checked) -> Result<()> {
    let of_json = |table: &&crate::portable::Table| table.columns.iter().any(|(_, kind)| *kind == Kind::Json);
    for table in TABLES.iter().filter(of_json) {
        each_row(tx, table, |_, row| {
            for ((column, kind), value) in table.columns.iter().zip(&row.0) {
                let Value::Text(text) = value else { continue };
                if *kind == Kind::Json && serde_json::from_str::<serde_json::Value>(text).is_err() {
                    let key = table.key.iter().filter_map(|name| table.column(name));
                    let key: Vec<String> = key.filter_map(|at| row.0.get(at)).map(shown).collect();
                    let problem = text!(
                        "{column} of {table} {key} cannot be read",
                        column = column,
                        table = table.name,
                        key = key.join(" ")
                    );
                    found.add(ProblemKind::Value, problem, false);
                }
            }
            Ok(())
        })?;
    }
    let plain = tx.query_one("SELECT COUNT(*) FROM secrets WHERE sealed = ''", params![])?;
    found.plain_secrets = plain.map_or(Ok(0), |row| row.int(0))?.unsigned_abs();
    Ok(())
}

/// Whether the rows that others name are there, where the database does not see to it.
pub(super) fn references(tx: &mut dyn Tx, found: &mut Checked) -> Result<()> {
    for (table, column, other, there) in REFERENCES {
        let statement = format!(
            "SELECT {column} FROM {table} WHERE {column} IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM {other} WHERE {other}.{there} = {table}.{column})"
        );
        for row in tx.query(&statement, params![])? {
            let problem = text!(
                "{table} name {key}, which is not there",
                table = table,
                key = row.text(0)?
            );
            found.add(ProblemKind::Reference, problem, false);
        }
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}
