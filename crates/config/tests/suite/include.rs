//! `$include`.

use yabby_config::DiagnosticKind;

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
