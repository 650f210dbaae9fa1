//! What a running llama.cpp says of itself, and how a person sees it.

use std::time::Duration;

use serde_json::json;
use yabby_config::Modality;
use yabby_core::{Fact, FactSource, ModelEvent};
use yabby_servers::{BreakerState, ModelFacts, ModelState, ServerKind, TokenCounter};

use super::{Here, PROBE, config, long_answer, provider, runtime};
use crate::{
    llama::{Llama, SMOLLM2, Served},
    place::{home, json, out, run, yabby},
};

/// What the running server said.
fn said<T>(value: T) -> Fact<T> {
    Fact::new(value, FactSource::Probe)
}

/// SmolLM2 as it is served.
fn facts(served: &Served, busy: u32) -> ModelFacts {
    ModelFacts {
        window: Some(said(served.window)),
        max_window: Some(said(8192)),
        slots: Some(said(served.slots)),
        busy: Some(said(busy)),
        input: Some(said(vec![Modality::Text])),
        tools: Some(said(false)),
        size: Some(said(96_576_768)),
        ..ModelFacts::new(served.alias, ModelState::Ready)
    }
}

#[test]
fn a_server_says_what_it_serves() {
    for (window, slots) in [(1024, 1), (2048, 2)] {
        let served = Served {
            slots,
            window,
            ..SMOLLM2
        };
        let llama = Llama::serve(&served);
        let config = config(&[provider("here", llama.port(), served.alias)], &[]);
        runtime().block_on(idle_and_busy(&Here::of(&config), &served));
        a_person_sees_it(&config, &served, llama.port());
    }
}

async fn idle_and_busy(here: &Here, served: &Served) {
    let (endpoint, http) = (here.endpoint("here"), &here.http);
    let server = endpoint.refresh(http, Duration::ZERO, PROBE).await;
    assert_eq!(server.models, [facts(served, 0)]);
    assert_eq!(
        (server.kind, server.router, server.is_reachable()),
        (Some(ServerKind::LlamaCpp), false, true)
    );
    assert!(server.error.is_none());
    let usual = |value| Some(Fact::new(value, FactSource::Catalogue));
    assert_eq!(
        (&server.reports_cached, &server.stream_usage),
        (&usual(true), &usual(true))
    );
    let counter = server.counter.as_ref().map(|counter| counter.value);
    assert_eq!(counter, Some(TokenCounter::InputTokens));
    assert_eq!(endpoint.window(served.alias), Some(said(served.window)));
    assert_eq!(endpoint.breaker().state, BreakerState::Closed);

    let question = long_answer("Tell me about the sea.", 900);
    let dialect = endpoint.dialect_of(served.alias, &question);
    let mut answer = endpoint.ask(http, dialect, served.alias, &question).await.unwrap();
    while !matches!(answer.next().await.unwrap().unwrap(), ModelEvent::Text(_)) {}
    let server = endpoint.refresh(http, Duration::ZERO, PROBE).await;
    assert_eq!(server.models, [facts(served, 1)], "while it answers");
    drop(answer);
    let begun = std::time::Instant::now();
    while endpoint.refresh(http, Duration::ZERO, PROBE).await.models != [facts(served, 0)] {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody listens any more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn a_person_sees_it(config: &str, served: &Served, port: u16) {
    let home = home(config);
    let mut rows = json(&run(&mut yabby(home.path(), &["models", "--json"])));
    assert!(rows[0]["window"]["at"].take().is_u64());
    assert_eq!(
        rows,
        json!([{
            "model": "here/smollm2",
            "endpoint": format!("http://127.0.0.1:{port}/v1"),
            "state": "ready",
            "zone": "machine",
            "window": {"value": served.window, "source": "probe", "at": null},
            "server": "llama.cpp",
            "aliases": [],
            "role": "primary",
            "max_window": 8192,
            "slots": served.slots,
            "busy": 0,
            "tools": false,
            "size": 96_576_768,
            "speed": {},
            "breaker": "closed",
            "running": 0,
            "waiting": 0,
            "learned": [],
        }])
    );
    let table = out(&run(&mut yabby(home.path(), &["models"]))).replace(&port.to_string(), "PPPPP");
    let lines: Vec<&str> = table.lines().collect();
    let row = format!(
        "here/smollm2  ready  machine  {}    server  0/{}    http://127.0.0.1:PPPPP/v1  primary, llama.cpp, no native tool calls",
        served.window, served.slots
    );
    assert_eq!(
        lines,
        [
            "MODEL         STATE  ZONE     WINDOW  FROM    SLOTS  ENDPOINT                   NOTES",
            &row
        ]
    );
}
