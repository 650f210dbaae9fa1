//! SQL that both databases understand, so that each operation is written once.
//!
//! - Placeholders are `?1`, `?2` …; whole numbers are `BIGINT`, texts `TEXT`, bytes `BYTEA`/`BLOB`.
//! - JSON is text, times are milliseconds since 1970, a truth value is 0 or 1.
//! - `ON CONFLICT`, `RETURNING`, window functions and `WITH` are understood by both. Where they differ, [`Tx::flavor`]
//!   says which one it is.
//! - A row that is read in order to be changed is locked by changing it first, or with [`Flavor::for_update`]: SQLite has
//!   one writer anyway.

mod row;
mod tx;
mod value;

pub(crate) use row::Row;
pub(crate) use tx::{Flavor, Tx};
pub(crate) use value::{Value, params};
