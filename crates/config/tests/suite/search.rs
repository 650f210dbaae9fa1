//! Which file is the config.

use yabby_config::{DiagnosticKind, Origin};

use super::support::{Home, kinds};

#[test]
fn own_config_wins_over_openclaw() {
    let home = Home::new();
    assert_eq!(home.load().origin, Origin::None);
    let openclaw = home.write(".openclaw/openclaw.json", "{}");
    home.write(".openclaw/.env", "OPENAI_API_KEY=k");
    let loaded = home.load();
    assert_eq!(loaded.origin, Origin::OpenClaw(openclaw));
    assert!(loaded.config.provider("openai").unwrap().has_key());
    let own = home.write(".yabby/yabby.json5", "{}");
    let loaded = home.load();
    assert_eq!(loaded.origin, Origin::Home(own));
    assert!(!loaded.config.provider("openai").unwrap().has_key());
}

#[test]
fn a_named_file_wins_and_must_exist() {
    let home = Home::with("{}");
    let other = home.write("other.json5", "{}");
    let missing = home.path().join("missing.json5");
    assert_eq!(home.load_from(Some(&other)).origin, Origin::Explicit(other.clone()));

    let loaded = home.load_from(Some(&missing));
    assert_eq!(loaded.origin, Origin::Explicit(missing.clone()));
    assert_eq!(kinds(&loaded), [DiagnosticKind::Unreadable]);
    assert!(loaded.has_errors());
    assert_eq!(loaded.config.providers().count(), 3, "built-in providers remain");

    let home = home.var("YABBY_CONFIG", &missing.display().to_string());
    let loaded = home.load();
    assert_eq!(loaded.origin, Origin::Environment(missing));
    assert_eq!(kinds(&loaded), [DiagnosticKind::Unreadable]);
    assert_eq!(home.load_from(Some(&other)).origin, Origin::Explicit(other));
}

#[test]
fn openclaw_config_path_is_honoured() {
    let home = Home::new();
    let file = home.write("elsewhere.json", "{}");
    let home = home.var("OPENCLAW_CONFIG_PATH", &file.display().to_string());
    assert_eq!(home.load().origin, Origin::OpenClaw(file));
}

#[cfg(unix)]
#[test]
fn openclaws_config_stays_openclaws_by_any_name() {
    let home = Home::new();
    let file = home.write(".openclaw/openclaw.json", "{}");
    home.write(".openclaw/.env", "OPENAI_API_KEY=k");
    let link = home.path().join("link.json");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [file, link] {
        let loaded = home.load_from(Some(&path));
        assert_eq!(loaded.origin, Origin::OpenClaw(path.clone()));
        assert!(loaded.config.provider("openai").unwrap().has_key(), "its .env is read");
    }
    let named = home.path().join(".openclaw/../.openclaw/openclaw.json");
    let home = home.var("YABBY_CONFIG", &named.display().to_string());
    assert_eq!(home.load().origin, Origin::OpenClaw(named));
}

#[test]
fn a_file_that_is_no_text_says_so() {
    let home = Home::with("{models: {$include: 'x.json5'}}");
    let bytes = home.path().join(".yabby/x.json5");
    std::fs::write(&bytes, b"\xff\xfe").unwrap();
    for loaded in [home.load(), home.load_from(Some(&bytes))] {
        let help = loaded.diagnostics[0].help.as_ref().unwrap().english();
        assert_eq!(help, "save the file as UTF-8");
    }
}
