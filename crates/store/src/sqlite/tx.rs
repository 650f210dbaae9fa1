//! A transaction of SQLite.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use yabby_core::{Time, text};

use super::errors;
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    sql::{Flavor, Row, Tx, Value},
    wakes::Topic,
};

pub(super) struct SqliteTx<'a> {
    pub(super) connection: &'a Connection,
    /// Who is woken when it is committed.
    pub(super) wakes: Vec<Topic>,
}

impl Tx for SqliteTx<'_> {
    fn flavor(&self) -> Flavor {
        Flavor::Sqlite
    }

    fn now(&mut self) -> Result<Time> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql).map_err(errors::sqlite)?;
        let changed = statement.execute(params_from_iter(params)).map_err(errors::sqlite)?;
        Ok(changed as u64)
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(errors::sqlite)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(params)).map_err(errors::sqlite)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(errors::sqlite)? {
            let value = |at| row.get_ref(at).map_err(errors::sqlite).and_then(owned);
            all.push(Row((0..columns).map(value).collect::<Result<_>>()?));
        }
        Ok(all)
    }

    fn wake(&mut self, topic: Topic) -> Result<()> {
        self.wakes.push(topic);
        Ok(())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8(bytes.to_vec()).map_err(|error| {
            let message = text!("the store holds a text that is not UTF-8");
            StoreError::new(StoreErrorKind::Damaged, message)
                .with_hint(text!("run: yabby store check"))
                .with_source(error)
        })?),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}
