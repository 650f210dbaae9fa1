//! Several keys for a provider: where they come from, and in which order they are used.

use yabby_config::{KeyStatus, Loaded, ValueSource};

use super::support::{summary, with_env};

type Vars = &'static [(&'static str, &'static str)];

/// Each key of a provider with its place.
fn keys(loaded: &Loaded, id: &str) -> Vec<String> {
    let keys = &loaded.config.provider(id).unwrap().keys;
    keys.iter()
        .map(|key| format!("{} {}", key.source, key.secret.expose()))
        .collect()
}

#[test]
fn the_environment_has_them_in_openclaws_ways() {
    let cases: &[(Vars, &[&str])] = &[
        (&[("OPENAI_API_KEY", "a")], &["OPENAI_API_KEY a"]),
        (
            &[("OPENAI_API_KEYS", " a, b;c ;;\nd"), ("OPENAI_API_KEY", "z")],
            &[
                "OPENAI_API_KEYS[0] a",
                "OPENAI_API_KEYS[1] b",
                "OPENAI_API_KEYS[2] c",
                "OPENAI_API_KEYS[3] d",
                "OPENAI_API_KEY z",
            ],
        ),
        // By number, and what is no number is no key.
        (
            &[
                ("OPENAI_API_KEY_10", "x"),
                ("OPENAI_API_KEY_2", "b"),
                ("OPENAI_API_KEY_1", "a"),
                ("OPENAI_API_KEY_FILE", "/f"),
                ("OPENAI_API_KEY", " z "),
            ],
            &[
                "OPENAI_API_KEY z",
                "OPENAI_API_KEY_1 a",
                "OPENAI_API_KEY_2 b",
                "OPENAI_API_KEY_10 x",
            ],
        ),
        // Each once.
        (
            &[
                ("OPENAI_API_KEYS", "a,a"),
                ("OPENAI_API_KEY", "a"),
                ("OPENAI_API_KEY_1", "b"),
            ],
            &["OPENAI_API_KEYS[0] a", "OPENAI_API_KEY_1 b"],
        ),
        (
            &[
                ("OPENCLAW_LIVE_OPENAI_KEY", "p"),
                ("OPENAI_API_KEYS", "a,b"),
                ("OPENAI_API_KEY", "z"),
            ],
            &["OPENCLAW_LIVE_OPENAI_KEY p"],
        ),
        (&[("OPENAI_API_KEY", "  ")], &[]),
    ];
    for (vars, expected) in cases {
        let loaded = with_env("{}", vars);
        assert_eq!(keys(&loaded, "openai"), *expected, "{vars:?}");
        assert_eq!(keys(&loaded, "anthropic"), [""; 0]);
    }
}

#[test]
fn the_config_has_a_list_beside_the_one() {
    let text = "{env: {A: 'a', B: 'b'}, models: {providers: {p: {baseUrl: 'http://h/v1', apiKey: 'one',
        apiKeys: ['two', '${A}', 'B', {source: 'env', id: 'A'}, 'one', '${NOPE}']}}}}";
    let loaded = with_env(text, &[]);
    assert_eq!(
        keys(&loaded, "p"),
        [
            "models.providers.p.apiKey one",
            "models.providers.p.apiKeys[0] two",
            "A a",
            "B b"
        ]
    );
    assert_eq!(
        summary(&loaded),
        ["models.providers.p.apiKeys[5] 2:72 the environment variable NOPE is not set"]
    );
    let shown = loaded.show();
    let provider = &shown["models"]["providers"]["p"];
    assert_eq!(provider["apiKey"], "***");
    assert_eq!(provider["apiKeys"], serde_json::json!(["***", "***", "***"]));
    let alone = with_env(
        "{models: {providers: {p: {baseUrl: 'http://h/v1', apiKeys: ['k']}}}}",
        &[],
    );
    assert_eq!(keys(&alone, "p"), ["models.providers.p.apiKeys[0] k"]);
    let shown = alone.show();
    let provider = &shown["models"]["providers"]["p"];
    assert_eq!(
        (&provider["apiKey"], &provider["apiKeys"][0]),
        (&serde_json::Value::Null, &"***".into())
    );
}

/// A key that was chosen is not joined by others of the environment, which may be another account's.
#[test]
fn a_chosen_key_stands_alone() {
    let vars = [("OPENAI_API_KEY", "a"), ("OPENAI_API_KEY_1", "b"), ("WORK", "w")];
    for (fields, expected) in [
        ("apiKey: 'mine'", vec!["models.providers.openai.apiKey mine"]),
        ("apiKey: '${WORK}'", vec!["WORK w"]),
        ("apiKeys: ['mine']", vec!["models.providers.openai.apiKeys[0] mine"]),
        (
            "apiKey: '${OPENAI_API_KEY}'",
            vec!["OPENAI_API_KEY a", "OPENAI_API_KEY_1 b"],
        ),
        (
            "apiKey: '${OPENAI_API_KEY_1}'",
            vec!["OPENAI_API_KEY_1 b", "OPENAI_API_KEY a"],
        ),
        ("timeoutSeconds: 5", vec!["OPENAI_API_KEY a", "OPENAI_API_KEY_1 b"]),
    ] {
        let loaded = with_env(&format!("{{models: {{providers: {{openai: {{{fields}}}}}}}}}"), &vars);
        assert_eq!(keys(&loaded, "openai"), expected, "{fields}");
    }
}

#[test]
fn explain_names_the_place_of_each() {
    let text = "{models: {providers: {p: {baseUrl: 'http://h/v1', apiKeys: ['two', 'A_KEY']}}}}";
    let loaded = with_env(
        text,
        &[("A_KEY", "a"), ("OPENAI_API_KEYS", "x,y"), ("OPENAI_API_KEY_7", "z")],
    );
    let explain = |key: &str| {
        let found = loaded.explain(&format!("models.providers.{key}")).unwrap();
        let place = match found.source {
            ValueSource::File(place) => format!("{}:{}", place.line, place.column),
            ValueSource::Variable(name) => name,
            other => format!("{other:?}"),
        };
        assert_eq!(found.status, KeyStatus::InUse);
        (
            found.value.unwrap_or_default().to_string(),
            place,
            found.variables.join(","),
        )
    };
    let owned = |value: &str, place: &str, vars: &str| (value.to_owned(), place.to_owned(), vars.to_owned());
    assert_eq!(explain("p.apiKey"), owned("null", "Unset", ""));
    assert_eq!(explain("p.apiKeys[0]"), owned("\"***\"", "1:61", ""));
    assert_eq!(explain("p.apiKeys[1]"), owned("\"***\"", "1:68", "A_KEY"));
    assert_eq!(explain("openai.apiKey"), owned("\"***\"", "OPENAI_API_KEYS", ""));
    assert_eq!(explain("openai.apiKeys[1]"), owned("\"***\"", "OPENAI_API_KEY_7", ""));
    let documented = loaded.explain("models.providers.p.apiKeys").unwrap();
    assert!(documented.documentation.unwrap().contains("A key of Yabby's own"));
}
