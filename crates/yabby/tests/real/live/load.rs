//! A model whose load takes seconds.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use yabby_core::ErrorKind;
use yabby_servers::{BreakerState, ModelState, Notebook, ServerKind};

use super::{Here, PROBE, config, provider, runtime};
use crate::{
    llama::{Llama, QWEN},
    place::{LIMIT, err, home, json, out, run, start, within, yabby},
};

/// Runs a program whose standard error is a terminal, and passes on what comes there.
const WATCHED: &str = r"
import os, subprocess, sys
terminal, end = os.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=end)
os.close(end)
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    os.write(2, data)
sys.exit(child.wait())
";

/// The same command for a person who watches its standard error.
fn watched(command: &Command) -> Command {
    let mut python = Command::new("python3");
    python
        .args(["-I", "-c", WATCHED])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    python
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    python
}

#[test]
fn a_question_waits_for_a_model_that_is_being_loaded() {
    let other = Llama::start();
    let slow = Llama::launch(&QWEN);
    let text = config(
        &[
            provider("slow", slow.port(), "qwen"),
            provider("other", other.port(), "smollm2"),
        ],
        &["slow/qwen", "other/smollm2"],
    );
    let home = home(&text);
    within(LIMIT, "it loads", || slow.is_loading());
    let arguments = ["ask", "--json", "--max-tokens", "8", "Say hello."];
    let asking = start(&mut watched(&yabby(home.path(), &arguments)));

    let here = Here::of(&text);
    let endpoint = here.endpoint("slow");
    let facts = runtime().block_on(endpoint.refresh(&here.http, Duration::ZERO, PROBE));
    assert_eq!(facts.error.as_ref().map(|error| error.kind), Some(ErrorKind::Loading));
    assert_eq!(
        (facts.kind, facts.is_reachable(), endpoint.state_of("qwen")),
        (Some(ServerKind::LlamaCpp), true, ModelState::Loading)
    );
    assert_eq!(endpoint.breaker().state, BreakerState::Closed);

    let ran = asking.ended();
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    assert!(err(&ran).contains("loading qwen"), "{}", err(&ran));
    assert!(!err(&ran).contains("trying"), "{}", err(&ran));
    let answer = json(&ran);
    let attempts = answer["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt["model"].as_str(), attempt["outcome"].as_str()))
        .collect();
    assert_eq!(
        (answer["model"].as_str(), outcomes),
        (Some("slow/qwen"), vec![(Some("slow/qwen"), Some("answered"))])
    );

    // It is kept, and other processes know it.
    let kept = std::fs::read(home.path().join("servers/learned.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    let load = &kept["endpoints"][&endpoint.base_url]["models"]["qwen"]["speed"]["load_ms"];
    assert_eq!(load, &attempts[0]["first_token_ms"], "{kept}");
    let rows = json(&run(&mut yabby(home.path(), &["models", "--json"])));
    assert_eq!(
        (&rows[0]["model"], &rows[0]["speed"]["load_ms"]),
        (&"slow/qwen".into(), load),
        "{rows}"
    );
    Notebook::of(home.path()).recall(&here.fleet);
    assert_eq!(endpoint.usual_load("qwen"), load.as_u64().map(Duration::from_millis));
    println!(
        "loaded and answered in {load} ms: {:?}",
        out(&run(&mut yabby(home.path(), &["models"])))
    );
}
