//! Where things are stored, as the config says.

use std::{path::PathBuf, time::Duration};

use yabby_config::{Database, Environment, Paths, Retention, StoreLimits, StoreSettings};
use yabby_core::Secret;

use super::support::{summary, with_env};

const VARS: [(&str, &str); 4] = [
    ("HOME", "/home/me"),
    ("DATABASE_URL", "postgres://me:pw@db/yabby"),
    ("DB_PASSWORD", "hunter-two"),
    ("STORE_KEY", "AGE-SECRET-KEY-1"),
];

fn store(body: &str) -> (StoreSettings, Vec<String>) {
    let loaded = with_env(&format!("{{store: {body}}}"), &VARS);
    let told = summary(&loaded);
    assert_eq!(loaded.has_errors(), loaded.config.store.in_doubt, "{body}: {told:?}");
    (loaded.config.store, told)
}

fn days(count: u32) -> Duration {
    Duration::from_hours(24) * count
}

fn usual() -> StoreSettings {
    StoreSettings {
        database: None,
        path: None,
        retention: Retention {
            sessions: None,
            inbox: days(30),
            max_sessions: None,
        },
        limits: StoreLimits {
            attachment: 25 * 1024 * 1024,
            item: 4 * 1024 * 1024,
        },
        secrets_key: None,
        in_doubt: false,
    }
}

fn database(url: &str, shown: &str) -> Database {
    Database {
        url: Secret::new(url),
        shown: shown.to_owned(),
    }
}

#[test]
fn what_is_not_written_is_as_usual() {
    for body in ["{}", "{url: '', path: ' ', secretsKey: ''}", "{url: '${UNSET:-}'}"] {
        assert_eq!(store(body), (usual(), Vec::new()), "{body}");
    }
    let paths = Paths::new(&Environment::from_vars(VARS)).unwrap();
    assert_eq!(usual().folder(&paths), PathBuf::from("/home/me/.yabby/store"));
    assert_eq!(store("{path: '~/x'}").0.folder(&paths), PathBuf::from("/home/me/x"));
}

#[test]
fn everything_written() {
    let body = "{url: '${DATABASE_URL}', path: '/var/lib/yabby', retention: {days: 365, inboxDays: 7, maxSessions: 9},
        limits: {attachmentMb: 100, itemMb: 1}, secretsKey: {source: 'env', provider: 'default', id: 'STORE_KEY'}}";
    let expected = StoreSettings {
        database: Some(database("postgres://me:pw@db/yabby", "postgres://db/yabby")),
        path: Some(PathBuf::from("/var/lib/yabby")),
        retention: Retention {
            sessions: Some(days(365)),
            inbox: days(7),
            max_sessions: Some(9),
        },
        limits: StoreLimits {
            attachment: 100 * 1024 * 1024,
            item: 1024 * 1024,
        },
        secrets_key: Some(Secret::new("AGE-SECRET-KEY-1")),
        in_doubt: false,
    };
    assert_eq!(store(body), (expected, Vec::new()));
}

#[test]
fn an_address_may_be_written_like_other_secrets() {
    let whole = database("postgres://me:pw@db/yabby", "postgres://db/yabby");
    for url in [
        "'DATABASE_URL'",
        "{source: 'env', id: 'DATABASE_URL'}",
        "'${DATABASE_URL}'",
    ] {
        assert_eq!(
            store(&format!("{{url: {url}}}")).0.database.as_ref(),
            Some(&whole),
            "{url}"
        );
    }
    let (found, told) = store("{url: 'postgres://me:${DB_PASSWORD}@db/yabby'}");
    assert_eq!(
        found.database.unwrap(),
        database("postgres://me:hunter-two@db/yabby", "postgres://db/yabby")
    );
    assert_eq!(told, [""; 0]);
}

/// Nothing may be stored in the usual place when another one was meant.
#[test]
fn with_a_mistake_in_the_place_nothing_is_stored() {
    for body in [
        "{url: 5}",
        "{url: '${NOT_SET}'}",
        "{url: 'postgres://${NOT_SET}@h/db'}",
        "{url: 'mysql://h/db'}",
        "{url: 'NO_SUCH_VARIABLE'}",
        "{url: {source: 'file', id: 'x'}}",
        "{url: {source: 'env', id: 'NOT_SET'}}",
        "{ulr: 'postgres://h/db'}",
        "{path: 'store'}",
        "{path: '~me/store'}",
        "{path: ['/x']}",
        "{path: '${NOT_SET}/store'}",
        "{secretsKey: '${NOT_SET}'}",
        "{secretsKey: {source: 'exec', id: 'x'}}",
        "{secretKey: 'x'}",
        "5",
    ] {
        assert!(store(body).0.in_doubt, "{body}");
    }
    let loaded = with_env("{stoer: {url: 'postgres://h/db'}}", &[]);
    assert!(loaded.config.store.in_doubt && loaded.has_errors());
    for body in [
        "zebra: 1",
        "store: {zebra: 1}",
        "models: 5",
        "store: {limits: {itemMb: 0}}",
        "store: {retention: 5}",
    ] {
        let loaded = with_env(&format!("{{{body}}}"), &[]);
        assert_eq!(loaded.config.store, usual(), "{body}");
        assert_ne!(summary(&loaded), [""; 0], "{body}");
    }
}
