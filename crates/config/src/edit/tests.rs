use jsonc_parser::{CollectOptions, CommentCollectionStrategy, parse_to_ast};
use proptest::prelude::*;

use super::*;
use crate::{Api, Environment, Loaded, load_text};

fn load(text: &str) -> Loaded {
    load_text(text, &Environment::from_vars([("KEY", "k"), ("OTHER", "o")]))
}

fn provider(id: &str, models: &[&str]) -> NewProvider {
    NewProvider {
        id: id.to_owned(),
        base_url: Some("http://127.0.0.1:1234/v1".to_owned()),
        api: Some(Api::Completions),
        key_env: None,
        models: models.iter().map(|id| model(id)).collect(),
    }
}

fn model(id: &str) -> NewModel {
    NewModel {
        id: id.to_owned(),
        context_window: None,
    }
}

fn change(providers: Vec<NewProvider>, primary: &str, fallback: &str) -> Edit {
    let given = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Edit {
        providers,
        primary: given(primary),
        fallback: given(fallback),
    }
}

#[test]
fn each_form_stays_what_it_is() {
    let cases = [
        (
            "{agents: {defaults: {model: 'a/b'}}} // end",
            "{agents: {defaults: {model: 'x/y'}}} // end",
        ),
        (
            "{agents: {defaults: {model: \"a/b\"}}}",
            "{agents: {defaults: {model: \"x/y\"}}}",
        ),
        (
            "{\n  agents: { defaults: { model: { primary: 'a/b', /* c */ fallbacks: ['c/d',] } } },\n}\n",
            "{\n  agents: { defaults: { model: { primary: 'x/y', /* c */ fallbacks: ['c/d',] } } },\n}\n",
        ),
        // The fallback that becomes the primary leaves its place to the primary.
        (
            "{agents: {defaults: {model: {primary: 'a/b', fallbacks: [\"c/d\", /* c */ \"x/y\"]}}}}",
            "{agents: {defaults: {model: {primary: 'x/y', fallbacks: [\"c/d\", /* c */ \"a/b\"]}}}}",
        ),
        // Of two properties of the same name the last one counts.
        (
            "{agents: {}, agents: {defaults: {model: 'a/b'}}}",
            "{agents: {}, agents: {defaults: {model: 'x/y'}}}",
        ),
        ("", "{\n  agents: { defaults: { model: { primary: \"x/y\" } } },\n}\n"),
        (
            "// mine\n",
            "// mine\n{\n  agents: { defaults: { model: { primary: \"x/y\" } } },\n}\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(set_primary(text, "x/y").unwrap(), expected);
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_stay() {
    let text = "\u{feff}{\r\n  // c\r\n  agents: { defaults: { model: 'a/b' } },\r\n}\r\n";
    assert_eq!(set_primary(text, "x/y").unwrap(), text.replace("a/b", "x/y"));
    let block = [
        "    } } },",
        "  models: {",
        "    providers: {",
        "      box: {",
        "        baseUrl: 'http://127.0.0.1:1234/v1',",
        "        api: 'openai-completions',",
        "        models: [{ id: 'm' }],",
        "      },",
        "    },",
        "  },",
        "}",
        "",
    ];
    let block = block.join("\r\n").replacen("    } } },", " } },", 1);
    let expected = text.replace(" } },\r\n}\r\n", &block);
    assert_eq!(add_provider(text, &provider("box", &["m"])).unwrap(), expected);
    let added = set_primary("{\n  // mine\n  models: {},\n}\n", "x/y").unwrap();
    assert_eq!(
        added,
        "{\n  // mine\n  models: {},\n  agents: { defaults: { model: { primary: \"x/y\" } } },\n}\n"
    );
}

#[test]
fn a_new_provider_is_written_as_the_rest() {
    let all = Edit {
        providers: vec![
            NewProvider {
                key_env: Some("KEY".to_owned()),
                ..provider("my-box", &["a"])
            },
            provider("ollama", &["b:1b", "c"]),
            provider("MY-BOX", &["a", "d"]),
        ],
        primary: Some("my-box/a".to_owned()),
        fallback: Some("ollama/c".to_owned()),
    };
    insta::assert_snapshot!(edit("", &all).unwrap(), @r#"
    {
      models: {
        providers: {
          "my-box": {
            baseUrl: "http://127.0.0.1:1234/v1",
            api: "openai-completions",
            apiKey: "${KEY}",
            models: [{ id: "a" }, { id: "d" }],
          },
          ollama: {
            baseUrl: "http://127.0.0.1:1234/v1",
            api: "openai-completions",
            models: [{ id: "b:1b" }, { id: "c" }],
          },
        },
      },
      agents: { defaults: { model: { primary: "my-box/a", fallbacks: ["ollama/c"] } } },
    }
    "#);
    insta::assert_snapshot!(edit("{\n\t\"models\": {\n\t\t\"mode\": \"merge\"\n\t}\n}\n", &all).unwrap(), @r#"
    {
    	"models": {
    		"mode": "merge",
    		"providers": {
    			"my-box": {
    				"baseUrl": "http://127.0.0.1:1234/v1",
    				"api": "openai-completions",
    				"apiKey": "${KEY}",
    				"models": [{ "id": "a" }, { "id": "d" }]
    			},
    			"ollama": {
    				"baseUrl": "http://127.0.0.1:1234/v1",
    				"api": "openai-completions",
    				"models": [{ "id": "b:1b" }, { "id": "c" }]
    			}
    		}
    	},
    	"agents": { "defaults": { "model": { "primary": "my-box/a", "fallbacks": ["ollama/c"] } } }
    }
    "#);
    insta::assert_snapshot!(edit("{ models: { providers: { x: { baseUrl: 'http://h/v1' } } } }\n", &all).unwrap(), @r"
    {
      models: { providers: {
          x: { baseUrl: 'http://h/v1' },
          'my-box': {
            baseUrl: 'http://127.0.0.1:1234/v1',
            api: 'openai-completions',
            apiKey: '${KEY}',
            models: [{ id: 'a' }, { id: 'd' }]
          },
          ollama: {
            baseUrl: 'http://127.0.0.1:1234/v1',
            api: 'openai-completions',
            models: [{ id: 'b:1b' }, { id: 'c' }]
          }
        } },
      agents: { defaults: { model: { primary: 'my-box/a', fallbacks: ['ollama/c'] } } }
    }
    ");
}

#[test]
fn a_provider_that_is_there_is_completed() {
    let text = r#"{
  models: { providers: {
    // the big one
    Box: {
      baseUrl: 'http://old:1/v1', // was another port
      models: [
        { id: "a", contextWindow: 8192 }, // kept
      ],
    },
  } },
}
"#;
    let new = NewProvider {
        api: None,
        key_env: Some("KEY".to_owned()),
        models: vec![
            model("a"),
            NewModel {
                context_window: Some(4096),
                ..model("b")
            },
        ],
        ..provider("box", &[])
    };
    insta::assert_snapshot!(add_provider(text, &new).unwrap(), @r#"
    {
      models: { providers: {
        // the big one
        Box: {
          baseUrl: 'http://127.0.0.1:1234/v1', // was another port
          models: [
            { id: "a", contextWindow: 8192 }, // kept
            { id: 'b', contextWindow: 4096 },
          ],
          apiKey: '${KEY}',
        },
      } },
    }
    "#);
}

/// A key that is that variable already stays in its own spelling.
#[test]
fn spellings_of_a_key_stay() {
    for key in [
        "\"${KEY}\"",
        "'KEY'",
        "{ source: 'env', provider: 'default', id: 'KEY' }",
    ] {
        let text = format!("{{ models: {{ providers: {{ box: {{ apiKey: {key} }} }} }} }}");
        let of = |name: &str| NewProvider {
            id: "box".to_owned(),
            key_env: Some(name.to_owned()),
            ..NewProvider::default()
        };
        assert_eq!(add_provider(&text, &of("KEY")).unwrap(), text);
        let mark = if key.starts_with('\'') { '\'' } else { '"' };
        let changed = text.replace(key, &format!("{mark}${{OTHER}}{mark}"));
        let edited = add_provider(&text, &of("OTHER")).unwrap();
        assert_eq!(edited.replace('\'', "\""), changed.replace('\'', "\""), "{key}");
    }
}

#[test]
fn errors_name_the_place() {
    let error = set_primary("{a: 1 b: 2}", "x/y").unwrap_err();
    assert!(
        matches!(error, ConfigError::Syntax { line: 1, column: 6, .. }),
        "{error:?}"
    );
    assert_eq!(set_primary("[]", "x/y").unwrap_err(), not_an_object(""));
    let all = change(vec![provider("box", &["m"])], "box/m", "box/n");
    for (text, expected) in [
        ("{agents: []}", not_an_object("agents")),
        ("{agents: {defaults: 1}}", not_an_object("agents.defaults")),
        (
            "{agents: {defaults: {model: null}}}",
            not_an_object("agents.defaults.model"),
        ),
        (
            "{agents: {defaults: {model: {fallbacks: 'x'}}}}",
            not_a_list("agents.defaults.model.fallbacks"),
        ),
        ("{models: []}", not_an_object("models")),
        ("{models: {providers: 'x'}}", not_an_object("models.providers")),
        (
            "{models: {providers: {BOX: 'x'}}}",
            not_an_object("models.providers.BOX"),
        ),
        (
            "{models: {providers: {box: {models: {}}}}}",
            not_a_list("models.providers.box.models"),
        ),
    ] {
        assert_eq!(edit(text, &all).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn another_file_is_included_and_left_alone() {
    let text = including(Path::new("/home/a b/openclaw.json"));
    let all = change(vec![provider("box", &["m"])], "box/m", "");
    insta::assert_snapshot!(edit(&text, &all).unwrap(), @r#"
    // Made by Yabby: all of the included config, and what is set here.
    {
      $include: "/home/a b/openclaw.json",
      models: {
        providers: {
          box: {
            baseUrl: "http://127.0.0.1:1234/v1",
            api: "openai-completions",
            models: [{ id: "m" }],
          },
        },
      },
      agents: { defaults: { model: { primary: "box/m" } } },
    }
    "#);
}

/// The comments of a text, in no order.
fn comments(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    let options = CollectOptions {
        comments: CommentCollectionStrategy::Separate,
        tokens: false,
    };
    let parsed = parse_to_ast(text, &options, &tree::parse_options()).unwrap();
    let mut found: Vec<String> = parsed
        .comments
        .iter()
        .flat_map(|map| map.values())
        .flat_map(|list| list.iter().map(|comment| comment.text().trim_end().to_owned()))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The keys that something is wrong with. The words for it may change: a model of a provider that was unknown is one
/// that the provider does not list.
fn wrong(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(|found| found.key.clone()).collect()
}

fn pieces() -> impl Strategy<Value = String> {
    let gap = || prop::sample::select(vec!["", " ", "\n  ", " /* x */ ", " // y\n", "\r\n\t"]);
    let end = || prop::sample::select(vec!["", ",", ", // z\n", " /* w */"]);
    let mark = prop::sample::select(vec!["'", "\""]);
    let model = prop::sample::select(vec![
        "",
        "model: QbOx/aQ",
        "model: { primary: QbOx/aQ }",
        "model: { primary: QbOx/aQ, fallbacks: [QbOx/bQ, /* f */ Qnear/mQ] }",
        "model: {}",
        "QmodelQ: { fallbacks: [] }",
        "workspace: QwQ",
    ]);
    let models = prop::sample::select(vec![
        "",
        "providers: {}",
        "QmodeQ: QmergeQ",
        "providers: { bOx: { baseUrl: Qhttp://h/v1Q, models: [{ id: QaQ }, { id: QbQ, name: QnQ }] } }",
        "providers: { near: { baseUrl: Qhttp://h/v1Q, apiKey: Q${OTHER}Q, models: [\n {\n id: QmQ }, // m\n] }, bOx: { baseUrl: Qhttp://i/v1Q, models: [{ id: QaQ }, { id: QbQ }] } }",
    ]);
    let start = prop::sample::select(vec!["", "\u{feff}", "// top\n"]);
    (start, mark, gap(), model, end(), gap(), models, end(), gap()).prop_map(
        |(start, mark, gap, model, model_end, gap2, models, models_end, gap3)| {
            let model_end = if model.is_empty() { model_end.trim_start_matches(',') } else { model_end };
            let models_end = if models.is_empty() { models_end.trim_start_matches(',') } else { models_end };
            let body = format!(
                "{{{gap}agents: {{ defaults:{gap2}{{ {model}{model_end}}} }},{gap3}models: {{{gap}{models}{models_end}}}{gap2}}}"
            );
            format!("{start}{}\n", body.replace('Q', mark))
        },
    )
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[abm]", "[a-z][a-zA-Z0-9.:/'\"\\\\-]{0,10}"]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        text in prop_oneof![
            4 => pieces(),
            1 => prop::sample::select(vec!["", "{}", "{\n}\n", "// c\n", "{ /* c */ }", "{ agents: {} } // d"]).prop_map(str::to_owned),
        ],
        id in prop_oneof!["box", "near", "[a-z][a-z0-9.-]{0,6}"],
        first in name(),
        second in name(),
        key in any::<bool>(),
        window in prop::option::of(1_u32..1_000_000),
    ) {
        let before = load(&text);
        let new = NewProvider {
            key_env: key.then(|| "KEY".to_owned()),
            models: vec![NewModel { context_window: window, ..model(&first) }, model(&second)],
            ..provider(&id, &[])
        };
        let primary = format!("{id}/{first}");
        let fallback = format!("{id}/{second}");
        let all = change(vec![new], &primary, &fallback);
        let edited = edit(&text, &all).unwrap();
        let loaded = load(&edited);
        let config = &loaded.config;
        prop_assert_eq!(edit(&edited, &all).unwrap(), edited.clone(), "twice");
        prop_assert_eq!(edited.starts_with('\u{feff}'), text.starts_with('\u{feff}'));

        let provider = config.provider(&id).unwrap();
        prop_assert_eq!(provider.base_url.as_str(), "http://127.0.0.1:1234/v1");
        prop_assert!(provider.model(&first).is_some() && provider.model(&second).is_some());
        if key {
            prop_assert_eq!(provider.key().unwrap().secret.expose(), "k");
        }
        let policy = config.policy();
        prop_assert_eq!(policy.primary.as_ref(), Some(&primary));
        let chain: Vec<&String> = policy.primary.iter().chain(&policy.fallbacks).collect();
        let kept = |name: &String| chain.iter().any(|known| known.eq_ignore_ascii_case(name));
        prop_assert!(kept(&fallback), "{:?}", policy);
        let known = before.config.policy();
        prop_assert!(known.fallbacks.iter().all(kept), "{:?} {:?}", known, policy);

        for comment in comments(&text) {
            prop_assert!(comments(&edited).contains(&comment), "{} is gone from {}", comment, edited);
        }
        let mut found = wrong(&loaded);
        for old in wrong(&before) {
            found.retain(|new| *new != old);
        }
        prop_assert_eq!(found, Vec::<String>::new(), "{}", edited);
    }

    #[test]
    fn any_name_is_set(
        text in prop::sample::select(vec![
            "", "{}", "{ agents: {} }", "{ // c\n agents: { defaults: { workspace: 'w' } } }",
            "{ agents: { defaults: { model: {} } }, models: {} }", "{\n}\n", "{'agents': {'defaults': {'model': 'a/b'}}}",
        ]),
        model in "[a-z\"'\\\\]{1,6}/[a-zA-Z0-9.:/'\"-]{1,10}",
    ) {
        let loaded = load(&set_primary(text, &model).unwrap());
        prop_assert_eq!(loaded.config.policy().primary, Some(model));
    }
}
