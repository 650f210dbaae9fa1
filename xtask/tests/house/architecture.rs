//! Dependencies point inward, files stay small, there is one TLS stack.

use std::{collections::BTreeSet, io::Write as _, process::Command};

use serde_json::Value;

use crate::sources::{read, rooms, root, rust_files, short};

/// Which rooms a room may use. `testkit` is for tests everywhere, and uses nobody.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("yabby-core", &[]),
    ("yabby-config", &["yabby-core"]),
    ("yabby-store", &["yabby-core"]),
    ("yabby-wire", &["yabby-core"]),
    ("yabby-servers", &["yabby-core", "yabby-wire", "yabby-config"]),
    (
        "yabby-route",
        &["yabby-core", "yabby-wire", "yabby-servers", "yabby-config"],
    ),
    (
        "yabby-gateway",
        &[
            "yabby-core",
            "yabby-wire",
            "yabby-servers",
            "yabby-config",
            "yabby-route",
            "yabby-store",
            "yabby-agent",
        ],
    ),
    ("yabby-tools", &["yabby-core"]),
    (
        "yabby-agent",
        &[
            "yabby-core",
            "yabby-config",
            // For the one check of arguments: a call may come as an argument of `tool_call`.
            "yabby-wire",
            "yabby-servers",
            "yabby-route",
            "yabby-store",
            "yabby-tools",
        ],
    ),
    ("yabby-testkit", &[]),
    (
        "yabby",
        &[
            "yabby-core",
            "yabby-config",
            "yabby-wire",
            "yabby-servers",
            "yabby-route",
            "yabby-gateway",
            "yabby-store",
            "yabby-tools",
            "yabby-agent",
        ],
    ),
];

/// A file that is longer holds more than one idea.
const MOST_LINES: usize = 800;
/// A file that is longer is named, so that somebody looks at it.
const MANY_LINES: usize = 500;

#[test]
fn dependencies_point_inward() {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        if !name.starts_with("yabby") {
            continue;
        }
        let Some((_, may_use)) = MAY_USE.iter().find(|(room, _)| *room == name) else {
            wrong.push(format!(
                "{name} is not in the table of rooms (xtask/tests/house/architecture.rs)"
            ));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let (used, kind) = (text(&dependency["name"]), text(&dependency["kind"]));
            // A room's tests may use the room itself, with features that only tests have.
            let for_tests = kind == "dev" && (used == name || used == "yabby-testkit" && name != "yabby-testkit");
            if used.starts_with("yabby") && !for_tests && !may_use.contains(&used) {
                wrong.push(format!("{name} must not use {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_room_says_what_it_owns() {
    let silent: Vec<String> = rooms()
        .iter()
        .filter(|room| !room.join("README.md").is_file())
        .map(|room| short(room))
        .collect();
    assert!(silent.is_empty(), "no README.md in {}", silent.join(", "));
}

#[test]
fn files_stay_small() {
    let mut files = rust_files(&root().join("crates"));
    files.extend(rust_files(&root().join("xtask")));
    files.extend(rust_files(&root().join("fuzz")));
    let mut too_long = Vec::new();
    for path in files {
        let lines = read(&path).lines().count();
        let line = format!("{}: {lines} lines", short(&path));
        if lines > MOST_LINES {
            too_long.push(line);
        } else if lines > MANY_LINES {
            // Not the print macros: what they write is only shown when a test fails.
            let _ = writeln!(std::io::stderr(), "warning: {line}, more than {MANY_LINES}");
        }
    }
    assert!(
        too_long.is_empty(),
        "more than {MOST_LINES} lines; split by idea:\n{}",
        too_long.join("\n")
    );
}

/// What is built, not what `Cargo.lock` names: the lock file also holds what a weak feature could turn on and nobody
/// does (`ring`, through reqwest's optional QUIC). Other platforms are `cargo deny`'s part.
#[test]
fn there_is_one_tls_stack() {
    let output = Command::new("cargo")
        .args([
            "tree",
            "--workspace",
            "--all-features",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for banned in ["openssl", "openssl-sys", "native-tls", "ring"] {
        assert!(
            !names.contains(banned),
            "{banned} is built; `cargo tree --workspace -i {banned}` says who wants it"
        );
    }
    if names.contains("rustls") {
        assert!(names.contains("aws-lc-rs"), "rustls without its provider aws-lc-rs");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
