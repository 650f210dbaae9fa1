//! Who waits is told, in every process.

use tokio::sync::watch;
use yabby_testkit::Postgres;

use super::given::{listener, note, open, sql, use_all_connections};
use crate::{postgres::closed, store::Store, wakes::Topic};

async fn until_woken(wakes: &mut watch::Receiver<u64>) {
    wakes.changed().await.expect("a store that is open");
}

async fn wake(store: &Store, topic: Topic) {
    let waking = store.write("wake", move |tx| {
        note(tx, "wake")?;
        tx.wake(topic)
    });
    waking.await.unwrap();
}

/// Waits until it listens: that wakes everybody.
async fn listening(store: &Store) -> watch::Receiver<u64> {
    let mut wakes = store.wakes(Topic::Timers);
    wakes.wait_for(|count| *count > 0).await.expect("a store that is open");
    wakes
}

#[tokio::test]
async fn one_store_wakes_another() {
    let url = Postgres::shared().new_database();
    let (one, two) = (open(&url).await, open(&url).await);
    listening(&two).await;
    let mut outbox = two.wakes(Topic::Outbox);
    let timers = two.wakes(Topic::Timers);
    wake(&one, Topic::Outbox).await;
    until_woken(&mut outbox).await;
    assert!(!timers.has_changed().unwrap());
}

#[tokio::test]
async fn what_is_undone_wakes_nobody() {
    let url = Postgres::shared().new_database();
    let (one, two) = (open(&url).await, open(&url).await);
    listening(&two).await;
    let inbox = two.wakes(Topic::Inbox);
    let mut outbox = two.wakes(Topic::Outbox);
    let undone = one.write("undone", |tx| {
        tx.wake(Topic::Inbox)?;
        Err::<(), _>(closed())
    });
    undone.await.unwrap_err();
    // Notes arrive in order, so the first would be there before the second.
    wake(&one, Topic::Outbox).await;
    until_woken(&mut outbox).await;
    assert!(!inbox.has_changed().unwrap());
}

#[tokio::test]
async fn what_is_done_last_wakes_others_too() {
    let url = Postgres::shared().new_database();
    let (one, two) = (open(&url).await, open(&url).await);
    listening(&two).await;
    let mut outbox = two.wakes(Topic::Outbox);
    wake(&one, Topic::Outbox).await;
    tokio::task::spawn_blocking(move || drop(one)).await.expect("an end");
    until_woken(&mut outbox).await;
}

#[tokio::test]
async fn what_was_told_while_nobody_listened_is_not_lost() {
    cut_off("hears").await;
}

#[tokio::test]
async fn what_could_not_be_told_is_not_lost() {
    cut_off("tells").await;
}

/// Somebody is cut off, and cannot come back before there is something to tell.
async fn cut_off(who: &str) {
    let server = Postgres::shared();
    let url = server.new_database();
    let name = url.split(['/', '?']).nth(3).expect("a name");
    let sql = |statement: &str| sql(server, statement);
    let listener = || listener(server, name);
    let tells = open(&url).await;
    use_all_connections(&tells).await;
    listening(&tells).await;
    let telling = listener();
    let hears = open(&url).await;
    listening(&hears).await;
    let hearing = listener();
    assert_ne!(telling, hearing);
    sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    let process = if who == "hears" { hearing } else { telling };
    assert_eq!(sql(&format!("SELECT pg_terminate_backend({process}, 5000)")), "t");
    let mut inbox = hears.wakes(Topic::Inbox);
    wake(&tells, Topic::Inbox).await;
    // So that it would have been there, had it been told.
    use_all_connections(&tells).await;
    assert!(!inbox.has_changed().unwrap(), "it was not cut off");
    sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    until_woken(&mut inbox).await;
}
