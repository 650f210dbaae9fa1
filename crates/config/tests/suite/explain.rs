//! Where values come from, and the effective config as a whole.

use serde_json::{Value, json};
use yabby_config::{Explanation, KeyStatus, Loaded, ValueSource};

use super::support::{text, with_env};

const TEXT: &str = "{
  agents: { defaults: { model: 'lm.studio/big', models: { 'lm.studio/b/c.d': { alias: 'X' } }, repoRoot: 'w' } },
  models: { providers: {
    'lm.studio': { baseUrl: '${HOST}', apiKey: 'KEY', contextWindow: 4096, models: [{ id: 5 }, { id: 'big.1' }] },
    off: { baseUrl: 'http://h/v1', authHeader: 'yes' },
  } },
}";

fn loaded() -> Loaded {
    with_env(
        TEXT,
        &[
            ("HOST", "http://h:1/v1"),
            ("KEY", "secret"),
            ("OPENAI_API_KEY", "secret"),
        ],
    )
}

fn explain(key: &str) -> Explanation {
    loaded().explain(key).expect("the key exists")
}

fn line(explanation: &Explanation) -> usize {
    match &explanation.source {
        ValueSource::File(place) => place.line,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_value_from_a_variable() {
    let explanation = explain("models.providers.lm.studio.baseUrl");
    assert_eq!(explanation.key, r#"models.providers["lm.studio"].baseUrl"#);
    assert_eq!(explanation.value, Some(json!("http://h:1/v1")));
    assert_eq!(explanation.variables, ["HOST"]);
    assert_eq!(line(&explanation), 4);
    assert_eq!(
        explanation.documentation.as_deref(),
        Some("Address of the API, usually ending in `/v1`.")
    );
    assert_eq!(explanation.status, KeyStatus::InUse);
}

#[test]
fn keys_are_hidden_and_their_variable_is_named() {
    let explanation = explain("models.providers.lm.studio.apiKey");
    assert_eq!(
        (explanation.value.clone(), explanation.variables.clone()),
        (Some(json!("***")), vec!["KEY".into()])
    );
    assert_eq!(line(&explanation), 4);
    let explanation = explain("models.providers.openai.apiKey");
    assert_eq!(explanation.source, ValueSource::Variable("OPENAI_API_KEY".to_owned()));
}

#[test]
fn spellings_of_the_same_key() {
    for key in [
        "models.providers.lm.studio.models[0].contextWindow",
        "models.providers.lm.studio.models.0.contextWindow",
        "models.providers.lm.studio.models.big.1.contextWindow",
        r#"models.providers["lm.studio"].models['big.1'].contextWindow"#,
    ] {
        let explanation = explain(key);
        assert_eq!(
            explanation.key,
            r#"models.providers["lm.studio"].models[0].contextWindow"#
        );
        assert_eq!(explanation.value, Some(json!(4096)));
        let ValueSource::Derived { key, place } = explanation.source else {
            panic!("{:?}", explanation.source);
        };
        assert_eq!(key, r#"models.providers["lm.studio"].contextWindow"#);
        assert_eq!(place.unwrap().line, 4);
    }
    assert_eq!(
        explain("agents.defaults.models.lm.studio/b/c.d.alias").value,
        Some(json!("X"))
    );
    assert_eq!(
        explain("models.providers.lm.studio.models[0].id").value,
        Some(json!("big.1")),
        "the first is off"
    );
}

#[test]
fn the_short_form_of_a_policy() {
    let explanation = explain("agents.defaults.model.primary");
    assert_eq!(
        (line(&explanation), explanation.value),
        (2, Some(json!("lm.studio/big")))
    );
    let explanation = explain("agents.defaults.model.fallbacks");
    assert_eq!(
        (explanation.source, explanation.value),
        (ValueSource::Default, Some(json!([])))
    );
}

#[test]
fn defaults_built_in_and_derived() {
    assert_eq!(explain("models.mode").source, ValueSource::Default);
    assert_eq!(explain("models.providers.openai.baseUrl").source, ValueSource::BuiltIn);
    assert_eq!(
        explain("models.providers.openai.timeoutSeconds").source,
        ValueSource::Unset
    );
    assert_eq!(
        explain("models.providers.lm.studio.api").value,
        Some(json!("openai-completions"))
    );
    assert_eq!(explain("models.providers.lm.studio.api").source, ValueSource::Default);
    let derived = text(include_str!("../../fixtures/4-custom-endpoint.json5"));
    let explanation = derived.explain("agents.defaults.model.primary").unwrap();
    assert_eq!(explanation.value, Some(json!("local/my-local-model")));
    assert!(
        matches!(&explanation.source, ValueSource::Derived { key, .. } if key == "models.providers.local.models"),
        "{:?}",
        explanation.source
    );
}

#[test]
fn keys_without_effect() {
    assert_eq!(explain("agents.defaults.repoRoot").status, KeyStatus::NotUsedYet);
    let off = explain("models.providers.off.baseUrl");
    assert_eq!((off.status, off.value), (KeyStatus::Off, Some(json!("http://h/v1"))));
}

#[test]
fn a_list_item_that_is_off_is_found() {
    let loaded = text(
        "{models: {providers: {a: {baseUrl: 'http://h/v1', models: [
           {id: 'bad', contextWindow: 'big'}, {id: 'fine'}, {name: 'nameless'}]}}}}",
    );
    for (key, shown) in [
        ("models.providers.a.models.bad", "models.providers.a.models.bad"),
        (
            "models.providers.a.models['bad'].contextWindow",
            "models.providers.a.models.bad.contextWindow",
        ),
        ("models.providers.a.models[2].name", "models.providers.a.models[2].name"),
    ] {
        let explanation = loaded.explain(key).unwrap();
        assert_eq!((explanation.key.as_str(), explanation.status), (shown, KeyStatus::Off));
        assert!(matches!(explanation.source, ValueSource::File(_)));
    }
    let window = loaded.explain("models.providers.a.models.bad.contextWindow").unwrap();
    assert_eq!(window.value, Some(json!("big")));
    assert!(window.documentation.is_some());
    let fine = loaded.explain("models.providers.a.models.fine").unwrap();
    assert_eq!(
        (fine.key.as_str(), fine.status),
        ("models.providers.a.models[0]", KeyStatus::InUse)
    );
}

#[test]
fn unknown_keys_get_suggestions() {
    let error = loaded().explain("models.providers.openai.baseurl2").unwrap_err();
    assert_eq!(
        error.suggestions.first().map(String::as_str),
        Some("models.providers.openai.baseUrl")
    );
    assert!(loaded().explain("zebra").unwrap_err().suggestions.is_empty());
    assert!(loaded().explain("").is_err());
    assert!(loaded().explain("models.providers.nobody.baseUrl").is_err());
}

#[test]
fn the_effective_config() {
    insta::assert_json_snapshot!(loaded().show());
}

#[test]
fn the_schema() {
    let schema = yabby_config::schema();
    let documented = |value: &Value| value.get("description").is_some() || value.get("$ref").is_some();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for (key, value) in definition["properties"].as_object().into_iter().flatten() {
            assert!(documented(value), "{name}.{key} has no documentation");
        }
    }
    insta::assert_json_snapshot!(schema["$defs"]["Provider"]);
}

#[test]
fn every_value_is_explained_as_if_it_was_asked_for() {
    let loaded = with_env(
        include_str!("../../fixtures/2-hosted-primary.json5"),
        &[("OPENAI_API_KEY", "canary-key-1")],
    );
    let all = loaded.explain_all();
    assert!(all.len() > 20, "{}", all.len());
    for explanation in &all {
        assert_eq!(
            loaded.explain(&explanation.key).as_ref(),
            Ok(explanation),
            "{}",
            explanation.key
        );
    }
    assert!(!format!("{all:?}").contains("canary"));
}
