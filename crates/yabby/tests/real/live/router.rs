//! llama.cpp in router mode. The wheel is built without it, so that a `llama-server` of the machine is needed.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use yabby_core::{Fact, FactSource};
use yabby_servers::{ModelState, ServerKind};

use super::{Here, PROBE, provider, request, runtime, tried};
use crate::place::{LIMIT, installed, llama_server, model_file, within};

/// Dropping it ends the server.
struct Router(Child);

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn looking_at_a_router_loads_nothing() {
    let Some(program) = llama_server() else {
        println!(
            "skipped: no llama-server in PATH for router mode; the recordings in crates/servers/fixtures/probe stand in"
        );
        return;
    };
    installed();
    let folder = tempfile::TempDir::new().unwrap();
    for name in ["one.gguf", "two.gguf"] {
        std::os::unix::fs::symlink(model_file(), folder.path().join(name)).unwrap();
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Command::new(program)
        .arg("--models-dir")
        .arg(folder.path())
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["-c", "2048", "-np", "1", "-t", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _router = Router(server);
    let here = Here::of(&super::config(&[provider("here", port, "one")], &[]));
    let endpoint = here.endpoint("here");
    let runtime = runtime();
    let look = || runtime.block_on(endpoint.refresh(&here.http, Duration::ZERO, PROBE));
    within(LIMIT, "the router answers", || look().error.is_none());
    let states = |facts: &yabby_servers::ServerFacts| {
        let state = |id: &str| facts.model(id).map(|model| model.state);
        (state("one"), state("two"))
    };
    let facts = look();
    assert_eq!((facts.kind, facts.router), (Some(ServerKind::LlamaCpp), true));
    let cold = Some(ModelState::Unloaded);
    assert_eq!((states(&facts), states(&look())), ((cold, cold), (cold, cold)));
    assert_eq!(endpoint.window("one"), None, "what is not loaded serves nothing");

    let told = runtime.block_on(here.ask(Some("here/one"), request("Say hello.", 8)));
    assert_eq!(told.tried(), tried(&[("here/one", "answered")]));
    assert_eq!(states(&look()), (Some(ModelState::Ready), cold));
    assert_eq!(endpoint.window("one"), Some(Fact::new(2048, FactSource::Probe)));
    assert!(endpoint.observed("one").speed.load_ms.is_some());
}
