//! Processes see each other, say something to each other, and take over what the dead have had.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use yabby_testkit::Postgres;

use super::given::{listener, open, sql, use_all_connections};
use crate::{
    between::{Between, Ear, Heard, Whom},
    error::StoreErrorKind,
    store::Store,
};

/// Nothing takes longer, unless it does not come.
const LONGEST: Duration = Duration::from_mins(1);
/// A lease that nobody waits for.
const LEASE: Duration = Duration::from_hours(1);

/// A store that is seen by others, and sees those that are there.
async fn present(url: &str) -> (Store, Between, Ear) {
    let store = open(url).await;
    let between = store.between().expect("others may come");
    let ear = between.hear();
    until(|| between.is_present()).await;
    use_all_connections(&store).await;
    (store, between, ear)
}

async fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONGEST, "it does not come");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn heard(ear: &mut Ear) -> Heard {
    timeout(LONGEST, ear.next()).await.expect("in time").expect("open")
}

/// What was said, but for what else is heard.
async fn words(ear: &mut Ear) -> (String, String) {
    loop {
        if let Heard::Said { from, words } = heard(ear).await {
            return (from, words);
        }
    }
}

#[tokio::test]
async fn one_says_what_others_hear() {
    let url = Postgres::shared().new_database();
    let (one, says, mut own) = present(&url).await;
    let (_two, two_says, mut hears) = present(&url).await;
    let (three, _three_says, mut third) = present(&url).await;
    until(|| says.has_others() && two_says.has_others()).await;
    let long = "文'\"\\ \u{1}".repeat(20_000);
    for (to, words) in [
        (Whom::All, "to all"),
        (Whom::One(three.me().to_owned()), long.as_str()),
        (Whom::All, ""),
    ] {
        assert!(says.say(&to, words));
    }
    assert!(!says.say(&Whom::All, &"x".repeat(2 << 20)), "too long");
    let from = |words: &str| (one.me().to_owned(), words.to_owned());
    assert_eq!(
        [words(&mut hears).await, words(&mut hears).await],
        [from("to all"), from("")]
    );
    let all = [
        words(&mut third).await,
        words(&mut third).await,
        words(&mut third).await,
    ];
    assert_eq!(all, [from("to all"), from(&long), from("")]);
    // Nobody hears itself.
    assert!(two_says.say(&Whom::All, "answer"));
    assert_eq!(words(&mut own).await.1, "answer");
}

#[tokio::test]
async fn one_that_comes_and_goes_is_seen() {
    let url = Postgres::shared().new_database();
    let (_one, sees, _ear) = present(&url).await;
    assert!(!sees.has_others());
    let (two, ..) = present(&url).await;
    until(|| sees.has_others()).await;
    tokio::task::spawn_blocking(move || drop(two)).await.expect("an end");
    until(|| !sees.has_others()).await;
}

/// As one that was killed: what it had is free long before its lease is over, and if it lives after all it writes nothing more.
#[tokio::test]
async fn what_a_dead_one_had_is_taken_over() {
    let server = Postgres::shared();
    let url = server.new_database();
    let name = url.split(['/', '?']).nth(3).expect("a name");
    let (dies, ..) = present(&url).await;
    let listens = listener(server, name);
    let lease = dies.lease_conversation("a", LEASE).await.unwrap().expect("it is free");
    dies.renew(&lease, LEASE).await.unwrap();
    let (takes, _between, mut ear) = present(&url).await;
    assert_eq!(takes.lease_conversation("a", LEASE).await.unwrap(), None);
    // It cannot come back.
    sql(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    assert_eq!(
        sql(server, &format!("SELECT pg_terminate_backend({listens}, 5000)")),
        "t"
    );
    loop {
        match heard(&mut ear).await {
            Heard::Gone(who) => break assert_eq!(who, dies.me()),
            Heard::Missed => {}
            Heard::Said { .. } => panic!("nobody says anything"),
        }
    }
    let begun = Instant::now();
    let taken = loop {
        if let Some(taken) = takes.lease_conversation("a", LEASE).await.unwrap() {
            break taken;
        }
        assert!(begun.elapsed() < LONGEST, "it is not free");
        sleep(Duration::from_millis(10)).await;
    };
    assert!(taken.fence() > lease.fence());
    let fenced = dies.renew(&lease, LEASE).await.unwrap_err();
    assert_eq!(fenced.kind, StoreErrorKind::Fenced);
    takes.renew(&taken, LEASE).await.unwrap();
    sql(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
}

/// One whose connection breaks off and that comes back keeps what it has.
#[tokio::test]
async fn one_that_comes_back_keeps_what_it_has() {
    let server = Postgres::shared();
    let url = server.new_database();
    let name = url.split(['/', '?']).nth(3).expect("a name");
    let (stays, ..) = present(&url).await;
    let listens = listener(server, name);
    let lease = stays.lease_conversation("a", LEASE).await.unwrap().expect("it is free");
    let (other, _other_says, mut hears) = present(&url).await;
    let latest = listener(server, name);
    assert_eq!(
        sql(server, &format!("SELECT pg_terminate_backend({listens}, 5000)")),
        "t"
    );
    // It listens anew.
    until(|| listener(server, name) != latest).await;
    // Another one is seen dead meanwhile, and only that one.
    let (dies, ..) = present(&url).await;
    let listens = listener(server, name);
    dies.lease_conversation("b", LEASE).await.unwrap().expect("it is free");
    sql(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    assert_eq!(
        sql(server, &format!("SELECT pg_terminate_backend({listens}, 5000)")),
        "t"
    );
    loop {
        match heard(&mut hears).await {
            Heard::Gone(who) => break assert_eq!(who, dies.me()),
            Heard::Missed => {}
            Heard::Said { .. } => panic!("nobody says anything"),
        }
    }
    stays.renew(&lease, LEASE).await.unwrap();
    assert_eq!(other.lease_conversation("a", LEASE).await.unwrap(), None);
    sql(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
}
