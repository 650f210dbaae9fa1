//! What `cargo xtask bench store` runs: how fast the store is, on SQLite and on a PostgreSQL of its own, beside what the
//! disk itself can do in the same run.
//!
//! ```text
//! store-bench FOLDER           everything; FOLDER is on the disk to be measured
//! store-bench replica PLACE    works off what has come in, until its input ends
//! ```
#![expect(clippy::print_stdout, reason = "a program of its own, for developers")]

mod commits;
mod disk;
mod echo;
mod sessions;
mod times;

use std::{error::Error, path::PathBuf};

use yabby_core::Secret;
use yabby_store::Place;
use yabby_testkit::Postgres;

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // As Yabby: one thread, and those of the store.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match words.as_slice() {
            ["replica", place] => echo::replica(&place_of(place)).await,
            [folder] => everything(folder.into()).await,
            _ => Err("see the beginning of examples/store-bench/main.rs".into()),
        }
    })
}

async fn everything(folder: PathBuf) -> Result<(), Failed> {
    std::fs::create_dir_all(&folder)?;
    let folder = tempfile::tempdir_in(folder)?;
    let postgres = Postgres::start();
    disk::measure(folder.path())?;
    let sqlite = |name: &str| folder.path().join(name).display().to_string();
    println!("\noperations that are on the disk when they return (a message taken in), for 3 s");
    commits::measure("SQLite", &sqlite("commits")).await?;
    commits::measure("PostgreSQL", &postgres.new_database()).await?;
    println!("\nadding an item to a session that has so many already, median of 200");
    sessions::append("SQLite", &sqlite("append")).await?;
    sessions::append("PostgreSQL", &postgres.new_database()).await?;
    println!("\na page of 50 sessions of 1,000,000, median of 50 pages at random places");
    sessions::pages("SQLite", &sqlite("pages"), &postgres).await?;
    sessions::pages("PostgreSQL", &postgres.new_database(), &postgres).await?;
    println!("\nmessages through inbox, echo turn and outbox");
    echo::measure("SQLite, 1 process", &sqlite("echo"), 0).await?;
    echo::measure("PostgreSQL, 1 replica", &postgres.new_database(), 0).await?;
    echo::measure("PostgreSQL, 2 replicas", &postgres.new_database(), 1).await
}

/// A place by its URL or its folder.
pub(crate) fn place_of(text: &str) -> Place {
    if text.starts_with("postgres") {
        Place::Postgres {
            url: Secret::new(text),
            folder: std::env::temp_dir(),
        }
    } else {
        Place::Folder(text.into())
    }
}
