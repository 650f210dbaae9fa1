//! Long sessions, and many of them.

use std::time::{Duration, Instant};

use yabby_core::{Confidentiality, Integrity, Label, Message, SessionKey, Time};
use yabby_store::{Access, Content, NewItem, SessionFilter, Store, new_id};
use yabby_testkit::Postgres;

use crate::{Failed, place_of, times::Times};

const LENGTHS: [usize; 3] = [10, 1_000, 100_000];
const ADDED: usize = 200;
const LONG: Duration = Duration::from_hours(1);
const PAGE: usize = 50;
const PAGES: u64 = 50;
/// Numbers that jump about.
const STEP: u64 = 618_033;
const MILLION: u64 = 1_000_000;

/// Rows that only differ in what the list sorts by. To make a million sessions one after the other would take longer than
/// all that is measured.
const IN_SQLITE: &str = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) \
     INSERT INTO sessions (id, conversation, agent, title, begun_at, active_at, next_seq, label) \
     SELECT printf('%032x', i), 'agent:main:hook:' || (i % 1000), 'main', 'Session ' || i, i * 1000, i * 1000, 3, '{}' FROM n; \
     ANALYZE";
const IN_POSTGRES: &str = "INSERT INTO sessions (id, conversation, agent, title, begun_at, active_at, next_seq, label) \
     SELECT lpad(to_hex(i), 32, '0'), 'agent:main:hook:' || (i % 1000), 'main', 'Session ' || i, i * 1000, i * 1000, 3, '{}' \
     FROM generate_series(0, 999999) AS n (i); ANALYZE sessions";

/// How long it takes to add an item to sessions of different lengths.
pub(crate) async fn append(name: &str, place: &str) -> Result<(), Failed> {
    let store = Store::open(&place_of(place), Access::Write).await?;
    for length in LENGTHS {
        let conversation = SessionKey::hook("main", &length.to_string());
        let lease = store.lease_conversation(conversation.as_str(), LONG).await?;
        let lease = lease.ok_or("the conversation is free")?;
        let session = new_id();
        store.begin_session(&lease, None, "new", (&session, Time(0))).await?;
        let mut left = length;
        while left > 0 {
            let items = left.min(1_000);
            store
                .append(&lease, &session, (0..items).map(|_| item()).collect())
                .await?;
            left -= items;
        }
        let mut times = Times::default();
        for _ in 0..ADDED {
            let begun = Instant::now();
            store.append(&lease, &session, vec![item()]).await?;
            times.push(begun.elapsed());
        }
        println!(
            "  {name:24} {length:>7} items {:>8.3} ms, p99 {:>8.3} ms",
            times.part(500),
            times.part(990)
        );
    }
    Ok(())
}

fn item() -> NewItem {
    NewItem {
        id: new_id(),
        turn: None,
        at: Time(0),
        content: Content::Message {
            message: Message::user("The quick brown fox jumps over the lazy dog, 敏捷的棕色狐狸跳過那隻懶狗。"),
        },
        label: Label::new(Integrity::Owner, Confidentiality::Private, "bench"),
        attempts: Vec::new(),
        files: Vec::new(),
    }
}

/// How long it takes to list a page of a million sessions.
pub(crate) async fn pages(name: &str, place: &str, postgres: &Postgres) -> Result<(), Failed> {
    // It makes the tables.
    drop(Store::open(&place_of(place), Access::Write).await?);
    if place.starts_with("postgres") {
        postgres.sql(place, IN_POSTGRES)?;
    } else {
        rusqlite::Connection::open(std::path::Path::new(place).join("yabby.db"))?.execute_batch(IN_SQLITE)?;
    }
    let store = Store::open(&place_of(place), Access::Write).await?;
    let mut times = Times::default();
    for number in 1..=PAGES {
        let id = format!("{:032x}", number * STEP % MILLION);
        let place = store.sessions_named(&id, 1).await?;
        let from = place.first().ok_or("the session is there")?.page();
        let begun = Instant::now();
        let page = store.sessions(SessionFilter::default(), Some(from), PAGE).await?;
        times.push(begun.elapsed());
        if page.is_empty() {
            return Err("the page is empty".into());
        }
    }
    println!(
        "  {name:24} {:>8.3} ms, p99 {:>8.3} ms",
        times.part(500),
        times.part(990)
    );
    Ok(())
}
