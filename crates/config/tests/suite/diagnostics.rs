//! What people see when a config is wrong.

use yabby_config::DiagnosticKind;
use yabby_core::Lang;

use super::support::{Home, kinds, summary, text};

const MANY: &str = r#"{
  agents: {
    defaults: {
      model: { primary: "lmstudio/minimax-m2.1-gs23", fallbacks: ["Opsu", "lmstudio/minimax-m2.1-gs32", "mnimax"] },
      models: {
        "anthropic/claude-opus-4-6": { alias: "Opus" },
        "lmstudio/minimax-m2.1-gs32": { alias: "Minimax" },
        "openai/gpt": { alias: "opus" },
      },
    },
  },
  gatway: { port: 1 },
  models: {
    mode: "mege",
    providers: {
      lmstudio: {
        base_url: "http://127.0.0.1:1234/v1",
        baseUrl: "127.0.0.1:1234",
        apiKey: "sk-secret-value", api: "openai-response",
        models: [
          { id: "minimax-m2.1-gs32", contextWindow: 4096, contextTokens: 8192 },
          { name: "no id" },
          { id: "bad", contextWindow: "big" },
        ],
      },
      vllm: { baseUrl: "http://127.0.0.1:8000/v1", headers: { "X-Key": "${VLLM_KEY}" } },
      broken: { baseUrl: 5, apiKey: "sk-other" },
      bare: { models: [] },
    },
  },
}
"#;

#[test]
fn english() {
    insta::assert_snapshot!(Home::with(MANY).render(Lang::En));
}

#[test]
fn chinese() {
    insta::assert_snapshot!(Home::with(MANY).render(Lang::ZhTw));
}

#[test]
fn syntax_errors() {
    let texts = [
        "{\n  models: {\n    mode: \"merge\"\n    providers: {},\n  },\n}\n",
        "{ models: { providers: { a: { apiKey: \"sk-secret } } } }\n",
        "{ a: b }\n",
        "{\n  models: {\n",
        "{} {}\n",
        "{ apiKey 'sk-secret' }\n",
    ];
    let rendered: Vec<String> = texts.iter().map(|text| Home::with(text).render(Lang::En)).collect();
    insta::assert_snapshot!(rendered.join("\n"));
}

#[test]
fn a_missing_file_and_a_broken_env_file() {
    let home = Home::with("{}").var("YABBY_CONFIG", "/nowhere/yabby.json5");
    home.write(".yabby/.env", "KEY\n");
    insta::assert_snapshot!(home.render(Lang::En));
}

#[test]
fn a_wrong_type_turns_its_section_off() {
    let cases = [
        ("models: {mode: 5, providers: {a: {baseUrl: 'http://h/v1'}}}", Some(0)),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', timeoutSeconds: 'x'}}}",
            None,
        ),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', timeoutSeconds: 0}}}",
            None,
        ),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', timeoutSeconds: 1.5}}}",
            None,
        ),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', timeoutSeconds: 5000000000}}}",
            None,
        ),
        ("models: {providers: {a: {baseUrl: 'http://h/v1', models: {}}}}", None),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', models: [{id: 'x'}, {id: 5}]}}}",
            Some(1),
        ),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', models: [{id: 'x', cost: {input: 'y'}}]}}}",
            Some(0),
        ),
        (
            "models: {providers: {a: {baseUrl: 'http://h/v1', models: [{id: 'x', input: ['smell']}]}}}",
            Some(0),
        ),
        (
            "agents: {defaults: []}, models: {providers: {a: {baseUrl: 'http://h/v1'}}}",
            Some(0),
        ),
        ("agents: 5, models: {providers: {a: {baseUrl: 'http://h/v1'}}}", Some(0)),
    ];
    for (body, models) in cases {
        let loaded = text(&format!("{{{body}}}"));
        assert!(loaded.has_errors(), "{body}");
        assert_eq!(loaded.diagnostics[0].kind, DiagnosticKind::WrongType, "{body}");
        let provider = loaded.config.provider("a");
        assert_eq!(provider.map(|provider| provider.models.len()), models, "{body}");
    }
}

#[test]
fn the_whole_config_must_be_an_object() {
    let loaded = text("[]");
    assert_eq!(kinds(&loaded), [DiagnosticKind::WrongType]);
    assert_eq!(loaded.config.providers().count(), 3);
}

#[test]
fn unknown_keys_get_a_guess() {
    let loaded = text("{model: {}, agents: {defalts: {}, defaults: {workspce: 'x', zebra: 1}}}");
    let help: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| format!("{}: {}", diagnostic.key, diagnostic.help.as_ref().unwrap().english()))
        .collect();
    assert_eq!(
        help,
        [
            "model: did you mean models?",
            "agents.defalts: did you mean defaults?",
            "agents.defaults.workspce: did you mean workspace?",
            "agents.defaults.zebra: it has no effect; remove it"
        ]
    );
}

#[test]
fn keys_of_openclaw_are_quietly_listed() {
    let loaded = text(
        "{channels: {telegram: {botToken: 'x'}}, agents: {defaults: {repoRoot: 'w', heartbeat: {every: '5m'}}},
          models: {providers: {a: {baseUrl: 'http://h/v1', auth: 'api-key', request: {},
            models: [{id: 'm', cost: {input: 1, output: 2, tieredPricing: []}, compat: {supportsTools: false, anything: {}}}]}}}}",
    );
    assert_eq!(loaded.diagnostics, []);
    let keys: Vec<&str> = loaded.unused.iter().map(|unused| unused.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "channels",
            "agents.defaults.repoRoot",
            "agents.defaults.heartbeat",
            "models.providers.a.auth",
            "models.providers.a.request"
        ]
    );
}

#[test]
fn models_of_an_off_provider_point_at_the_provider() {
    let loaded = text("{agents: {defaults: {model: 'a/m'}}, models: {providers: {a: {baseUrl: 5}}}}");
    assert_eq!(
        summary(&loaded),
        [
            "models.providers.a.baseUrl 1:72 expected string, found integer",
            "agents.defaults.model 1:29 a/m cannot be used, because the provider a is off"
        ]
    );
}

#[test]
fn columns_count_characters_not_bytes() {
    let loaded = text("{agents: {defaults: {models: {'供應/模型': {allias: 'x'}}}}}");
    let place = loaded.diagnostics[0].place.clone().unwrap();
    assert_eq!((place.line, place.column), (1, 41));
}

#[test]
fn a_key_written_twice_is_noticed() {
    let loaded = text("{models: {mode: 'replace', mode: 'merge'}}");
    assert_eq!(kinds(&loaded), [DiagnosticKind::DuplicateKey]);
    assert_eq!(loaded.config.providers().count(), 3);
}

#[test]
fn a_byte_order_mark_does_not_move_places() {
    let loaded = text("\u{feff}{modells: {}}");
    assert_eq!(loaded.diagnostics[0].place.as_ref().unwrap().column, 2);
}

#[test]
fn models_that_may_be_found_at_run_time_are_no_error() {
    let loaded = text(
        "{agents: {defaults: {model: {primary: 'ollama/qwen3:4b', fallbacks: ['Local', 'embedded/x', 'lmstudi/x']},
          models: {'LMStudio/m': {alias: 'local'}}}}}",
    );
    assert_eq!(
        summary(&loaded),
        ["agents.defaults.model.fallbacks[2] 1:93 no model is called lmstudi/x"]
    );
    let off = text("{agents: {defaults: {model: 'ollama/m'}}, models: {providers: {ollama: {baseUrl: 5}}}}");
    assert_eq!(kinds(&off), [DiagnosticKind::WrongType, DiagnosticKind::UnknownModel]);
}

#[test]
fn the_rest_of_many_is_counted() {
    let models: Vec<String> = (0..400)
        .map(|n| format!("{{id: 'm{n}', foo: 'x', bar: 'y'}},\n"))
        .collect();
    let loaded = text(&format!(
        "{{models: {{providers: {{a: {{baseUrl: 'http://h/v1', models: [{}]}}}}}}}}",
        models.concat()
    ));
    assert_eq!(loaded.diagnostics.len(), 800);
    let rendered = loaded.render_diagnostics(Lang::En, false);
    assert_eq!(rendered.matches("unknown key").count(), 20);
    assert!(rendered.ends_with("\n\nand 780 more of this kind\n"), "{rendered}");
}

const PARAMS: &str = r#"{
  agents: { defaults: {
    params: { temperature: "0.2", maxTokens: 1.5, cacheRetention: "medium" },
    models: { "a/m": { params: { toolMode: "constraind" } } },
  } },
  models: {
    providers: {
      openrouter: { params: { provider: { data_colection: "deny", only: "deepinfra", zdr: "yes" }, anything: { else: 1 } } },
    },
  },
}
"#;

/// A misspelt limit would be no limit, and nobody would see it.
#[test]
fn params_with_mistakes() {
    insta::assert_snapshot!(Home::with(PARAMS).render(Lang::En));
}
