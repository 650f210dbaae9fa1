//! One list of questions, put to real servers in every dialect that they serve. It prints what each one did; the
//! table in `docs/servers.md` is taken from there.

mod cases;
pub(crate) mod litellm;

use yabby_config::{Environment, load_text};
use yabby_servers::{Endpoint, Http};

use crate::llama::Llama;
use litellm::LiteLlm;

/// A server in one dialect.
pub(super) struct Place {
    endpoint: Endpoint,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    LlamaCpp,
    LiteLlm,
}

const DIALECTS: [(&str, &str); 3] = [
    ("chat", "openai-completions"),
    ("resp", "openai-responses"),
    ("msgs", "anthropic-messages"),
];

/// The server below `root` in each dialect.
fn places(kind: Kind, root: &str, key: &str) -> Vec<Place> {
    let providers = DIALECTS.map(|(id, api)| {
        format!(r#"{id}: {{ baseUrl: "{root}/v1", apiKey: "{key}", api: "{api}", models: [{{ id: "smollm2" }}] }}"#)
    });
    let loaded = load_text(
        &format!("{{ models: {{ providers: {{ {} }} }} }}", providers.join(", ")),
        &Environment::default(),
    );
    Endpoint::from_config(&loaded.config)
        .into_iter()
        .map(|endpoint| Place { endpoint, kind })
        .collect()
}

#[test]
fn llama_cpp_in_three_dialects() {
    let llama = Llama::start();
    let root = format!("http://127.0.0.1:{}", llama.port());
    run("llama.cpp", &places(Kind::LlamaCpp, &root, "none"), &llama);
}

#[test]
fn litellm_in_front_of_llama_cpp_in_three_dialects() {
    let llama = Llama::start();
    let proxy = LiteLlm::start(llama.port());
    run("LiteLLM", &places(Kind::LiteLlm, &proxy.root(), litellm::KEY), &llama);
}

/// Puts every case to every place and prints the table. A case that is not met fails the test, after all have run.
#[expect(clippy::print_stdout, reason = "the table is what the test is for")]
fn run(server: &str, places: &[Place], llama: &Llama) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let http = Http::default();
    let mut failures = Vec::new();
    println!("\n| {server} | {} |", DIALECTS.map(|(_, api)| api).join(" | "));
    println!("|---|---|---|---|");
    for (name, case) in cases::ALL {
        let mut cells = Vec::new();
        for place in places {
            let done = runtime.block_on(case(place, &http, llama));
            if let Err(wrong) = &done {
                failures.push(format!("{server} {} {name}: {wrong}", place.endpoint.provider));
            }
            cells.push(done.unwrap_or_else(|wrong| format!("**{wrong}**")));
        }
        println!("| {name} | {} |", cells.join(" | "));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
