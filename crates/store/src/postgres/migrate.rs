//! Bringing an older database up to date, once, whoever comes first.

use std::time::Duration;

use yabby_core::text;

use super::{errors::Failure, session::Session, tx::PostgresTx};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    open::Access,
    schema,
    sql::{Flavor, Tx as _, params},
};

/// For all steps of one replica, or for waiting for another one that takes them.
const LONGEST: Duration = Duration::from_mins(30);

/// Replicas that start at the same moment come one after the other; the key is `yabby` in ASCII.
const LOCK: &str = "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                    SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock(521510349433)";

/// Copies all tables into a schema of their own, whose name says before what and when.
const COPY: &str = "DO $copy$ DECLARE
  home TEXT := current_schema();
  copy TEXT := 'yabby_before_' || current_setting('yabby.version') || to_char(now() AT TIME ZONE 'UTC', '_YYYYMMDD_HH24MISS');
  name TEXT;
BEGIN
  EXECUTE format('CREATE SCHEMA %I', copy);
  FOR name IN SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = home LOOP
    EXECUTE format('CREATE TABLE %I.%I AS TABLE %I.%I', copy, name, home, name);
  END LOOP;
END $copy$";

/// Makes sure that the tables are those of this version, and makes them so where that is allowed.
pub(super) fn check(session: &mut Session, place: &str, access: Access) -> Result<(), Failure> {
    let found = version(session)?;
    if found > schema::VERSION {
        return Err(schema::newer(found).into());
    }
    if found == schema::VERSION {
        return Ok(());
    }
    match access {
        Access::Write => up_to_date(session, schema::steps(Flavor::Postgres)),
        Access::Read if found == 0 => {
            let message = text!("there is no store in {folder} yet", folder = place);
            Err(StoreError::new(StoreErrorKind::Missing, message)
                .with_hint(text!("it is made by the first chat: yabby up"))
                .into())
        }
        Access::Read => {
            let message = text!("the store was written by an older version of Yabby");
            Err(StoreError::new(StoreErrorKind::Invalid, message)
                .with_hint(text!(
                    "bring it up to date with any command that writes: yabby store check"
                ))
                .into())
        }
    }
}

/// Takes the steps that are missing, all or none. What was there is copied first, within the database.
pub(super) fn up_to_date(session: &mut Session, steps: &[&str]) -> Result<(), Failure> {
    session.batch_within(LONGEST, LOCK)?;
    let done = take(session, steps);
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.batch(end);
    done.and(ended)
}

fn take(session: &mut Session, steps: &[&str]) -> Result<(), Failure> {
    // Another replica may have taken them meanwhile.
    let found = version(session)?;
    if found > steps.len() {
        return Err(schema::newer(found).into());
    }
    if (1..steps.len()).contains(&found) {
        session.batch(&format!("SET LOCAL yabby.version = '{}'", steps.len()))?;
        session.batch_within(LONGEST, COPY)?;
    }
    for step in steps.iter().skip(found) {
        session.batch_within(LONGEST, step)?;
    }
    let mut tx = PostgresTx::inside(session);
    let noted = schema::set_version(&mut tx, steps.len());
    tx.outcome(noted)
}

/// The version of the tables; a database without any has 0.
pub(super) fn version(session: &mut Session) -> Result<usize, Failure> {
    let mut tx = PostgresTx::inside(session);
    let found = found(&mut tx);
    let version = found.as_ref().ok().copied().unwrap_or_default();
    tx.outcome(found.map(drop)).map(|()| version)
}

fn found(tx: &mut PostgresTx<'_>) -> Result<usize> {
    // Not by `to_regclass`: what a session did not find once it does not find again in a transaction that was open when
    // another one has made it.
    let statement = "SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'meta' AND pg_table_is_visible(oid)";
    match tx.query_one(statement, params![])? {
        Some(_) => schema::version(tx),
        None => Ok(0),
    }
}
