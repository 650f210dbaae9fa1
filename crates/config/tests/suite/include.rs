//! `$include`.

use yabby_config::{DiagnosticKind, KeySource, including, set_primary};

use super::support::{Home, kinds, summary};

#[test]
fn one_file_several_files_and_siblings() {
    let home = Home::with(
        "{agents: {$include: './parts/agents.json5'},
          models: {$include: ['parts/one.json5', 'parts/two.json5'], mode: 'replace'}}",
    );
    home.write(".yabby/parts/agents.json5", "{defaults: {$include: 'defaults.json5'}}");
    home.write(".yabby/parts/defaults.json5", "{model: 'a/m'}");
    home.write(
        ".yabby/parts/one.json5",
        "{mode: 'merge', providers: {a: {baseUrl: 'http://one/v1', models: [{id: 'm'}]}}}",
    );
    home.write(
        ".yabby/parts/two.json5",
        "{providers: {a: {baseUrl: 'http://two/v1', models: [{id: 'n'}]}, b: {baseUrl: 'http://b/v1'}}}",
    );
    let loaded = home.load();
    assert_eq!(summary(&loaded), Vec::<String>::new());
    let a = loaded.config.provider("a").unwrap();
    assert_eq!(a.base_url.as_str(), "http://two/v1");
    let ids: Vec<&str> = a.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["m", "n"], "arrays join");
    assert_eq!(loaded.config.providers().count(), 2, "the key beside $include wins");
    assert_eq!(loaded.config.policy().primary.as_deref(), Some("a/m"));
}

#[test]
fn a_problem_in_an_included_file_stands_in_that_file() {
    let home = Home::with("{models: {$include: 'm.json5'}}");
    let included = home.write(".yabby/m.json5", "{\n  modee: 'merge'\n}");
    let loaded = home.load();
    assert_eq!(summary(&loaded), ["models.modee 2:3 unknown key modee"]);
    assert_eq!(loaded.diagnostics[0].place.as_ref().unwrap().file, included);
}

#[test]
fn a_broken_include_leaves_the_rest() {
    let home = Home::with("{agents: {defaults: {model: 'a/m'}}, models: {$include: 'm.json5', mode: 'merge'}}");
    home.write(".yabby/m.json5", "{ providers: ");
    let loaded = home.load();
    assert_eq!(kinds(&loaded), [DiagnosticKind::Syntax, DiagnosticKind::UnknownModel]);
    assert_eq!(loaded.config.policy().primary.as_deref(), Some("a/m"));
}

#[test]
fn what_may_not_be_included() {
    let home =
        Home::with("{agents: {$include: '../outside.json5'}, models: {$include: 'gone.json5'}, env: {$include: 5}}");
    home.write("outside.json5", "{}");
    let loaded = home.load();
    assert_eq!(kinds(&loaded), [DiagnosticKind::Include; 3]);
    let summary = summary(&loaded);
    assert_eq!(
        summary[0],
        "agents 1:21 ../outside.json5 lies outside the folder of the config"
    );
    assert!(
        summary[1].starts_with("models 1:61 the included file gone.json5 cannot be read"),
        "{}",
        summary[1]
    );
    assert_eq!(
        summary[2],
        "env 1:92 $include needs a file name, or a list of file names"
    );
}

#[test]
fn further_roots_are_allowed_by_the_environment() {
    let home = Home::with("{agents: {$include: '../shared/a.json5'}}");
    home.write("shared/a.json5", "{defaults: {model: 'openai/x'}}");
    let shared = home.path().join("shared").display().to_string();
    let home = home.var("OPENCLAW_INCLUDE_ROOTS", &shared);
    let loaded = home.load();
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.config.policy().primary.as_deref(), Some("openai/x"));
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_outside() {
    let home = Home::with("{agents: {$include: 'link.json5'}}");
    let outside = home.write("secret.json5", "{defaults: {model: 'openai/x'}}");
    std::os::unix::fs::symlink(outside, home.path().join(".yabby/link.json5")).unwrap();
    assert_eq!(kinds(&home.load()), [DiagnosticKind::Include]);
}

#[test]
fn a_circle_is_shown() {
    let home = Home::with("{models: {$include: 'a.json5'}}");
    home.write(".yabby/a.json5", "{$include: 'b.json5'}");
    home.write(".yabby/b.json5", "{$include: 'a.json5'}");
    let loaded = home.load();
    let message = loaded.diagnostics[0].message.english();
    assert_eq!(message, "these files include each other: a.json5 → b.json5 → a.json5");
}

#[test]
fn depth_and_size_are_limited() {
    let home = Home::with("{models: {$include: '0.json5'}, agents: {$include: 'big.json5'}}");
    for level in 0..11 {
        let text = format!("{{$include: '{}.json5'}}", level + 1);
        home.write(&format!(".yabby/{level}.json5"), &text);
    }
    home.write(".yabby/11.json5", "{}");
    home.write(".yabby/big.json5", &" ".repeat(2 * 1024 * 1024 + 1));
    let summary = summary(&home.load());
    assert_eq!(
        summary,
        [
            "models 1:12 files are included more than 10 levels deep",
            "agents 1:52 the included file big.json5 is larger than 2 MB"
        ]
    );
}

const OPENCLAW: &str = "{
  agents: { defaults: {
    model: { primary: 'openai/a', fallbacks: ['openai/b', 'openai/c'] },
    models: { 'openai/b': { alias: 'Bee' } },
  } },
  models: { $include: './parts/models.json5' },
}";

fn openclaw(text: &str) -> Home {
    let home = Home::new();
    let file = home.write(".openclaw/openclaw.json", text);
    home.write(
        ".openclaw/parts/models.json5",
        "{providers: {openai: {apiKey: '${OC_KEY}', $include: 'more.json5'}}}",
    );
    home.write(".openclaw/parts/more.json5", "{timeoutSeconds: 5}");
    home.write(
        ".openclaw/.env",
        "OC_KEY=theirs\nBOTH=theirs\nANTHROPIC_API_KEY=theirs\n",
    );
    home.write(".yabby/.env", "ANTHROPIC_API_KEY=ours\n");
    home.write(
        ".yabby/yabby.json5",
        &set_primary(&including(&file), "openai/c-2").unwrap(),
    );
    home
}

#[test]
fn another_primary_for_openclaws_config() {
    let loaded = openclaw(OPENCLAW).load();
    assert_eq!(loaded.diagnostics, []);
    let policy = loaded.config.policy();
    assert_eq!(policy.primary.as_deref(), Some("openai/c-2"));
    assert_eq!(policy.fallbacks, ["openai/b", "openai/c"]);
    assert_eq!(loaded.config.resolve("bee").unwrap().to_string(), "openai/b");
    let key = |id: &str| {
        let key = loaded.config.provider(id).unwrap().key().cloned().unwrap();
        key.secret.expose().to_owned()
    };
    assert_eq!(
        (key("openai"), key("anthropic")),
        ("theirs".to_owned(), "ours".to_owned())
    );
    let openai = loaded.config.provider("openai").unwrap();
    assert!(matches!(&openai.key().unwrap().source, KeySource::Env { name } if name == "OC_KEY"));
    assert_eq!(openai.timeout.unwrap().as_secs(), 5);
}

/// Before a config is written it is read as if it stood there, also where its folder is not there yet.
#[test]
fn a_draft_is_what_the_file_will_be() {
    let home = openclaw(OPENCLAW);
    let written = home.load();
    let own = home.path().join(".yabby/yabby.json5");
    let text = std::fs::read_to_string(&own).unwrap();
    std::fs::remove_file(&own).unwrap();
    for folder in [".yabby", ".not-there"] {
        let draft = home.draft(&format!("{folder}/yabby.json5"), &text);
        assert_eq!((draft.diagnostics, draft.config), (Vec::new(), written.config.clone()));
    }
}

#[test]
fn the_short_form_gives_way_to_the_set_primary() {
    let home = openclaw("{agents: {defaults: {model: 'openai/a'}}}");
    let policy = home.load().config.policy();
    assert_eq!(
        (policy.primary.as_deref(), policy.fallbacks.len()),
        (Some("openai/c-2"), 0)
    );
    let file = home.path().join(".yabby/yabby.json5");
    let text = set_primary(&std::fs::read_to_string(&file).unwrap(), "openai/d").unwrap();
    home.write(".yabby/yabby.json5", &text);
    assert_eq!(home.load().config.policy().primary.as_deref(), Some("openai/d"));
}

#[cfg(unix)]
#[test]
fn a_config_behind_a_link_includes_from_both_folders() {
    let home = Home::new();
    let target = home.write(
        "dotfiles/yabby.json5",
        "{agents: {$include: 'beside-link.json5'}, models: {$include: 'beside-target.json5'}}",
    );
    home.write("dotfiles/beside-target.json5", "{mode: 'replace'}");
    home.write("dotfiles/beside-link.json5", "{defaults: {model: 'openai/target'}}");
    home.write(".yabby/beside-link.json5", "{defaults: {model: 'openai/link'}}");
    std::os::unix::fs::symlink(target, home.path().join(".yabby/yabby.json5")).unwrap();
    let loaded = home.load();
    let includes: Vec<_> = kinds(&loaded)
        .into_iter()
        .filter(|kind| *kind == DiagnosticKind::Include)
        .collect();
    assert_eq!(includes, []);
    assert_eq!(
        loaded.config.policy().primary.as_deref(),
        Some("openai/link"),
        "the written path comes first"
    );
    assert_eq!(loaded.config.providers().count(), 0);
}

#[test]
fn every_refusal_says_what_to_do() {
    let home = Home::with("{agents: {$include: 5}, models: {$include: 'gone.json5'}, env: {$include: ''}}");
    let text = yabby_config::load_text("{models: {$include: 'x'}}", &yabby_config::Environment::default());
    for diagnostic in home.load().diagnostics.iter().chain(&text.diagnostics) {
        assert!(diagnostic.help.is_some(), "{diagnostic:?}");
    }
}

#[test]
fn a_duplicate_carries_its_whole_key() {
    let home = Home::with("{models: {$include: 'm.json5'}, agents: {list: [{id: 'a', id: 'b'}]}}");
    home.write(
        ".yabby/m.json5",
        "{providers: {a: {baseUrl: 'http://h/v1', api: 'openai-responses', api: 'openai-completions'}}}",
    );
    let loaded = home.load();
    let keys: Vec<&str> = loaded.diagnostics.iter().map(|found| found.key.as_str()).collect();
    assert_eq!(keys, ["agents.list[0].id", "models.providers.a.api"]);
}

#[test]
fn every_file_that_counts_is_known_also_where_it_is_not_there() {
    let home = Home::with(
        "{models: {$include: ['one.json5', 'gone.json5'],
                   providers: {a: {baseUrl: 'http://a/v1', apiKey: {source: 'file', provider: 'f', id: 'value'}}}},
          secrets: {providers: {f: {source: 'file', path: '~/key.txt', mode: 'singleValue'}}}}",
    );
    home.write(".yabby/one.json5", "{$include: 'two.json5'}");
    let there = |name: &str| home.path().join(name);
    assert_eq!(
        home.load().files(),
        [
            there(".openclaw/openclaw.json"),
            there(".yabby/.env"),
            there(".yabby/gone.json5"),
            there(".yabby/one.json5"),
            there(".yabby/two.json5"),
            there(".yabby/yabby.json5"),
            there("key.txt"),
        ]
    );
    let named = home.write("named.json5", "{}");
    assert_eq!(home.load_from(Some(&named)).files(), [there(".yabby/.env"), named]);
}
