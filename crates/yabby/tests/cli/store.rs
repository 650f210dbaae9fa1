//! `yabby store`, from OpenClaw's sessions to another store.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use crate::home::Home;

const SESSION: &str = concat!(
    r#"{"type":"session","version":3,"id":"s1","timestamp":"2026-04-20T10:00:00.000Z","cwd":"/tmp"}"#,
    "\n",
    r#"{"type":"message","id":"u","parentId":null,"message":{"role":"user","content":"今天天氣如何？"}}"#,
    "\n",
    r#"{"type":"message","id":"a","parentId":"u","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"晴天。"}]}}"#,
    "\n",
    r#"{"type":"message","id":"#,
);

/// A home with a session of OpenClaw, whose last line is torn.
fn with_openclaw(home: Home) -> Home {
    let sessions = home.path().join(".openclaw/agents/main/sessions");
    fs::create_dir_all(&sessions).unwrap();
    fs::write(sessions.join("s1.jsonl"), SESSION).unwrap();
    let index = r#"{"agent:main:main":{"sessionId":"s1"}}"#;
    fs::write(sessions.join("sessions.json"), index).unwrap();
    home
}

/// A text without what differs from run to run: sizes, times and the names of backups.
fn stable(home: &Home, text: &str) -> String {
    let mut lines = Vec::new();
    for line in home.stable(text).lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 0..words.len() {
            if let Some(name) = words[at].find("backup-") {
                words[at].truncate(name);
                words[at].push_str("backup-NAME");
            }
            if words[at].ends_with(['B', ')', '；', ';']) && words[at].contains("kB") && at > 0 {
                let before = words[at - 1]
                    .trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
                    .to_owned();
                words[at - 1] = format!("{before}N");
            }
            let is_ago = words[at] == "s" && words.get(at + 1).is_some_and(|word| word == "ago");
            if at > 0 && (is_ago || words[at] == "秒前") {
                "N".clone_into(&mut words[at - 1]);
            }
        }
        lines.push(words.join(" "));
    }
    lines.join("\n")
}

/// What the commands say, one after another.
fn told(home: &Home, commands: &[&[&str]]) -> String {
    let mut all = String::new();
    for arguments in commands {
        let ran = home.run(arguments);
        let code = ran.code.unwrap_or(-1);
        let said = stable(home, &format!("{}{}", ran.stdout, ran.stderr));
        let _ = write!(all, "$ yabby {}\n{said}\n[{code}]\n\n", arguments.join(" "));
    }
    all
}

#[test]
fn sessions_of_openclaw_are_kept_checked_and_taken_along() {
    for lang in ["en", "zh-TW"] {
        let home = with_openclaw(Home::new().var("YABBY_LANG", lang));
        let commands: [&[&str]; 13] = [
            &["store"],
            &["store", "check"],
            &["store", "import", "--openclaw", "--dry-run"],
            &["store", "import", "--openclaw"],
            &["store", "import", "--openclaw"],
            &["store", "check"],
            &["store", "backup"],
            &["store", "export", "out.jsonl"],
            &["store", "export", "out.jsonl"],
            &["store", "import", "out.jsonl"],
            &["store", "import", "out.jsonl", "--merge"],
            &["store", "import", "out.jsonl", "--dry-run"],
            &["store", "vacuum"],
        ];
        let all = told(&home, &commands);
        insta::assert_snapshot!(format!("store_{lang}"), all + &told(&home, &[&["store"]]));
    }
}

#[test]
fn an_export_becomes_another_store() {
    let home = with_openclaw(Home::new());
    assert_eq!(home.run(&["store", "import", "--openclaw"]).code, Some(0));
    let exported = home.run(&["store", "export", "-"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let other = Home::new();
    other.write("in.jsonl", &exported.stdout);
    let imported = other.run(&["store", "import", "in.jsonl"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let again = other.run(&["store", "export", "-"]);
    let rows = |text: &str| -> Vec<String> {
        let lines: Vec<&str> = text.lines().collect();
        lines[1..lines.len() - 1]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    };
    assert_eq!(rows(&exported.stdout), rows(&again.stdout));
    // A letter was changed on the way.
    other.write("bad.jsonl", &exported.stdout.replace("晴天", "雨天"));
    let refused = Home::new();
    let bad = other.path().join("bad.jsonl").display().to_string();
    let ran = refused.run(&["store", "import", &bad]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("of the export is wrong: its checksum does not fit"),
        "{}",
        ran.stderr
    );
}

#[test]
fn who_has_the_store_is_said_and_reading_goes_on() {
    let home = with_openclaw(Home::new());
    assert_eq!(home.run(&["store", "import", "--openclaw"]).code, Some(0));
    let mut lock = File::options()
        .write(true)
        .truncate(true)
        .open(home.path().join("store/lock"))
        .unwrap();
    lock.lock().unwrap();
    lock.write_all(br#"{"pid":4711,"closed":false}"#).unwrap();
    let commands: [&[&str]; 7] = [
        &["store", "check"],
        &["store", "backup", "mine"],
        &["store", "export", "out.jsonl"],
        &["store", "check", "--repair"],
        &["store", "import", "--openclaw"],
        &["store", "import", "out.jsonl"],
        &["store", "vacuum"],
    ];
    insta::assert_snapshot!(told(&home, &commands));
}

#[test]
fn what_is_wrong_is_found_and_mended() {
    let home = with_openclaw(Home::new());
    assert_eq!(home.run(&["store", "import", "--openclaw"]).code, Some(0));
    let attachment = home.path().join("store/attachments/aa").join("a".repeat(64));
    fs::create_dir_all(attachment.parent().unwrap()).unwrap();
    fs::write(&attachment, "nobody needs it").unwrap();
    let old = File::options().write(true).open(&attachment).unwrap();
    let then = std::time::SystemTime::now() - std::time::Duration::from_hours(3);
    old.set_modified(then).unwrap();
    let commands: [&[&str]; 4] = [
        &["store", "check"],
        &["store", "check", "--json"],
        &["store", "check", "--repair"],
        &["store", "check"],
    ];
    insta::assert_snapshot!(told(&home, &commands));
}

#[test]
fn a_damaged_store_is_a_finding() {
    let home = with_openclaw(Home::new());
    assert_eq!(home.run(&["store", "import", "--openclaw"]).code, Some(0));
    fs::write(home.path().join("store/yabby.db"), "this is no database".repeat(500)).unwrap();
    let ran = home.run(&["store", "check"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let ran = home.run(&["store", "check", "--repair"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("a copy of it is in"), "{}", ran.stderr);
}

#[test]
fn a_mistake_in_its_place_stops_everything() {
    let home = Home::with_config("{ store: { url: 'mysql://x' } }");
    let ran = home.run(&["store"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("nothing is stored or read"), "{}", ran.stderr);
    assert!(!Path::new(&home.path().join("store")).exists());
}
