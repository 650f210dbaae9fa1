//! How an older store becomes a newer one.

use std::rc::Rc;

use yabby_core::Secret;
use yabby_testkit::Postgres;

use crate::{
    error::StoreErrorKind,
    postgres::{Limits, address::Address, migrate, session::Session, wait},
    schema,
    sql::{Flavor, Row, Value, params},
};

/// The steps of today, and one that a later version might take.
fn later(step: &'static str) -> Vec<&'static str> {
    let mut steps = schema::steps(Flavor::Postgres).to_vec();
    steps.push(step);
    steps
}

/// A store of today with a session in it.
fn opened() -> Session {
    let server = Postgres::shared();
    let url = Secret::new(server.socket_url(&server.new_database()));
    let runtime = wait::runtime().expect("a runtime");
    let address = Rc::new(Address::of(&url).expect("an address"));
    let mut session = Session::connect(&runtime, &address, Limits::default()).expect("a connection");
    migrate::up_to_date(&mut session, schema::steps(Flavor::Postgres)).expect("tables");
    let insert = "INSERT INTO sessions (id, conversation, agent, begun_at, active_at, label) \
                  VALUES ('s', 'c', 'main', 1, 2, '{}')";
    session.batch(insert).expect("a session");
    session
}

#[test]
fn an_older_store_becomes_a_newer_one() {
    let mut session = opened();
    let steps = later(
        "CREATE TABLE later (id TEXT PRIMARY KEY); \
         ALTER TABLE sessions ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'; \
         INSERT INTO later SELECT id FROM sessions;",
    );
    migrate::up_to_date(&mut session, &steps).expect("taken");
    // Once.
    migrate::up_to_date(&mut session, &steps).expect("taken");
    assert_eq!(migrate::version(&mut session).expect("a version"), steps.len());
    let rows = session.query(None, "SELECT s.id, mood, l.id FROM sessions s, later l", params![]);
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(rows.expect("rows"), [Row(vec![text("s"), text("fine"), text("s")])]);
    // What was there is there as it was.
    let copies = format!("table_schema LIKE 'yabby\\_before\\_{}\\_%'", steps.len());
    let copied = format!("SELECT count(*), count(DISTINCT table_schema) FROM information_schema.tables WHERE {copies}");
    let rows = session.query(None, &copied, params![]).expect("rows");
    let made = schema::steps(Flavor::Postgres).iter();
    let count: usize = made.map(|step| step.matches("CREATE TABLE ").count()).sum();
    assert_eq!(rows, [Row(vec![Value::from(count), Value::Int(1)])]);
    let columns = format!(
        "SELECT count(*) FROM information_schema.columns WHERE {copies} AND table_name = 'sessions' \
         AND column_name = 'mood'"
    );
    let rows = session.query(None, &columns, params![]).expect("rows");
    assert_eq!(rows, [Row(vec![Value::Int(0)])]);
    // The version of before does not touch it.
    let failure = migrate::up_to_date(&mut session, schema::steps(Flavor::Postgres)).unwrap_err();
    assert_eq!(failure.error.kind, StoreErrorKind::Newer);
}

#[test]
fn a_step_that_fails_has_not_happened() {
    let mut session = opened();
    let tables = |session: &mut Session| {
        let list = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() OR schemaname LIKE 'yabby%' \
                    ORDER BY 1";
        session.query(None, list, params![]).expect("tables")
    };
    let before = tables(&mut session);
    let steps = later("CREATE TABLE later (id TEXT); DROP TABLE timers; INSERT INTO nowhere VALUES (1);");
    migrate::up_to_date(&mut session, &steps).unwrap_err();
    assert_eq!(migrate::version(&mut session).expect("a version"), schema::VERSION);
    assert_eq!(tables(&mut session), before);
    migrate::up_to_date(&mut session, schema::steps(Flavor::Postgres)).expect("nothing to do");
}
