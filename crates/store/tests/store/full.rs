//! A disk without space, a folder that cannot be written, no file descriptors left.
//!
//! The cases that need a disk of their own run in a child process, with a small disk that nobody else sees; where the
//! system allows no such thing, a limit on the size of files stands in.
#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use yabby_store::{Accepted, Access, InboundState, Place, Store, StoreErrorKind};

use crate::{
    both::open,
    given::{accept, inbound},
};

/// The folder of the case, which is that of the child process.
const STORE: &str = "store";
const LARGE: usize = 20_000;

fn place() -> Place {
    Place::Folder(std::env::current_dir().expect("a folder").join(STORE))
}

/// Runs a shell script in a folder of its own, with what begins this program as `"$@"`.
fn child(script: &str, case: &str, alone: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = std::env::current_exe().expect("this program");
    let mut words: Vec<&str> = alone.to_vec();
    words.extend(["sh", "-ec", script, "sh"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(own);
    command.args([case, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.current_dir(folder.path()).output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{told}");
}

/// How a process gets mounts that nobody else sees; `None` where it cannot.
fn alone() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-rm"]];
    ways.into_iter().find(|way| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]);
        command.args(["sh", "-c", "mount -t tmpfs -o size=1m tmpfs /tmp"]);
        command.output().is_ok_and(|output| output.status.success())
    })
}

/// Takes messages in until one is refused; those that were acknowledged, and how it was refused.
async fn until_refused(store: &Store, from: usize) -> (Vec<i64>, StoreErrorKind) {
    let mut acknowledged = Vec::new();
    for number in from..from + 2000 {
        let new = inbound(&format!("c{}", number % 3), &format!("m{number}{}", "x".repeat(LARGE)));
        match store.accept(new).await {
            Ok(Accepted::New { id }) => acknowledged.push(id),
            Ok(known @ Accepted::Known { .. }) => panic!("{known:?}"),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return (acknowledged, error.kind);
            }
        }
    }
    panic!("nothing was refused");
}

async fn all_there(store: &Store, acknowledged: &[i64]) {
    for id in acknowledged {
        let state = store.inbound(*id).await.expect("a store").map(|(_, state)| state);
        assert_eq!(state, Some(InboundState::Received), "{id}");
    }
}

/// In a small disk that is almost full.
#[tokio::test]
#[ignore = "a part of another test"]
async fn in_a_small_disk() {
    let store = open(&place()).await;
    let (mut acknowledged, refused) = until_refused(&store, 0).await;
    assert_eq!(refused, StoreErrorKind::Full);
    assert!(!acknowledged.is_empty());
    // It stays refused, and what was acknowledged can be read.
    let again = store.accept(inbound("c", &"x".repeat(LARGE))).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Full);
    assert!(again.hint.is_some());
    all_there(&store, &acknowledged).await;
    // Space is back, and it goes on by itself.
    fs::remove_file("ballast").expect("space");
    acknowledged.push(accept(&store, "c1", "after").await);
    all_there(&store, &acknowledged).await;
    let (more, refused) = until_refused(&store, 5000).await;
    assert_eq!(refused, StoreErrorKind::Full);
    acknowledged.extend(more);
    drop(store);
    fs::remove_file("ballast2").expect("space");
    let store = open(&place()).await;
    all_there(&store, &acknowledged).await;
    assert_eq!(store.check().await.expect("checked").problems, []);
    println!("{} messages acknowledged", acknowledged.len());
}

#[test]
fn on_a_full_disk_messages_are_refused_and_none_is_lost() {
    let Some(alone) = alone() else {
        println!("no mounts here; the limit on files stands in");
        return;
    };
    let script = "mkdir disk; mount -t tmpfs -o size=6m tmpfs disk; cd disk; \
                  head -c 2000000 /dev/zero > ballast; head -c 1000000 /dev/zero > ballast2; exec \"$@\"";
    child(script, "full::in_a_small_disk", alone);
}

/// With a limit on the size of files, which a write beyond it meets with an error.
#[tokio::test]
#[ignore = "a part of another test"]
async fn with_small_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let store = open(&place()).await;
    let (mut acknowledged, refused) = until_refused(&store, 0).await;
    assert!(
        matches!(refused, StoreErrorKind::Full | StoreErrorKind::Other),
        "{refused:?}"
    );
    assert!(!acknowledged.is_empty());
    all_there(&store, &acknowledged).await;
    let mut limit = getrlimit(Resource::Fsize);
    limit.current = limit.maximum;
    setrlimit(Resource::Fsize, limit).expect("no limit");
    acknowledged.push(accept(&store, "c1", "after").await);
    drop(store);
    let store = open(&place()).await;
    all_there(&store, &acknowledged).await;
    assert_eq!(store.check().await.expect("checked").problems, []);
}

#[test]
fn beyond_a_limit_of_the_system_messages_are_refused_and_none_is_lost() {
    let script = "trap '' XFSZ; ulimit -S -f 2000; exec \"$@\"";
    child(script, "full::with_small_files", &[]);
}

/// In a folder that can only be read.
#[tokio::test]
#[ignore = "a part of another test"]
async fn in_a_folder_to_read() {
    let error = Store::open(&place(), Access::Write).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ReadOnly, "{error}");
    assert!(error.hint.is_some());
    let store = Store::open(&place(), Access::Read).await.expect("a store to read");
    assert_eq!(store.overview().await.expect("numbers").waiting_in, 1);
    assert_eq!(store.check().await.expect("checked").problems, []);
}

/// Makes a store for it.
#[tokio::test]
#[ignore = "a part of another test"]
async fn one_message() {
    accept(&open(&place()).await, "c", "m").await;
}

#[test]
fn a_folder_that_can_only_be_read_is_read() {
    let Some(alone) = alone() else {
        println!("no mounts here");
        return;
    };
    let script = "mkdir disk; mount -t tmpfs tmpfs disk; cd disk; \
                  \"$1\" full::one_message --exact --ignored; mount -o remount,ro .; exec \"$@\"";
    child(script, "full::in_a_folder_to_read", alone);
}

/// With few file descriptors.
#[tokio::test]
#[ignore = "a part of another test"]
async fn with_few_descriptors() {
    let store = open(&place()).await;
    let mut acknowledged = vec![accept(&store, "c", "m0").await];
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
        assert!(held.len() < 1000, "there is no limit");
    }
    // The store has what it needs.
    for number in 1..20 {
        acknowledged.push(accept(&store, "c", &format!("m{number}")).await);
    }
    all_there(&store, &acknowledged).await;
    // Nothing new can be opened, and nothing is taken for damaged.
    let other = Place::Folder(std::env::current_dir().expect("a folder").join("other"));
    let error = Store::open(&other, Access::Write).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Other, "{error}");
    let error = store.backup(Some("backup".into()), 1).await.unwrap_err();
    assert_ne!(error.kind, StoreErrorKind::Damaged, "{error}");
    drop(store);
    let closed = Store::open(&place(), Access::Write).await;
    drop((closed, held));
    assert!(!Path::new(STORE).join("backups").exists());
    let store = open(&place()).await;
    all_there(&store, &acknowledged).await;
    accept(&open(&other).await, "c", "m").await;
}

#[test]
fn without_file_descriptors_nothing_is_lost() {
    child("ulimit -n 40; exec \"$@\"", "full::with_few_descriptors", &[]);
}
