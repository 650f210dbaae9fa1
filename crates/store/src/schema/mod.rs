//! The tables, and how an older store becomes a newer one.
//!
//! Steps go forward only. Each is a file that never changes once it was released; `meta` holds how many a store has.

use yabby_core::text;

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    sql::{Flavor, Tx, params},
};

/// The steps, as SQL of several statements.
pub(crate) const fn steps(flavor: Flavor) -> &'static [&'static str] {
    match flavor {
        Flavor::Sqlite => &[
            include_str!("sqlite/0001.sql"),
            include_str!("sqlite/0002.sql"),
            include_str!("sqlite/0003.sql"),
        ],
        Flavor::Postgres => &[
            include_str!("postgres/0001.sql"),
            include_str!("postgres/0002.sql"),
            include_str!("postgres/0003.sql"),
        ],
    }
}

/// How many steps this version of Yabby knows: the version of the schema that it works with.
pub(crate) const VERSION: usize = steps(Flavor::Sqlite).len();

/// The version of an existing store, in a transaction in which `meta` exists.
pub(crate) fn version(tx: &mut dyn Tx) -> Result<usize> {
    let row = tx.query_one("SELECT value FROM meta WHERE name = 'schema'", params![])?;
    let Some(row) = row else { return Ok(0) };
    let text = row.text(0)?;
    text.parse().map_err(|error| {
        StoreError::new(
            StoreErrorKind::Damaged,
            text!("the store says that its version is {version}", version = text),
        )
        .with_hint(text!("run: yabby store check"))
        .with_source(error)
    })
}

/// Notes the version.
pub(crate) fn set_version(tx: &mut dyn Tx, version: usize) -> Result<()> {
    let statement = "INSERT INTO meta (name, value) VALUES ('schema', ?1) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.execute(statement, params![version.to_string()]).map(drop)
}

/// The error for a store of a newer version.
pub(crate) fn newer(found: usize) -> StoreError {
    let message = text!(
        "the store was written by a newer version of Yabby (schema {found}; this one knows {known})",
        found = found,
        known = VERSION
    );
    StoreError::new(StoreErrorKind::Newer, message)
        .with_hint(text!("update Yabby, or use another folder: store.path in the config"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_steps() {
        let tables = |flavor| {
            let mut names: Vec<&str> = steps(flavor)
                .iter()
                .flat_map(|step| step.split("CREATE TABLE ").skip(1))
                .filter_map(|rest| rest.split_whitespace().next())
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(steps(Flavor::Sqlite).len(), steps(Flavor::Postgres).len());
        assert_eq!(tables(Flavor::Sqlite), tables(Flavor::Postgres));
    }
}
