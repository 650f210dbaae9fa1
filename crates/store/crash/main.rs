//! A small gateway, to be killed by tests: it takes messages in, answers them, and sends the answers.
//!
//! What it does to the outside stands in ledgers, line by line, each on the disk before it goes on; a test compares them
//! when the last one of several such processes has come to an end.
//!
//! ```text
//! yabby-store-crash PLACE LEDGERS MESSAGES CONVERSATIONS LEASE_MS [feed] [look-up]
//! ```
//!
//! `PLACE` is a folder or the URL of a PostgreSQL. With `feed` it takes in all messages that stand in no ledger yet. With
//! `look-up` its channel can say what was sent. It ends when all `MESSAGES` have come in and nothing waits any more.
#![expect(clippy::print_stderr, reason = "a program for tests")]

mod channel;
mod echo;
mod feed;
mod ledger;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use tokio::sync::watch;
use yabby_core::Secret;
use yabby_store::{Access, Deliveries, Pace, Place, Store, StoreError, Turns};

use crate::{channel::Channel, echo::Echo, feed::feed};

/// What it was started with.
struct Asked {
    place: Place,
    ledgers: PathBuf,
    messages: usize,
    conversations: usize,
    lease: Duration,
    feed: bool,
    look_up: bool,
}

fn main() -> ExitCode {
    let Some(asked) = asked() else {
        eprintln!("see crash/main.rs");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(run(&asked))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn asked() -> Option<Asked> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next()?;
    let ledgers = PathBuf::from(arguments.next()?);
    let place = if place.starts_with("postgres") {
        Place::Postgres {
            url: Secret::new(place),
            folder: ledgers.join("store"),
        }
    } else {
        Place::Folder(place.into())
    };
    let mut number = || arguments.next()?.parse::<u64>().ok();
    let messages = usize::try_from(number()?).ok()?;
    let conversations = usize::try_from(number()?).ok()?;
    let lease = Duration::from_millis(number()?);
    let rest: Vec<String> = arguments.collect();
    Some(Asked {
        place,
        ledgers,
        messages,
        conversations,
        lease,
        feed: rest.iter().any(|word| word == "feed"),
        look_up: rest.iter().any(|word| word == "look-up"),
    })
}

async fn run(asked: &Asked) -> Result<(), StoreError> {
    let store = Store::open(&asked.place, Access::Write).await?;
    let ledger = |name: &str| ledger::path(&asked.ledgers, name);
    let pace = Pace {
        parallel: 4,
        lease: asked.lease,
        look: asked.lease,
        drain: Duration::from_secs(5),
        // Tests kill the same turn over and over.
        most_claims: 1000,
        first_wait: Duration::from_millis(10),
        ..Pace::default()
    };
    let (stop, stopping) = watch::channel(false);
    let stopped = || {
        let mut stopping = stopping.clone();
        async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        }
    };
    let ahead = Arc::new(AtomicI64::new(open_messages(&store).await?));
    let echo = Echo::new(ledger("effects"), Arc::clone(&ahead));
    let turns = Turns::new(store.clone(), echo, pace.clone()).run(stopped());
    let channel = Channel::new(ledger("deliveries"), asked.look_up);
    let deliveries = Deliveries::new(store.clone(), channel, pace).run(stopped());
    let all = async {
        if asked.feed {
            feed(&store, &ledger("acked"), asked.messages, asked.conversations, &ahead).await?;
        }
        until_empty(&store, asked.messages).await?;
        stop.send_replace(true);
        Ok(())
    };
    let ((), (), done) = tokio::join!(turns, deliveries, all);
    done
}

/// How many messages wait for an answer.
async fn open_messages(store: &Store) -> Result<i64, StoreError> {
    let backlog = store.backlog().await?;
    let open = ["received", "claimed", "running", "failed"];
    let open: u64 = open.iter().filter_map(|state| backlog.inbox.get(*state)).sum();
    Ok(i64::try_from(open).unwrap_or(i64::MAX))
}

/// Waits until all messages have come in and nothing waits.
async fn until_empty(store: &Store, messages: usize) -> Result<(), StoreError> {
    loop {
        let backlog = store.backlog().await?;
        let of = |counts: &std::collections::BTreeMap<String, u64>, states: &[&str]| -> u64 {
            states.iter().filter_map(|state| counts.get(*state)).sum()
        };
        let ended = of(&backlog.inbox, &["done", "dead"]);
        if ended >= messages as u64 && of(&backlog.outbox, &["pending", "sending"]) == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A ledger that cannot be written makes the whole test worthless.
fn broken(path: &Path, error: &std::io::Error) -> ! {
    eprintln!("{}: {error}", path.display());
    std::process::abort();
}
