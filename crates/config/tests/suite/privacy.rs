//! How far data may travel: what is said, and what a mistake does. A mistake must never let data go further.

use yabby_config::{Loaded, Severity};
use yabby_core::{Lang, Zone, Zones};

use super::support::{Home, summary, text, with_env};

const ALL: [&str; 5] = ["machine", "lan", "region:eu", "region:us", "hosted"];

/// The zones that are open to an agent, and whether the person may be asked about the others.
fn open(zones: &Zones) -> (Vec<&'static str>, bool) {
    let zone = |word: &str| -> Zone { word.parse().unwrap() };
    let allowed = ALL.into_iter().filter(|word| zones.forbids(&zone(word)).is_none());
    let ask = zones.forbids(&Zone::Hosted).is_some_and(|rule| rule.ask);
    (allowed.collect(), ask)
}

fn of(loaded: &Loaded, agent: Option<&str>) -> Vec<&'static str> {
    open(&loaded.config.zones_of(agent)).0
}

#[test]
fn what_is_said_holds_and_an_agent_only_narrows() {
    let loaded = text(
        "{agents: {
            defaults: {privacy: {zones: ['lan', 'Region:EU']}},
            entries: {
                near: {privacy: {zones: ['lan'], onViolation: 'ask'}},
                free: {privacy: {zones: ['hosted']}},
                plain: {},
                nothing: {privacy: null},
            },
            list: [{id: 'old', privacy: {zones: ['machine']}}, {id: 'free', privacy: {zones: ['region:us', 'lan']}}],
        }}",
    );
    assert_eq!(summary(&loaded), Vec::<String>::new());
    let near = ["machine", "lan"];
    let eu = ["machine", "lan", "region:eu"];
    for (agent, zones) in [
        (None, &eu[..]),
        (Some("plain"), &eu),
        (Some("nothing"), &eu),
        (Some("nobody"), &eu),
        (Some("near"), &near),
        // It stands twice, and both rules hold.
        (Some("free"), &near),
        (Some("old"), &["machine"]),
    ] {
        assert_eq!(of(&loaded, agent), zones, "{agent:?}");
    }
    let rule = |agent, zone: Zone| loaded.config.zones_of(agent).forbids(&zone).cloned().unwrap();
    assert_eq!(rule(None, Zone::Hosted).from, "agents.defaults.privacy.zones");
    let own = rule(Some("near"), Zone::Region("eu".to_owned()));
    assert_eq!(
        (own.from.as_str(), own.ask),
        ("agents.entries.near.privacy.zones", true)
    );
    assert!(!rule(Some("near"), Zone::Hosted).ask, "the defaults say fail");
}

#[test]
fn an_agent_may_ask_unless_the_defaults_say_fail() {
    for (defaults, ask) in [
        ("", true),
        ("privacy: {onViolation: 'ask', zones: ['hosted']},", true),
        ("privacy: {onViolation: 'fail', zones: ['hosted']},", false),
        ("privacy: {onViolation: 'fail'},", false),
        ("privacy: {zones: ['lan']},", false),
        ("privacy: {zones: ['lan'], onViolation: 'ask'},", true),
        ("privacy: 5,", false),
    ] {
        let loaded = text(&format!(
            "{{agents: {{defaults: {{{defaults}}},
                entries: {{a: {{privacy: {{zones: ['machine'], onViolation: 'ask'}}}}}}}}}}"
        ));
        let (zones, may_ask) = open(&loaded.config.zones_of(Some("a")));
        assert_eq!((zones, may_ask), (vec!["machine"], ask), "{defaults}");
    }
}

#[test]
fn a_mistake_leaves_this_machine_alone() {
    let wrong = [
        "privacy: 5",
        "privacy: 'lan'",
        "privacy: ['lan']",
        "privacy: {zones: 'lan'}",
        "privacy: {zones: {lan: true}}",
        "privacy: {zones: ['lan', 5]}",
        "privacy: {zones: ['lan', null]}",
        "privacy: {zones: ['lann']}",
        "privacy: {zones: ['hosted', 'cloud']}",
        "privacy: {zones: ['region:']}",
        "privacy: {zones: ['lan', '${NOT_SET}']}",
        "privacy: {zones: ['hosted'], onViolation: 'warn'}",
        "privacy: {zones: ['hosted'], onviolation: 'fail'}",
        "privacy: {zones: ['hosted'], nothing: 1}",
        "privacy: {zone: ['lan']}",
        "privacy: {zones: ['machine'], zones: ['hosted']}",
        "privacy: {zones: ['machine']}, privacy: {zones: ['hosted']}",
        "privacy: {$include: 'gone.json5'}",
        "privacy: {$include: 5, zones: ['hosted']}",
        "privcy: {zones: ['machine']}",
        "Privacy: {zones: ['machine']}",
    ];
    for privacy in wrong {
        let defaults = with_env(
            &format!("{{agents: {{defaults: {{{privacy}}}, entries: {{a: {{}}}}}}}}"),
            &[],
        );
        assert_eq!(of(&defaults, None), ["machine"], "{privacy}");
        assert_eq!(of(&defaults, Some("a")), ["machine"], "{privacy}");
        for agents in [
            format!("entries: {{a: {{model: 'p/m', {privacy}}}, b: {{}}}}"),
            format!("list: [{{id: 'c'}}, {{id: 'a', model: 'p/m', {privacy}}}, {{id: 'b'}}]"),
        ] {
            let loaded = text(&format!("{{agents: {{{agents}}}}}"));
            assert_eq!(of(&loaded, Some("a")), ["machine"], "{agents}");
            assert_eq!(of(&loaded, Some("b")), ALL, "{agents}");
            assert_eq!(of(&loaded, None), ALL, "{agents}");
            let primary = loaded.config.policy_of(Some("a")).primary;
            assert_eq!(primary.as_deref(), Some("p/m"), "the agent itself stays: {agents}");
            let errors = loaded.diagnostics.iter();
            let mut errors = errors.filter(|found| found.severity == Severity::Error && found.place.is_some());
            assert!(errors.any(|found| found.key.starts_with("agents.")), "{agents}");
        }
    }
}

#[test]
fn what_cannot_be_read_may_have_said_something() {
    for (config, agent) in [
        ("{agents: {defaults: {$include: 'gone.json5'}}}", None),
        ("{agents: {$include: 'gone.json5'}}", None),
        ("{$include: 'gone.json5'}", None),
        ("{agents: []}", None),
        ("{agents: {defaults: 'x'}}", None),
        ("[]", None),
        ("{agents: ", None),
        ("{agents: {entries: {$include: 'gone.json5'}}}", Some("a")),
        ("{agents: {entries: {$include: 'gone.json5', a: {}}}}", Some("a")),
        ("{agents: {entries: []}}", Some("a")),
        ("{agents: {entries: {a: 5}}}", Some("a")),
        // An agent that is off because of something else.
        (
            "{agents: {entries: {a: {name: 5, privacy: {zones: ['machine']}}}}}",
            Some("a"),
        ),
        (
            "{agents: {list: [{id: 'b'}, {id: 'a', name: 5, privacy: {zones: ['machine']}}]}}",
            Some("a"),
        ),
        (
            "{agents: {entries: {a: {}}, list: [{id: 'a', name: 5, privacy: {zones: ['machine']}}]}}",
            Some("a"),
        ),
        (
            "{agents: {entries: {$include: 'gone.json5'}, list: [{id: 'a'}]}}",
            Some("a"),
        ),
        // Keys at which it has no effect.
        ("{privacy: {zones: ['machine']}}", None),
        ("{agents: {privacy: {zones: ['machine']}}}", None),
        // What stands twice counts once.
        (
            "{agents: {defaults: {privacy: {zones: ['machine']}}}, agents: {defaults: {}}}",
            None,
        ),
    ] {
        assert_eq!(of(&text(config), agent), ["machine"], "{config}");
    }
    for config in [
        "{}",
        "{models: {$include: 'gone.json5'}}",
        "{models: 5}",
        "{agents: {defaults: {model: 5}}}",
        "{agents: {defaults: {primary: 'a/b'}}}",
        "{agents: {defaults: {model: 'a/b', model: 'c/d'}}}",
        "{agents: {entries: {a: {name: 5}}}}",
        "{agents: {entries: {privacy: {name: 5}}}}",
        "{gateway: {privacy: 1}}",
    ] {
        assert_eq!(of(&text(config), None), ALL, "{config}");
    }
}

#[test]
fn an_included_privacy_counts() {
    let home = Home::with("{agents: {defaults: {privacy: {$include: 'p.json5'}}}}");
    home.write(".yabby/p.json5", "{zones: ['lan']}");
    assert_eq!(of(&home.load(), None), ["machine", "lan"]);
    home.write(".yabby/p.json5", "{zones: ['lan'");
    assert_eq!(of(&home.load(), None), ["machine"]);
    let empty = text("{agents: {defaults: {privacy: {zones: []}}}}");
    assert_eq!(of(&empty, None), [] as [&str; 0]);
}

#[test]
fn a_provider_has_the_zone_that_is_said_or_is_off() {
    let zone = |written: &str| {
        let loaded = text(&format!(
            "{{models: {{providers: {{openai: {{baseUrl: 'http://127.0.0.1:1/v1', {written}}}}}}}}}"
        ));
        let provider = loaded.config.provider("openai");
        provider.map(|provider| provider.zone.as_ref().map(ToString::to_string))
    };
    let said = |word: &str| Some(Some(word.to_owned()));
    assert_eq!(zone(""), Some(None));
    assert_eq!(zone("zone: 'LAN'"), said("lan"));
    assert_eq!(zone("zone: 'region:eu'"), said("region:eu"));
    for wrong in [
        "zone: 'hostd'",
        "zone: ''",
        "zone: 5",
        "zone: ['lan']",
        "zone: '${NOT_SET}'",
    ] {
        assert_eq!(zone(wrong), None, "{wrong}");
    }
}

const WRONG: &str = r#"{
  agents: {
    defaults: { privacy: { zones: ["machine", "Lann"], onViolation: "fial" } },
    entries: {
      work: { privacy: { zones: ["region:eu"], zone: "x" } },
      home: { privacy: { zones: ["home"] } },
      away: { privacy: {} },
      none: { privacy: { zones: [] } },
    },
    list: [{ id: "old", privcy: { zones: ["lan"] } }],
    privacy: { zones: ["machine"] },
  },
  models: { providers: { box: { baseUrl: "http://box:1/v1", zone: "hostd" }, far: { baseUrl: "http://f:1/v1", zone: 5 } } },
}
"#;

#[test]
fn mistakes_in_english() {
    insta::assert_snapshot!(Home::with(WRONG).render(Lang::En));
}

#[test]
fn mistakes_in_chinese() {
    insta::assert_snapshot!(Home::with(WRONG).render(Lang::ZhTw));
}

#[test]
fn it_is_shown_and_explained() {
    let loaded = text(
        "{agents: {defaults: {privacy: {zones: ['region:eu', 'lan'], onViolation: 'ask'}},
            entries: {a: {privacy: {zones: ['lan', 5]}}}},
          models: {providers: {box: {baseUrl: 'http://box:1/v1', zone: 'hosted'}}}}",
    );
    let shown = |key: &str| {
        let explained = loaded.explain(key).unwrap();
        (explained.value.unwrap().to_string(), explained.documentation.is_some())
    };
    for (key, value) in [
        (
            "agents.defaults.privacy",
            r#"{"zones":["lan","region:eu"],"onViolation":"ask"}"#,
        ),
        ("agents.defaults.privacy.onViolation", r#""ask""#),
        ("agents.entries.a.privacy.zones", r#"["machine"]"#),
        ("models.providers.box.zone", r#""hosted""#),
    ] {
        assert_eq!(shown(key), (value.to_owned(), true), "{key}");
    }
}
