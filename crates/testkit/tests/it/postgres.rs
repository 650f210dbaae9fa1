//! The real PostgreSQL.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use yabby_testkit::Postgres;

#[test]
fn a_database_is_empty_and_wants_a_password() {
    let postgres = Postgres::shared();
    let (first, second) = (postgres.new_database(), postgres.new_database());
    postgres.sql(&first, "CREATE TABLE t (n BIGINT)").unwrap();
    assert_eq!(postgres.sql(&first, "SELECT count(*) FROM t"), Ok("0".to_owned()));
    postgres.sql(&second, "SELECT 1 FROM t").unwrap_err();
    let wrong = first.replace(postgres.password(), "wrong");
    let error = postgres.sql(&wrong, "SELECT 1").unwrap_err();
    assert!(error.contains("password authentication failed"), "{error}");
    let local = postgres
        .sql(&postgres.socket_url(&first), "SELECT user, count(*) FROM t")
        .unwrap();
    assert_eq!(local, "postgres|0");
    assert_eq!(postgres.sql(&first, "SHOW fsync").unwrap(), "on");
}

#[test]
fn what_was_committed_is_there_after_a_crash() {
    let postgres = Postgres::start();
    let url = postgres.new_database();
    postgres.sql(&url, "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    postgres.kill_hard();
    postgres.sql(&url, "SELECT n FROM t").unwrap_err();
    postgres.start_again();
    assert_eq!(postgres.sql(&url, "SELECT n FROM t").unwrap(), "7");
    postgres.restart();
    assert_eq!(postgres.sql(&url, "SELECT n FROM t").unwrap(), "7");
    let folder = postgres.folder().to_owned();
    drop(postgres);
    assert!(!folder.exists());
}

/// Wherever it is: most of the time it is just starting.
#[test]
fn it_ends_with_the_process_that_has_started_it() {
    for delay in [0, 20, 60, 150] {
        let tests = std::env::current_exe().expect("this program");
        let mut child = Command::new(tests)
            .args([
                "--exact",
                "postgres::restarts_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let folder = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("in ").map(PathBuf::from))
            .expect("a cluster");
        assert!(folder.exists());
        thread::sleep(Duration::from_millis(delay));
        child.kill().expect("a child that runs");
        child.wait().expect("a child that ends");
        let start = Instant::now();
        while folder.exists() {
            assert!(start.elapsed() < Duration::from_mins(1), "{} is left", folder.display());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
#[ignore = "the other half of the test above"]
fn restarts_until_it_is_killed() {
    let postgres = Postgres::start();
    println!("\nin {}", postgres.folder().display());
    for _ in 0..100 {
        postgres.kill_hard();
        postgres.start_again();
    }
}
