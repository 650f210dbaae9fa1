//! A `llama-server` in `PATH`, played by a script around the wheel.

use std::{
    env::{join_paths, split_paths},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use tempfile::TempDir;

use crate::{
    chat::Chat,
    managed::{alive, folder, pid, status},
    place::{eventually, installed, path, python, signal, start, yabby},
};

/// The part of llama-server's command line that is needed. Like the real one it takes its key from the environment,
/// does not look at its standard input, and runs until it is told to end.
const SERVER: &str = r#"#!/bin/sh
[ "$1" = --version ] && exit 0
exec "PYTHON" -I -c '
import argparse, os, signal, xllamacpp
parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--model", required=True)
parser.add_argument("--alias", required=True)
for name in ["--port", "--ctx-size", "--parallel", "--threads"]:
    parser.add_argument(name, type=int, required=True)
asked, _ = parser.parse_known_args()
p = xllamacpp.CommonParams()
p.model.path, p.model_alias, p.port = asked.model, {asked.alias}, asked.port
p.n_ctx, p.n_parallel, p.use_jinja, p.endpoint_slots = asked.ctx_size, asked.parallel, True, True
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = asked.threads
p.api_keys = [os.environ["LLAMA_API_KEY"]]
server = xllamacpp.Server(p)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    signal.pause()
' "$@"
"#;

/// `yabby up` with the script at the front of `PATH`.
fn up(state: &Path, programs: &Path) -> Command {
    let file = programs.join("llama-server");
    fs::write(&file, SERVER.replace("PYTHON", python().to_str().unwrap())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let path = join_paths([programs.to_owned()].into_iter().chain(split_paths(&path()))).unwrap();
    let mut command = yabby(state, &["up"]);
    command.env("PATH", path);
    command
}

fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap()).into_owned()
}

#[test]
fn a_llama_server_in_path_is_used_and_ends_with_its_last_user() {
    installed();
    let (state, programs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut chat = Chat::of(&mut up(state.path(), programs.path()), start);
    assert!(!chat.ask("Say yes.").trim().is_empty());
    // Nothing was installed for this: the program is the one in PATH.
    assert!(!state.path().join("llama").exists());
    let server = pid(state.path(), "server");
    let line = command_line(server);
    assert!(line.contains("--ctx-size"), "{line:?}");
    let key = status(state.path())["key"].as_str().unwrap().to_owned();
    assert!(
        key.len() > 20 && !line.contains(&key),
        "the key stands on the command line"
    );
    for log in ["server.log", "supervisor.log"] {
        assert!(
            !fs::read_to_string(folder(state.path()).join(log))
                .unwrap()
                .contains(&key),
            "{log}"
        );
    }
    let supervisor = pid(state.path(), "supervisor");
    chat.leave();
    eventually("server and supervisor end", || !alive(server) && !alive(supervisor));
}

/// It does not know that its supervisor is gone; the kernel does.
#[test]
fn a_killed_supervisor_takes_a_native_server_along() {
    installed();
    let (state, programs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut chat = Chat::of(&mut up(state.path(), programs.path()), start);
    assert!(!chat.ask("Say yes.").trim().is_empty());
    let (server, supervisor) = (pid(state.path(), "server"), pid(state.path(), "supervisor"));
    assert!(alive(server) && command_line(server).contains("--ctx-size"));
    signal(supervisor, "-KILL");
    eventually("the server ends by itself", || !alive(server));
    chat.leave();
}
