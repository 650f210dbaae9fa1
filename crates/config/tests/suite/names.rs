//! Aliases, references and bare model ids.

use yabby_config::UnknownModel;

use super::support::text;

const TWO: &str = "{agents: {defaults: {models: {'a/Big/Model': {alias: 'big'}, 'gone/x': {alias: 'ghost'}}}},
    models: {providers: {a: {baseUrl: 'http://h/v1', models: [{id: 'Big/Model'}, {id: 'both'}]},
        b: {baseUrl: 'http://h/v1', models: [{id: 'both'}, {id: 'only'}]}}}}";

#[test]
fn what_resolves() {
    let config = text(TWO).config;
    let resolve = |name| config.resolve(name).map(|model| model.to_string());
    assert_eq!(resolve("BIG").as_deref(), Ok("a/Big/Model"));
    assert_eq!(
        resolve(" A/any-id ").as_deref(),
        Ok("a/any-id"),
        "the server may have more models"
    );
    assert_eq!(resolve("only").as_deref(), Ok("b/only"));
    assert_eq!(
        resolve("Big/Model").as_deref(),
        Ok("a/Big/Model"),
        "a bare id may hold a slash"
    );
    assert!(resolve("both").is_err(), "two providers list it");
    assert!(resolve("ghost").is_err(), "its provider is unknown");
    assert!(resolve("nobody/x").is_err());
    assert!(resolve("").is_err());
}

#[test]
fn a_provider_id_without_a_slash() {
    let loaded = text("{models: {providers: {'a/b': {baseUrl: 'http://h/v1'}}}}");
    assert!(loaded.has_errors());
    assert!(loaded.config.provider("a/b").is_none());
}

#[test]
fn suggestions() {
    let expected = UnknownModel {
        name: "bigg".to_owned(),
        suggestions: vec!["big".to_owned()],
    };
    let error = text(TWO).config.resolve("bigg").unwrap_err();
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "no model is called bigg; did you mean big?");
}

#[test]
fn params_of_a_model() {
    let config = text(
        "{agents: {defaults: {params: {a: 1, b: 1, c: 1, d: 1, e: 1}, models: {
            'P/m/x': {params: {e: 5}}, 'p/*': {params: {d: 4, e: 4}}, 'p/other': {params: {a: 9}}}}},
          models: {providers: {p: {baseUrl: 'http://h/v1', params: {b: 2, c: 2, d: 2, e: 2},
            models: [{id: 'm/x', params: {c: 3, d: 3, e: 3}}]}}}}",
    )
    .config;
    let params = |provider, model| {
        let model = yabby_core::ModelRef::new(provider, model).unwrap();
        serde_json::Value::from(config.params_for(&model).0)
    };
    assert_eq!(
        params("p", "m/x"),
        serde_json::json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5})
    );
    assert_eq!(
        params("found", "y"),
        serde_json::json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1})
    );
}

/// A limit of the provider must not be lost because a model sorts by price.
#[test]
fn routing_objects_are_merged() {
    let config = text(
        "{agents: {defaults: {models: {'openrouter/a/b': {params: {provider: {sort: 'price', zdr: false}}}}}},
          models: {providers: {openrouter: {params: {provider: {data_collection: 'deny', zdr: true}, x: {a: 1}},
            models: [{id: 'a/b', params: {x: {b: 2}}}]}}}}",
    )
    .config;
    let model = yabby_core::ModelRef::new("openrouter", "a/b").unwrap();
    assert_eq!(
        serde_json::Value::from(config.params_for(&model).0),
        serde_json::json!({
            "provider": {"data_collection": "deny", "zdr": false, "sort": "price"},
            "x": {"b": 2},
        })
    );
}

#[test]
fn nothing_undoes_a_limit_silently() {
    let of = |provider: &str, model: &str| {
        let config = text(&format!(
            "{{models: {{providers: {{openrouter: {{params: {provider}, models: [{{id: 'm', params: {model}}}]}}}}}}}}"
        ))
        .config;
        let model = yabby_core::ModelRef::new("openrouter", "m").unwrap();
        serde_json::Value::from(config.params_for(&model).0)
    };
    let limit = serde_json::json!({"provider": {"zdr": true}});
    assert_eq!(of("{provider: {zdr: true}}", "{provider: null}"), limit);
    assert_eq!(of("{provider: {zdr: true}}", "{provider: {zdr: null}}"), limit);
    assert_eq!(
        of("{extra_body: {provider: {zdr: true}, a: 1}}", "{extra_body: {seed: 1}}"),
        serde_json::json!({"extra_body": {"seed": 1, "provider": {"zdr": true}}})
    );
    assert_eq!(
        of(
            "{extra_body: {provider: {zdr: true}}}",
            "{extra_body: {provider: {sort: 'price'}}}"
        ),
        serde_json::json!({"extra_body": {"provider": {"zdr": true, "sort": "price"}}})
    );
}

/// A section that is off may have had limits that the built-in one has not.
#[test]
fn a_provider_that_is_off_is_not_replaced() {
    let config = text("{models: {providers: {OpenRouter: {timeoutSeconds: 'x'}}}}").config;
    assert!(config.provider("openrouter").is_none());
    assert!(config.provider("openai").is_some());
}

#[test]
fn other_servers_may_have_a_parameter_of_any_name() {
    let loaded = text(
        "{models: {providers: {p: {baseUrl: 'http://h/v1', params: {provider: 'local', toolMode: 'x'}, models: [{id: 'm'}]}}}}",
    );
    assert!(!loaded.has_errors());
    assert!(loaded.config.provider("p").is_some());
}
