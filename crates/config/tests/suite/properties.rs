//! Nothing a person can write makes loading fail.

use proptest::prelude::*;
use yabby_core::Lang;

use super::support::with_env;

/// Pieces of configs, so that generated texts get past the parser.
fn config_like() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "-0",
        "1.5",
        "0xff",
        "Infinity",
        "null",
        "true",
        "''",
        "'a/b'",
        "'${A}'",
        "'$${A}'",
        "'http://h'",
        "'h:1'",
        "'openai-responses'",
        "[]",
        "{}",
        "99999999999999999999",
        "'x'",
        "5 // c\n",
    ]);
    let key = prop::sample::select(vec![
        "agents",
        "defaults",
        "model",
        "models",
        "primary",
        "fallbacks",
        "providers",
        "baseUrl",
        "apiKey",
        "api",
        "id",
        "headers",
        "list",
        "entries",
        "env",
        "vars",
        "mode",
        "input",
        "cost",
        "contextWindow",
        "params",
        "alias",
        "'a/b'",
        "$include",
        "gateway",
        "tools",
        "deny",
        "exec",
        "web",
        "search",
        "enabled",
        "memorySearch",
        "limits",
        "workspace",
        "skills",
        "mcp",
        "servers",
        "command",
        "url",
        "messages",
        "queue",
        "baseurl",
        "source",
        "x",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(7, 60, 4, move |inner| {
        let member = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}: {value}"));
        prop_oneof![
            3 => prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(", "))),
            1 => prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
        ]
    })
}

fn exercise(text: &str) {
    let loaded = with_env(text, &[("A", "value")]);
    let _ = loaded.render_diagnostics(Lang::ZhTw, true);
    let _ = (loaded.show(), loaded.config.policy(), loaded.config.aliases());
    let _ = loaded.config.assistant("id");
    for key in [
        "models.providers",
        "agents.defaults.model.primary",
        "models.providers.a/b.apiKey",
        text,
    ] {
        let _ = loaded.explain(key);
    }
    let _ = yabby_config::set_primary(text, "a/b");
}

#[test]
fn deep_nesting_is_no_problem() {
    for (open, close) in [("{a: ", "}"), ("{agents: ", "}"), ("[", "]")] {
        for depth in [500, 5000] {
            exercise(&format!("{}1{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    let params = format!("{}1{}", "{a: [".repeat(240), "]}".repeat(240));
    exercise(&format!(
        "{{models: {{providers: {{a: {{baseUrl: 'http://h/v1', params: {params}}}}}}}}}"
    ));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,80}") {
        exercise(&text);
    }

    #[test]
    fn config_like_text_never_panics(text in config_like()) {
        exercise(&text);
    }

    #[test]
    fn cut_configs_never_panic(cut in 0usize..1200) {
        let text = include_str!("../../fixtures/2-hosted-primary.json5");
        exercise(text.get(..cut).unwrap_or(text));
    }
}
