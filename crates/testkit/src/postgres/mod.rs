//! A real PostgreSQL for tests, with a cluster of its own.
//!
//! ```no_run
//! use yabby_testkit::Postgres;
//!
//! let postgres = Postgres::shared(); // one for all tests of a binary
//! let url = postgres.new_database(); // postgres://yabby:…@127.0.0.1:PORT/…
//! postgres.sql(&url, "CREATE TABLE t (n BIGINT)").unwrap();
//! ```
//!
//! The server comes from the system (`cargo xtask test` installs it); the cluster lives in a temporary folder. It writes
//! as durably as it would for a person. Both are gone when the test process is, however that ends (`keeper`). `tls/` has
//! a certificate for `localhost` and 127.0.0.1 that no system trusts, and the authority that has signed it, whose key
//! nobody has kept.

mod cluster;
mod keeper;
mod programs;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use self::{cluster::Cluster, keeper::Keeper, programs::Programs};

/// The password of the user `yabby`, who owns the databases.
const PASSWORD: &str = "correct-horse-battery";

/// A server with a cluster of its own. It is stopped and removed when it is dropped, and at the end of the process.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    cluster: Cluster,
    keeper: Mutex<Keeper>,
    databases: AtomicU64,
}

impl Postgres {
    /// The one that all tests of a binary share. A test that stops its server starts one of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Makes a cluster and starts a server for it.
    pub fn start() -> Self {
        let programs = Programs::find();
        let cluster = Cluster::make(&programs);
        let keeper = Keeper::start(&programs, &cluster);
        let postgres = Self {
            programs,
            cluster,
            keeper: Mutex::new(keeper),
            databases: AtomicU64::new(0),
        };
        let user = format!("CREATE ROLE yabby LOGIN PASSWORD '{PASSWORD}'");
        postgres.sql(&postgres.socket_url("postgres"), &user).expect("a user");
        postgres
    }

    /// Makes an empty database; its URL is for TCP on loopback, without TLS, with a user and a password.
    ///
    /// Texts sort in it as people want it (`a`, `B`, `c`), as in most databases and not as in SQLite, where the server
    /// can do that by itself (PostgreSQL 15).
    pub fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let order = if self.programs.version() >= 15 {
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        } else {
            ""
        };
        let make = format!("CREATE DATABASE {name} OWNER yabby TEMPLATE template0 ENCODING 'UTF8' {order}");
        self.sql(&self.socket_url("postgres"), &make).expect("a new database");
        format!(
            "postgres://yabby:{PASSWORD}@127.0.0.1:{}/{name}?sslmode=disable",
            self.port()
        )
    }

    /// The URL by which the superuser comes into a database through the server's socket, without a password.
    ///
    /// `database` is its name, or its URL.
    pub fn socket_url(&self, database: &str) -> String {
        let path = database.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let folder = self.cluster.folder().display();
        format!("postgres://postgres@/{name}?host={folder}&port={}", self.port())
    }

    /// The port on 127.0.0.1. It stays the same when the server is started again.
    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// The password in the URLs of [`Self::new_database`].
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The certificate of the authority that the server's certificate is signed by.
    pub fn authority(&self) -> PathBuf {
        self.cluster.authority()
    }

    /// Runs SQL with `psql`, and returns what it prints: a line for each row, with `|` between columns.
    pub fn sql(&self, url: &str, sql: &str) -> Result<String, String> {
        self.programs.sql(url, sql)
    }

    /// Stops the server in order, which breaks off all connections, and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Stops the server in order: connections are broken off, what was not committed is undone.
    pub fn stop(&self) {
        self.keeper().end("INT");
    }

    /// Kills the server as a power cut would, without a warning.
    pub fn kill_hard(&self) {
        self.keeper().end("KILL");
    }

    /// Starts the server that was stopped or killed, and waits until it answers.
    pub fn start_again(&self) {
        self.keeper().begin(&self.programs, &self.cluster);
    }

    /// Where it keeps everything.
    pub fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
