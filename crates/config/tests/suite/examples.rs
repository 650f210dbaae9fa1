//! OpenClaw's documented configs work unchanged.

use yabby_config::{
    Api, BaseUrl, Cost, KeepWarm, KeySource, Loaded, Modality, ModelEntry, ModelPolicy, Params, Provider,
};
use yabby_core::Secret;

use super::support;

const LOCAL: &str = include_str!("../../fixtures/1-local-primary.json5");
const HOSTED: &str = include_str!("../../fixtures/2-hosted-primary.json5");
const FIRST: &str = include_str!("../../fixtures/3-local-first.json5");
const CUSTOM: &str = include_str!("../../fixtures/4-custom-endpoint.json5");

fn clean(text: &str) -> Loaded {
    let loaded = support::text(text);
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.unused, []);
    loaded
}

fn policy(primary: &str, fallbacks: &[&str]) -> ModelPolicy {
    ModelPolicy {
        primary: Some(primary.to_owned()),
        fallbacks: fallbacks.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn a_local_server_and_an_alias() {
    let config = clean(LOCAL).config;
    let expected = Provider {
        id: "lmstudio".to_owned(),
        base_url: BaseUrl::parse("http://127.0.0.1:1234/v1", &Api::Responses).unwrap(),
        replicas: Vec::new(),
        service: None,
        keep_warm: KeepWarm::No,
        api: Api::Responses,
        keys: vec![yabby_config::ApiKey {
            secret: Secret::new("lmstudio"),
            source: KeySource::Config {
                key: "models.providers.lmstudio.apiKey".to_owned(),
            },
            written: Some("models.providers.lmstudio.apiKey".to_owned()),
        }],
        key_env: vec![],
        headers: vec![],
        auth_header: None,
        zone: None,
        timeout: None,
        models: vec![ModelEntry {
            id: "minimax-m2.1-gs32".to_owned(),
            name: Some("MiniMax M2.1 GS32".to_owned()),
            api: None,
            reasoning: false,
            input: vec![Modality::Text],
            cost: Some(Cost::default()),
            context_window: Some(196_608),
            context_tokens: None,
            max_tokens: Some(8192),
            headers: vec![],
            compat: Params::default(),
            params: Params::default(),
        }],
        built_in: false,
        configured: true,
        params: Params::default(),
    };
    assert_eq!(config.provider("LMStudio"), Some(&expected));
    assert_eq!(config.policy(), policy("lmstudio/minimax-m2.1-gs32", &[]));
    let ids: Vec<&str> = config.providers().map(|provider| provider.id.as_str()).collect();
    assert_eq!(ids, ["lmstudio", "anthropic", "openai", "openrouter"]);
    let resolved = ["opus", "MINIMAX", "minimax-m2.1-gs32"].map(|name| config.resolve(name).unwrap().to_string());
    assert_eq!(
        resolved,
        [
            "anthropic/claude-opus-4-6",
            "lmstudio/minimax-m2.1-gs32",
            "lmstudio/minimax-m2.1-gs32"
        ]
    );
}

#[test]
fn hosted_primary_with_fallbacks() {
    let config = clean(HOSTED).config;
    let fallbacks = ["lmstudio/minimax-m2.1-gs32", "anthropic/claude-opus-4-6"];
    assert_eq!(config.policy(), policy("anthropic/claude-sonnet-4-5", &fallbacks));
    let aliases: Vec<String> = config
        .aliases()
        .into_iter()
        .map(|(alias, model)| format!("{alias}={model}"))
        .collect();
    assert_eq!(
        aliases,
        [
            "Sonnet=anthropic/claude-sonnet-4-5",
            "MiniMax Local=lmstudio/minimax-m2.1-gs32",
            "Opus=anthropic/claude-opus-4-6"
        ]
    );
    let anthropic = config.provider("anthropic").unwrap();
    assert!(anthropic.built_in && anthropic.needs_key() && !anthropic.is_usable());
}

#[test]
fn local_first_with_a_key_from_the_environment() {
    let loaded = support::with_env(FIRST, &[("ANTHROPIC_API_KEY", "sk-ant")]);
    assert_eq!(loaded.diagnostics, []);
    let fallbacks = ["anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-6"];
    assert_eq!(loaded.config.policy(), policy("lmstudio/minimax-m2.1-gs32", &fallbacks));
    let anthropic = loaded.config.provider("anthropic").unwrap();
    let source = &anthropic.key().unwrap().source;
    assert_eq!(
        *source,
        KeySource::Env {
            name: "ANTHROPIC_API_KEY".to_owned()
        }
    );
    assert!(anthropic.is_usable());
}

#[test]
fn without_agents_the_first_model_is_the_default() {
    let config = clean(CUSTOM).config;
    assert_eq!(config.policy(), policy("local/my-local-model", &[]));
}

#[test]
fn an_overlay_keeps_what_it_does_not_say() {
    let text = "{models: {providers: {anthropic: {apiKey: 'k', models: [{id: 'm'}]}}}}";
    let config = clean(text).config;
    let anthropic = config.provider("anthropic").unwrap();
    assert_eq!(anthropic.base_url.as_str(), "https://api.anthropic.com/v1");
    assert_eq!(
        (&anthropic.api, anthropic.built_in, anthropic.is_usable()),
        (&Api::Messages, true, true)
    );
}

#[test]
fn replace_removes_the_built_in_providers() {
    let text = "{models: {mode: 'replace', providers: {a: {baseUrl: 'http://h/v1', models: [{id: 'm'}]}}}}";
    let config = clean(text).config;
    let ids: Vec<&str> = config.providers().map(|provider| provider.id.as_str()).collect();
    assert_eq!(ids, ["a"]);
    assert!(config.resolve("anthropic/claude-opus-4-6").is_err());
}

#[test]
fn both_forms_of_agents() {
    let text = "{agents: {list: [{id: 'old', model: 'openai/x', sandbox: {}}, {id: 'both', name: 'L'}],
        entries: {both: {name: 'E'}, new: {model: {primary: 'openai/y', fallbacks: ['openai/z']}}}}}";
    let loaded = support::text(text);
    assert_eq!(loaded.diagnostics, []);
    let agents: Vec<_> = loaded
        .config
        .agents
        .entries
        .iter()
        .map(|agent| (agent.id.as_str(), agent.name.as_deref(), agent.model.clone()))
        .collect();
    assert_eq!(
        agents,
        [
            ("both", Some("E"), None),
            ("new", None, Some(policy("openai/y", &["openai/z"]))),
            ("old", None, Some(policy("openai/x", &[]))),
        ]
    );
    assert_eq!(loaded.unused[0].key, "agents.list[0].sandbox");
}
