//! The server that Yabby runs itself: shared, started again, stopped with the last user.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    chat::Chat,
    place::{eventually, installed, shared, signal, start, yabby},
};

/// `yabby up` of a state folder.
fn open(state: &Path) -> Chat {
    Chat::of(&mut yabby(state, &["up"]), start)
}

/// A state folder of its own that uses the installed program, so that tests do not share a server.
pub(crate) fn state() -> tempfile::TempDir {
    installed();
    let state = tempfile::TempDir::new().unwrap();
    std::os::unix::fs::symlink(shared().join("state/llama"), state.path().join("llama")).unwrap();
    state
}

pub(crate) fn folder(state: &Path) -> PathBuf {
    let mut found = fs::read_dir(state.join("managed")).unwrap();
    found.next().unwrap().unwrap().path()
}

pub(crate) fn status(state: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder(state).join("status.json")).unwrap()).unwrap()
}

pub(crate) fn pid(state: &Path, who: &str) -> u32 {
    u32::try_from(status(state)[who].as_u64().unwrap()).unwrap()
}

pub(crate) fn alive(pid: u32) -> bool {
    // A process that has ended but was not waited for has no command line.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn two_users_share_it_and_the_last_one_stops_it() {
    let state = state();
    let mut one = open(state.path());
    assert!(!one.ask("Say yes.").trim().is_empty());
    let server = pid(state.path(), "server");
    let mut two = open(state.path());
    assert!(!two.ask("Say no.").trim().is_empty());
    assert_eq!(pid(state.path(), "server"), server);
    one.leave();
    assert!(
        !two.ask("Say yes.").trim().is_empty(),
        "the other one's leaving must not stop it"
    );
    assert!(alive(server));
    let supervisor = pid(state.path(), "supervisor");
    two.leave();
    eventually("server and supervisor end", || !alive(server) && !alive(supervisor));
    assert!(!folder(state.path()).join("status.json").exists());
}

/// Waits for the end of the first answer, which may have more lines than the one that was read: what was learned is
/// written down then. A server that dies in the middle of an answer fails it.
fn complete(state: &Path) {
    eventually("the first answer is complete", || {
        state.join("servers/learned.json").exists()
    });
}

#[test]
fn a_crashed_server_is_started_again() {
    let state = state();
    let mut chat = open(state.path());
    assert!(!chat.ask("Say yes.").trim().is_empty());
    complete(state.path());
    let first = pid(state.path(), "server");
    signal(first, "-KILL");
    // The next question waits for the new one; without an answer to it, leaving fails.
    chat.ask("Say yes.");
    eventually("another server", || {
        status(state.path())["restarts"] == 1 && pid(state.path(), "server") != first
    });
    let second = pid(state.path(), "server");
    chat.leave();
    eventually("the server ends", || !alive(second));
}

#[test]
fn a_killed_supervisor_takes_its_server_along_and_is_replaced() {
    let state = state();
    let mut chat = open(state.path());
    assert!(!chat.ask("Say yes.").trim().is_empty());
    complete(state.path());
    let (server, supervisor) = (pid(state.path(), "server"), pid(state.path(), "supervisor"));
    signal(supervisor, "-KILL");
    eventually("the server ends by itself", || !alive(server));
    chat.ask("Say yes.");
    eventually("another supervisor", || {
        folder(state.path()).join("status.json").exists() && pid(state.path(), "supervisor") != supervisor
    });
    eventually("another server", || !status(state.path())["server"].is_null());
    let server = pid(state.path(), "server");
    chat.leave();
    eventually("the new server ends", || !alive(server));
}

#[test]
fn a_killed_user_leaves_nothing_behind() {
    let state = state();
    let mut chat = open(state.path());
    assert!(!chat.ask("Say yes.").trim().is_empty());
    let (server, supervisor) = (pid(state.path(), "server"), pid(state.path(), "supervisor"));
    chat.running.child().kill().unwrap();
    eventually("server and supervisor end", || !alive(server) && !alive(supervisor));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let state = state();
    let mut chat = open(state.path());
    assert!(!chat.ask("Say yes.").trim().is_empty());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = folder(state.path());
    assert_eq!((mode(&folder), mode(&folder.join("status.json"))), (0o700, 0o600));
    let key = status(state.path())["key"].as_str().unwrap().to_owned();
    let line = fs::read(format!("/proc/{}/cmdline", pid(state.path(), "server"))).unwrap();
    assert!(
        !String::from_utf8_lossy(&line).contains(&key),
        "the key stands on the command line"
    );
    for log in ["server.log", "supervisor.log"] {
        assert!(!fs::read_to_string(folder.join(log)).unwrap().contains(&key), "{log}");
    }
    chat.leave();
}
