//! A connection that is set up as Yabby needs it.

use std::{collections::HashMap, rc::Rc, time::Duration};

use futures_util::future::join;
use tokio::{runtime::Runtime, time};
use tokio_postgres::{Client, Statement, types::ToSql};

use super::{
    Limits,
    address::Address,
    errors::{self, Failure, Then},
    values,
    wait::Driver,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    sql::{Row, Value},
};
use yabby_core::text;

/// Statements that are kept ready.
const PREPARED: usize = 256;
/// For all addresses of a host together, with TLS and the password.
const CONNECT: Duration = Duration::from_secs(20);

/// What the server is to do with this connection; what an older one does not know is left out.
///
/// A replica that is paused or cut off in the middle of a transaction holds its locks for 15 s at the most. A commit is on
/// the disk when it returns, also where the database is set up for less. In `settings`, times are milliseconds, of keepalives
/// seconds.
const SET_UP: &str = "
SELECT set_config(name, value, false)
FROM (VALUES
  ('statement_timeout', '30000'),
  ('lock_timeout', '10000'),
  ('idle_in_transaction_session_timeout', '15000'),
  ('tcp_keepalives_idle', '10'),
  ('tcp_keepalives_interval', '3'),
  ('tcp_keepalives_count', '3'),
  ('tcp_user_timeout', '15000'),
  ('client_connection_check_interval', '5000'),
  ('default_transaction_isolation', 'read committed'),
  ('standard_conforming_strings', 'on'),
  ('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' END)
) AS wanted (name, value)
JOIN pg_settings USING (name)
WHERE value IS NOT NULL";

pub(super) struct Session {
    client: Client,
    driver: Driver,
    statements: HashMap<String, Statement>,
    answer: Duration,
}

impl Session {
    pub(super) fn connect(runtime: &Rc<Runtime>, address: &Rc<Address>, limits: Limits) -> Result<Self, Failure> {
        let connector = address.trust.connector()?;
        let connecting = async { time::timeout(CONNECT, address.config.connect(connector)).await };
        let (client, link) = runtime
            .block_on(connecting)
            .map_err(|_| errors::silent(address))?
            .map_err(|error| errors::connecting(address, &error))?;
        let mut session = Self {
            client,
            driver: Driver::new(Rc::clone(runtime), Rc::clone(address), link),
            statements: HashMap::new(),
            answer: limits.answer,
        };
        session.batch(SET_UP)?;
        Ok(session)
    }

    /// Whether the database can hold all texts.
    pub(super) fn check_encoding(&mut self) -> Result<(), Failure> {
        let rows = self.query(None, "SELECT current_setting('server_encoding')", &[])?;
        let encoding = rows.first().map_or(Ok(String::new()), |row| row.text(0))?;
        if encoding == "UTF8" {
            return Ok(());
        }
        let message = text!(
            "the database cannot hold every text: its encoding is {encoding}, not UTF8",
            encoding = encoding
        );
        let error = StoreError::new(StoreErrorKind::Invalid, message).with_hint(text!(
            "make another one: createdb --encoding=UTF8 --template=template0 name"
        ));
        Err(error.into())
    }

    /// Runs statements that have no parameters and whose rows nobody wants.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Failure> {
        self.driver.wait(self.answer, self.client.batch_execute(sql))
    }

    /// The same, with a limit of its own.
    pub(super) fn batch_within(&mut self, limit: Duration, sql: &str) -> Result<(), Failure> {
        self.driver.wait(limit, self.client.batch_execute(sql))
    }

    /// Tells whoever listens: each payload on its channel, in order. They stand in no statement, which servers may write down.
    pub(super) fn notify(&mut self, limit: Duration, channels: &[String], payloads: &[String]) -> Result<(), Failure> {
        const NOTIFY: &str = "SELECT pg_notify(channel, payload) FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[])) \
                              WITH ORDINALITY AS note (channel, payload, n) ORDER BY n";
        self.prepare_after(None, NOTIFY)?;
        let values: [&(dyn ToSql + Sync); 2] = [&channels, &payloads];
        let request = self.client.execute(&self.statements[NOTIFY], &values);
        self.driver.wait(limit, request).map(drop)
    }

    /// Runs a statement, and one without parameters before it, on one way there and back.
    pub(super) fn execute(&mut self, before: Option<&str>, sql: &str, params: &[Value]) -> Result<u64, Failure> {
        let before = self.prepare_after(before, sql)?;
        let statement = &self.statements[sql];
        let client = &self.client;
        let request = async {
            let run = client.execute_raw(statement, params);
            match before {
                None => run.await,
                Some(before) => {
                    let (before, run) = join(client.batch_execute(before), run).await;
                    before.and(run)
                }
            }
        };
        self.driver.wait(self.answer, request)
    }

    /// The same, for a statement that returns rows.
    pub(super) fn query(&mut self, before: Option<&str>, sql: &str, params: &[Value]) -> Result<Vec<Row>, Failure> {
        let before = self.prepare_after(before, sql)?;
        let statement = &self.statements[sql];
        let params: Vec<_> = params.iter().map(|value| value as _).collect();
        let client = &self.client;
        let request = async {
            let run = client.query(statement, &params);
            let rows = match before {
                None => run.await?,
                Some(before) => {
                    let (before, run) = join(client.batch_execute(before), run).await;
                    before.and(run)?
                }
            };
            let values = |row: tokio_postgres::Row| (0..row.len()).map(|at| row.try_get(at)).collect();
            rows.into_iter().map(values).collect::<Result<Vec<Vec<Value>>, _>>()
        };
        let rows = self.driver.wait(self.answer, request)?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// Keeps the statement ready. When it was not, what is to run before it is run now.
    fn prepare_after<'a>(&mut self, before: Option<&'a str>, sql: &str) -> Result<Option<&'a str>, Failure> {
        if self.statements.contains_key(sql) {
            return Ok(before);
        }
        if let Some(before) = before {
            self.batch(before)?;
        }
        if self.statements.len() >= PREPARED {
            self.statements.clear();
        }
        let text = values::placeholders(sql);
        let statement = self.driver.wait(self.answer, self.client.prepare(&text))?;
        self.statements.insert(sql.to_owned(), statement);
        Ok(None)
    }

    pub(super) fn driver(&mut self) -> &mut Driver {
        &mut self.driver
    }

    pub(super) fn is_alive(&self) -> bool {
        self.driver.is_alive()
    }

    /// Ends it in order.
    pub(super) fn close(self) {
        let Self {
            client,
            mut driver,
            statements,
            answer: _,
        } = self;
        drop(statements);
        drop(client);
        driver.finish();
    }
}

impl Then {
    /// Whether the connection is not used again.
    pub(super) fn ends_session(self) -> bool {
        matches!(self, Self::Reconnect | Self::Fresh)
    }
}
