//! All tables and what they hold, in the order in which rows may be put in. A test compares it with the schema, so that
//! nothing is forgotten when a table or a column is added.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Real,
    Text,
    /// A text that is JSON.
    Json,
    Bytes,
}

/// A table as it is exported, imported and checked.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// The columns by which rows are told apart and in whose order they are read.
    pub(crate) key: &'static [&'static str],
    /// Whether the first column is a number that the database gives out.
    pub(crate) numbered: bool,
    /// Columns that name a row which must be there before: column, table, column there.
    pub(crate) needs: &'static [(&'static str, &'static str, &'static str)],
}

/// What is derived from other columns, or is about one process, and so stays behind.
#[cfg(test)]
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[
    ("lanes", "owner"),
    ("lanes", "until"),
    // The bytes go into lines of their own.
    ("attachments", "data"),
    ("attachments", "awaited"),
    ("items", "words"),
];

impl Table {
    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(column, _)| *column == name)
    }

    /// The names of the columns, as SQL.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The table of a name.
    pub(crate) fn of_name(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }
}

use Kind::{Bytes, Int, Json, Real, Text};

pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "meta",
        columns: &[("name", Text), ("value", Text)],
        key: &["name"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "lanes",
        columns: &[("kind", Text), ("key", Text), ("head", Int), ("fence", Int)],
        key: &["kind", "key"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "inbox",
        columns: &[
            ("id", Int),
            ("channel", Text),
            ("account", Text),
            ("message", Text),
            ("conversation", Text),
            ("origin", Json),
            ("state", Text),
            ("received_at", Int),
            ("body", Json),
            ("label", Json),
            ("claims", Int),
            ("failures", Int),
            ("fence", Int),
            ("turn", Text),
            ("problem", Json),
            ("ended_at", Int),
        ],
        key: &["id"],
        numbered: true,
        needs: &[],
    },
    Table {
        name: "outbox",
        columns: &[
            ("id", Int),
            ("key", Text),
            ("conversation", Text),
            ("turn", Text),
            ("lane", Text),
            ("channel", Text),
            ("account", Text),
            ("peer", Text),
            ("thread", Text),
            ("body", Json),
            ("state", Text),
            ("created_at", Int),
            ("expires_at", Int),
            ("tries", Int),
            ("fence", Int),
            ("receipt", Text),
            ("problem", Json),
            ("ended_at", Int),
        ],
        key: &["id"],
        numbered: true,
        needs: &[],
    },
    Table {
        name: "effects",
        columns: &[
            ("key", Text),
            ("conversation", Text),
            ("turn", Text),
            ("call", Text),
            ("state", Text),
            ("begun_at", Int),
            ("begun_by", Text),
            ("outcome", Json),
            ("ended_at", Int),
        ],
        key: &["key"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "conversations",
        columns: &[
            ("key", Text),
            ("agent", Text),
            ("session", Text),
            ("origin", Json),
            ("state", Json),
            ("updated_at", Int),
        ],
        key: &["key"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "sessions",
        columns: &[
            ("id", Text),
            ("conversation", Text),
            ("agent", Text),
            ("title", Text),
            ("begun_at", Int),
            ("active_at", Int),
            ("heard_at", Int),
            ("ended_at", Int),
            ("ended_by", Text),
            ("next_seq", Int),
            ("label", Json),
            ("source", Text),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "items",
        columns: &[
            ("id", Int),
            ("item", Text),
            ("session", Text),
            ("seq", Int),
            ("turn", Text),
            ("at", Int),
            ("kind", Text),
            ("covers_from", Int),
            ("covers_to", Int),
            ("label", Json),
            ("body", Json),
        ],
        key: &["id"],
        numbered: true,
        needs: &[("session", "sessions", "id")],
    },
    Table {
        name: "item_extras",
        columns: &[
            ("item", Text),
            ("n", Int),
            ("kind", Text),
            ("endpoint", Text),
            ("model", Text),
            ("body", Json),
        ],
        key: &["item", "n"],
        numbered: false,
        needs: &[("item", "items", "item")],
    },
    Table {
        name: "attachments",
        columns: &[("hash", Text), ("bytes", Int), ("media_type", Text), ("added_at", Int)],
        key: &["hash"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "item_attachments",
        columns: &[
            ("item", Text),
            ("n", Int),
            ("kind", Text),
            ("hash", Text),
            ("name", Text),
        ],
        key: &["item", "n"],
        numbered: false,
        needs: &[("item", "items", "item"), ("hash", "attachments", "hash")],
    },
    Table {
        name: "approvals",
        columns: &[
            ("id", Text),
            ("conversation", Text),
            ("turn", Text),
            ("effect", Text),
            ("question", Json),
            ("state", Text),
            ("asked_at", Int),
            ("expires_at", Int),
            ("answered_at", Int),
            ("answered_by", Text),
            ("answered_in", Text),
            ("answer", Text),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "grants",
        columns: &[
            ("id", Text),
            ("agent", Text),
            ("body", Json),
            ("given_at", Int),
            ("expires_at", Int),
            ("revoked_at", Int),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "timers",
        columns: &[
            ("id", Text),
            ("conversation", Text),
            ("begins_at", Int),
            ("due_at", Int),
            ("every_ms", Int),
            ("body", Json),
            ("label", Json),
            ("fired", Int),
            ("problem", Json),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "learned",
        columns: &[
            ("subject", Text),
            ("name", Text),
            ("value", Text),
            ("source", Text),
            ("at", Int),
        ],
        key: &["subject", "name"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "spending",
        columns: &[
            ("id", Text),
            ("at", Int),
            ("day", Int),
            ("model", Text),
            ("conversation", Text),
            ("input", Int),
            ("cached", Int),
            ("written", Int),
            ("output", Int),
            ("usd", Real),
            ("exact", Int),
            ("key", Text),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "secrets",
        columns: &[("name", Text), ("sealed", Text), ("value", Bytes), ("updated_at", Int)],
        key: &["name"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "keys",
        columns: &[
            ("id", Text),
            ("name", Text),
            ("hash", Text),
            ("kind", Text),
            ("scopes", Json),
            ("created_at", Int),
            ("last_used_at", Int),
            ("expires_at", Int),
            ("revoked_at", Int),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "key_codes",
        columns: &[
            ("hash", Text),
            ("name", Text),
            ("scopes", Json),
            ("made_at", Int),
            ("expires_at", Int),
            ("key", Text),
        ],
        key: &["hash"],
        numbered: false,
        needs: &[],
    },
    Table {
        name: "responses",
        columns: &[
            ("id", Text),
            ("key", Text),
            ("conversation", Text),
            ("session", Text),
            ("message", Int),
            ("input", Json),
            ("body", Json),
            ("created_at", Int),
            ("ended_at", Int),
        ],
        key: &["id"],
        numbered: false,
        needs: &[],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::Connection;

    use super::*;
    use crate::{schema, sql::Flavor};

    /// The tables of the schema with their columns and the types of these.
    fn schema_of(connection: &Connection) -> BTreeMap<String, BTreeMap<String, String>> {
        let statement = "SELECT t.name, c.name, c.type FROM pragma_table_list t JOIN pragma_table_info(t.name) c \
                         WHERE t.type = 'table' AND t.schema = 'main' AND t.name NOT LIKE 'sqlite_%'";
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut statement = connection.prepare(statement).unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        for (table, column, kind) in rows.map(Result::<(String, String, String), _>::unwrap) {
            tables.entry(table).or_default().insert(column, kind);
        }
        tables
    }

    #[test]
    fn every_table_and_every_column_is_known() {
        let connection = Connection::open_in_memory().unwrap();
        for step in schema::steps(Flavor::Sqlite) {
            connection.execute_batch(step).unwrap();
        }
        let known: BTreeMap<String, BTreeMap<String, String>> = TABLES
            .iter()
            .map(|table| {
                let columns = table.columns.iter().map(|(name, kind)| {
                    let kind = match kind {
                        Int => "INTEGER",
                        Real => "REAL",
                        Text | Json => "TEXT",
                        Bytes => "BLOB",
                    };
                    ((*name).to_owned(), kind.to_owned())
                });
                (table.name.to_owned(), columns.collect())
            })
            .collect();
        let mut there = schema_of(&connection);
        for (table, column) in LEFT_OUT {
            if let Some(columns) = there.get_mut(*table) {
                columns.remove(*column);
            }
        }
        assert_eq!(known, there);
    }

    #[test]
    fn rows_are_put_in_after_those_that_they_need() {
        for (at, table) in TABLES.iter().enumerate() {
            for (column, other, there) in table.needs {
                let before = TABLES[..at].iter().find(|table| table.name == *other);
                assert!(before.is_some_and(|table| table.column(there).is_some()), "{other}");
                assert!(table.column(column).is_some(), "{column}");
            }
            for column in table.key {
                assert!(table.column(column).is_some(), "{column}");
            }
        }
    }
}
