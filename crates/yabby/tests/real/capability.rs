//! What a model can do, tried out: `yabby models probe` tells it of real models as it is known of them.

use std::{process::Output, time::Duration};

use serde_json::{Map, Value, json};
use yabby_config::{Environment, load_text};
use yabby_core::{Text, ToolMode};
use yabby_servers::{
    Endpoint, Http,
    capability::{Capability, Outcome, try_out},
};

use crate::{
    llama::{Llama, QWEN, SMOLLM2, Served},
    managed::state,
    place::{err, home, json, out, run, yabby},
    running::Running,
};

/// More than a minute: other things run beside the tests, and the models have one thread.
const SECONDS: &str = "400";
const LIMIT: Duration = Duration::from_secs(500);

fn config(llama: &Llama, model: &str) -> String {
    format!(
        "{{ models: {{ providers: {{ here: {{ baseUrl: 'http://127.0.0.1:{}/v1', models: [{{ id: '{model}' }}] }} }} }} }}",
        llama.port()
    )
}

/// The object that `models probe --json` prints, after what a person would have seen was printed for the log.
#[expect(clippy::print_stdout, reason = "the findings are what the test is for")]
fn probed(served: &Served) -> (Option<i32>, Value) {
    let llama = Llama::serve(served);
    let home = home(&config(&llama, served.alias));
    let arguments = ["models", "probe", served.alias, "--json", "--seconds", SECONDS];
    let ran: Output = Running::start(&mut yabby(home.path(), &arguments), LIMIT).ended();
    println!("{}{}", out(&ran), err(&ran));
    let object: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let kept = std::fs::read(home.path().join("servers/tried.json")).unwrap();
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let url = format!("http://127.0.0.1:{}/v1", llama.port());
    assert_eq!(kept[url][served.alias]["findings"], object["findings"]);
    let listed = json(&run(&mut yabby(home.path(), &["models", "--json"])));
    let speed = json!({"prefill": object["prefill"], "decode": object["decode"]});
    assert_eq!(listed[0]["speed"], speed, "what was measured is shown");
    (ran.status.code(), object)
}

/// A capability with what came of it and what was said.
type Found<'a> = (&'a str, &'a str, Option<&'a str>);

fn findings(object: &Value) -> Vec<Found<'_>> {
    let findings = object["findings"].as_array().unwrap().iter();
    findings
        .map(|found| {
            let word = |name: &str| found[name].as_str().unwrap();
            (word("capability"), word("outcome"), found["words"].as_str())
        })
        .collect()
}

/// Two slots, and a template that knows no tools.
#[test]
fn a_small_model_with_two_slots() {
    let (code, object) = probed(&SMOLLM2);
    let found = findings(&object);
    let constrained = "only with the answer held to a schema, in the mode constrained";
    let blind = "neither the server nor the config says that it takes them";
    let says = |place: usize, word: &str| assert!(found[place].2.is_some_and(|said| said.contains(word)), "{found:?}");
    says(1, "pieces, then token counts");
    says(7, "tokens came from the cache");
    let rest: Vec<_> = found
        .iter()
        .filter(|found| !["stream", "prefix_cache"].contains(&found.0))
        .copied()
        .collect();
    assert_eq!(
        rest,
        [
            ("answer", "works", None),
            ("tools", "partly", Some(constrained)),
            ("json_schema", "works", None),
            ("image", "skipped", Some(blind)),
            ("reasoning", "works", Some("it does not reason")),
            ("parallel", "works", None),
        ]
    );
    assert_eq!((found[1].1, found[7].1, code), ("works", "works", Some(0)));
    assert_eq!(
        (&object["server"], &object["tool_mode"]),
        (&json!("llama.cpp"), &json!("constrained"))
    );
    for speed in ["prefill", "decode"] {
        assert!(object[speed].as_f64().is_some_and(|speed| speed > 1.0), "{object}");
    }
}

/// One slot, and a template in whose form the server reads calls.
#[test]
fn a_larger_model_whose_calls_the_server_reads() {
    let served = Served {
        template: Some(include_str!("qwen-bare-json.jinja")),
        ..QWEN
    };
    let (code, object) = probed(&served);
    let found = findings(&object);
    assert_eq!(found[2], ("tools", "works", Some("native")), "{found:?}");
    assert_eq!(
        found[6],
        ("parallel", "works", Some("1 slot: requests queue")),
        "{found:?}"
    );
    assert_eq!((found[3].1, found[7].1, code), ("works", "works", Some(0)), "{found:?}");
    assert_eq!(object["tool_mode"], "native");
}

/// With its own template the same model writes calls that only Yabby reads. Only this is asked, as `setup` does.
#[test]
fn a_larger_model_whose_calls_are_text() {
    let llama = Llama::serve(&QWEN);
    let loaded = load_text(&config(&llama, QWEN.alias), &Environment::default());
    let endpoint = Endpoint::from_config(&loaded.config).into_iter().next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut told = 0;
    let mut tell = |_: &_| told += 1;
    let (http, none) = (Http::default(), Map::new());
    let tests = [Capability::Answer, Capability::Tools];
    let asked = try_out(&http, &endpoint, QWEN.alias, &none, &tests, LIMIT, &mut tell);
    let results = runtime.block_on(asked);
    let said = results.findings[1].words().map(Text::english);
    assert_eq!(
        (told, results.findings[0].verdict.outcome(), said.as_deref()),
        (2, Outcome::Works, Some("only as text, which Yabby reads")),
        "{results:?}"
    );
    // Held to a schema it may answer by itself, so that the other mode is the better one.
    assert!(
        matches!(results.tool_mode, Some(ToolMode::Native | ToolMode::Constrained)),
        "{results:?}"
    );
}

/// It is started for the tests, and its port and key are no part of what is kept.
#[test]
fn the_server_that_yabby_runs() {
    let state = state();
    let name = "embedded/smollm2-135m";
    let arguments = ["models", "probe", name, "--json", "--seconds", SECONDS];
    let ran: Output = Running::start(&mut yabby(state.path(), &arguments), LIMIT).ended();
    let object: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", err(&ran)));
    let works = findings(&object);
    assert_eq!(
        (works[0].1, works[1].1, works[3].1, works[6].1, ran.status.code()),
        ("works", "works", "works", "works", Some(0)),
        "{object}"
    );
    assert_eq!(
        (&object["endpoint"], &object["model"]),
        (&json!("embedded"), &json!("smollm2-135m"))
    );
    let kept = std::fs::read_to_string(state.path().join("servers/tried.json")).unwrap();
    assert!(kept.contains("smollm2-135m") && !kept.contains("127.0.0.1"), "{kept}");
}
