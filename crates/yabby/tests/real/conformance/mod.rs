//! Questions that are put to real servers in every dialect that they serve. Each test prints what the server did; the
//! table in `docs/servers.md` is taken from there.

mod asking;
mod calls;
mod cases;
pub(crate) mod litellm;

use std::pin::Pin;

use yabby_config::{Environment, load_text};
use yabby_servers::{Endpoint, Http};

use crate::llama::{Llama, QWEN, Served};
use litellm::LiteLlm;

/// A server in one dialect.
pub(super) struct Place {
    endpoint: Endpoint,
    kind: Kind,
    model: &'static str,
}

/// What is asked of a place; it says what the server did, or what it should have done.
type Case = for<'a> fn(&'a Place, &'a Http, &'a Llama) -> Done<'a>;
type Done<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + 'a>>;

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
fn places(kind: Kind, root: &str, key: &str, model: &'static str) -> Vec<Place> {
    let providers = DIALECTS.map(|(id, api)| {
        format!(r#"{id}: {{ baseUrl: "{root}/v1", apiKey: "{key}", api: "{api}", models: [{{ id: "{model}" }}] }}"#)
    });
    let loaded = load_text(
        &format!("{{ models: {{ providers: {{ {} }} }} }}", providers.join(", ")),
        &Environment::default(),
    );
    Endpoint::from_config(&loaded.config)
        .into_iter()
        .map(|endpoint| Place { endpoint, kind, model })
        .collect()
}

/// The places of a llama.cpp server.
fn direct(llama: &Llama, model: &'static str) -> Vec<Place> {
    places(
        Kind::LlamaCpp,
        &format!("http://127.0.0.1:{}", llama.port()),
        "none",
        model,
    )
}

#[test]
fn llama_cpp_in_three_dialects() {
    let llama = Llama::start();
    run("llama.cpp", &direct(&llama, "smollm2"), &cases::ALL, &llama);
}

#[test]
fn litellm_in_front_of_llama_cpp_in_three_dialects() {
    let llama = Llama::start();
    let proxy = LiteLlm::start(llama.port(), "smollm2");
    let places = places(Kind::LiteLlm, &proxy.root(), litellm::KEY, "smollm2");
    run("LiteLLM", &places, &cases::ALL, &llama);
}

#[test]
fn calls_that_a_model_writes_as_text() {
    tools("Qwen2.5-Coder", &QWEN, &calls::AS_TEXT);
}

#[test]
fn calls_that_the_server_reads() {
    let served = Served {
        template: Some(include_str!("../qwen-bare-json.jinja")),
        ..QWEN
    };
    tools("Qwen2.5-Coder asked for bare JSON", &served, &calls::NATIVE);
}

/// The tool cases against llama.cpp and against LiteLLM in front of it: the model is loaded once.
fn tools(model: &str, served: &Served, cases: &[(&str, Case)]) {
    let llama = Llama::serve(served);
    let proxy = LiteLlm::start(llama.port(), served.alias);
    let proxied = places(Kind::LiteLlm, &proxy.root(), litellm::KEY, served.alias);
    run(
        &format!("llama.cpp, {model}"),
        &direct(&llama, served.alias),
        cases,
        &llama,
    );
    run(&format!("LiteLLM, {model}"), &proxied, cases, &llama);
}

/// Puts every case to every place and prints the table. A case that is not met fails the test, after all have run.
#[expect(clippy::print_stdout, reason = "the table is what the test is for")]
fn run(server: &str, places: &[Place], cases: &[(&str, Case)], llama: &Llama) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let http = Http::default();
    let mut failures = Vec::new();
    // Printed in one piece: other tests print too.
    let mut table = vec![
        format!("| {server} | {} |", DIALECTS.map(|(_, api)| api).join(" | ")),
        "|---|---|---|---|".to_owned(),
    ];
    for (name, case) in cases {
        let mut cells = Vec::new();
        for place in places {
            let done = runtime.block_on(case(place, &http, llama));
            if let Err(wrong) = &done {
                failures.push(format!("{server} {} {name}: {wrong}", place.endpoint.provider));
            }
            cells.push(done.unwrap_or_else(|wrong| format!("**{wrong}**")));
        }
        table.push(format!("| {name} | {} |", cells.join(" | ")));
    }
    println!("\n{}\n", table.join("\n"));
    assert!(failures.is_empty(), "{failures:#?}");
}
