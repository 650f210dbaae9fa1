//! Variables: where they come from and what they fill.

use yabby_config::{DiagnosticKind, KeySource, Loaded};

use super::support::{Home, kinds, summary, with_env};

fn provider(fields: &str) -> String {
    format!("{{models: {{providers: {{a: {{baseUrl: 'http://h/v1', {fields}}}}}}}}}")
}

fn key(loaded: &Loaded) -> Option<(String, KeySource)> {
    let key = loaded.config.provider("a")?.key().cloned()?;
    Some((key.secret.expose().to_owned(), key.source))
}

fn from_env(value: &str, name: &str) -> (String, KeySource) {
    (value.to_owned(), KeySource::Env { name: name.to_owned() })
}

#[test]
fn a_reference_a_marker_and_a_secret_ref() {
    let vars = [("LITELLM_KEY", "v")];
    let spellings = [
        "apiKey: '${LITELLM_KEY}'",
        "apiKey: 'LITELLM_KEY'",
        "apiKey: {source: 'env', provider: 'default', id: 'LITELLM_KEY'}",
    ];
    for fields in spellings {
        let loaded = with_env(&provider(fields), &vars);
        assert_eq!(key(&loaded), Some(from_env("v", "LITELLM_KEY")), "{fields}");
        assert_eq!(loaded.diagnostics, []);
    }
    let literal = with_env(&provider("apiKey: 'LITELLM_KEY'"), &[]);
    assert_eq!(key(&literal).unwrap().0, "LITELLM_KEY");
}

#[test]
fn a_misspelt_variable_is_noticed() {
    let loaded = with_env(&provider("apiKey: 'OPENAI_API_KEX'"), &[("OPENAI_API_KEY", "k")]);
    assert_eq!(
        summary(&loaded),
        ["models.providers.a.apiKey 1:59 no variable OPENAI_API_KEX is set; the text itself is used as the key"]
    );
    let like_a_key = with_env(&provider("apiKey: 'A1B2_C3D4'"), &[]);
    assert!(!format!("{like_a_key:?}").contains("C3D4"));
    for plain in ["lmstudio", "sk-x_Y", "NONE"] {
        assert_eq!(with_env(&provider(&format!("apiKey: '{plain}'")), &[]).diagnostics, []);
    }
}

#[test]
fn dot_env_values_are_taken_as_they_are() {
    let home = Home::with(&provider("headers: {a: '${A}', b: '${B}'}")).var("USER", "me");
    home.write(".yabby/.env", "A=pa$USER$$x\nexport B='${A}' # c\n");
    let loaded = home.load();
    let headers = loaded.config.provider("a").unwrap().headers.clone();
    let values: Vec<String> = headers.iter().map(|(_, secret)| secret.expose().to_owned()).collect();
    assert_eq!(values, ["pa$USER$$x", "${A}"]);
}

#[test]
fn the_help_names_the_real_file() {
    let home = Home::with(&provider(
        "apiKey: '${NOPE}', headers: {x: {source: 'env', id: 'NOPE'}}",
    ));
    let state = home.path().join("state");
    std::fs::rename(home.path().join(".yabby"), &state).unwrap();
    let home = home.var("YABBY_STATE_DIR", &state.display().to_string());
    let loaded = home.load();
    assert_eq!(kinds(&loaded), [DiagnosticKind::MissingVariable; 2]);
    let file = state.join(".env").display().to_string();
    for diagnostic in &loaded.diagnostics {
        let help = diagnostic.help.as_ref().unwrap().english();
        assert!(help.contains(&file), "{help}");
    }
}

#[test]
fn what_is_missing_counts_as_unset() {
    let text = provider("apiKey: '${NOPE}', headers: {'X-A': 'Bearer ${NOPE}', 'X-B': 'b'}");
    let loaded = with_env(&text, &[]);
    let a = loaded.config.provider("a").unwrap();
    assert_eq!(a.keys, []);
    assert_eq!(a.headers.len(), 1);
    assert_eq!(kinds(&loaded), [DiagnosticKind::MissingVariable; 2]);
    assert_eq!(
        loaded.diagnostics[0].message.english(),
        "the environment variable NOPE is not set"
    );
}

#[test]
fn unused_sections_do_not_ask_for_variables() {
    let loaded = with_env("{browser: {profiles: {a: {token: '${NOPE}'}}}}", &[]);
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.unused[0].key, "browser");
}

#[test]
fn the_strongest_source_wins() {
    let text = "{env: {vars: {A: 'config', B: 'config', C: 'config'}, D: 'inline', shellEnv: {enabled: true}},
        models: {providers: {a: {baseUrl: 'http://h/v1', headers: {a: '${A}', b: '${B}', c: '${C}', d: '${D}'}}}}}";
    let home = Home::with(text).var("A", "process");
    home.write(".yabby/.env", "A=file\nB=file\n");
    let loaded = home.load();
    let headers = loaded.config.provider("a").unwrap().headers.clone();
    let values: Vec<String> = headers.iter().map(|(_, secret)| secret.expose().to_owned()).collect();
    assert_eq!(values, ["process", "file", "config", "inline"]);
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.unused[0].key, "env.shellEnv");
}

#[test]
fn a_broken_line_of_dot_env_is_named() {
    let home = Home::with("{}");
    home.write(".yabby/.env", "A=1\nthis is not a line\nOPENAI_API_KEY=k\n");
    let loaded = home.load();
    assert_eq!(kinds(&loaded), [DiagnosticKind::DotEnv]);
    let place = loaded.diagnostics[0].place.clone().unwrap();
    assert_eq!((place.line, place.file), (2, home.path().join(".yabby/.env")));
    assert!(
        loaded.config.provider("openai").unwrap().has_key(),
        "the lines after it count"
    );
}

#[test]
fn other_secret_sources_are_not_supported_yet() {
    let text = provider("apiKey: {source: 'file', provider: 'default', id: '/a'}");
    let loaded = with_env(&text, &[]);
    assert_eq!(kinds(&loaded), [DiagnosticKind::SecretSource]);
    assert_eq!(key(&loaded), None);
}

#[test]
fn a_base_url_without_its_variable_is_no_base_url() {
    let loaded = with_env("{models: {providers: {a: {baseUrl: '${NOPE}'}}}}", &[]);
    assert_eq!(
        summary(&loaded),
        [
            "models.providers.a.baseUrl 1:36 the environment variable NOPE is not set",
            "models.providers.a 1:23 models.providers.a has no baseUrl, so it is off"
        ]
    );
}
