//! What `--help` says, in both languages.

use crate::home::Home;

#[test]
fn in_english_and_traditional_chinese() {
    for lang in ["en", "zh-TW"] {
        let home = Home::new().var("YABBY_LANG", lang);
        let mut all = String::new();
        for arguments in [
            &["--help"] as &[&str],
            &["up", "--help"],
            &["ask", "--help"],
            &["serve", "--help"],
            &["keys", "--help"],
            &["keys", "add", "--help"],
            &["setup", "--help"],
            &["models", "--help"],
            &["models", "set", "--help"],
            &["models", "probe", "--help"],
            &["prompt", "--help"],
            &["route", "--help"],
            &["route", "explain", "--help"],
            &["doctor", "--help"],
            &["sessions", "--help"],
            &["sessions", "list", "--help"],
            &["sessions", "show", "--help"],
            &["sessions", "search", "--help"],
            &["sessions", "rm", "--help"],
            &["config", "--help"],
            &["store", "--help"],
            &["store", "import", "--help"],
            &["store", "check", "--help"],
        ] {
            let ran = home.run(arguments);
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
            all.push_str(&ran.stdout);
            all.push_str("\n----\n");
        }
        insta::assert_snapshot!(format!("help_{lang}"), all);
    }
}

#[test]
fn a_mistake_on_the_command_line() {
    let home = Home::new();
    let ran = home.run(&["aks", "x"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}
