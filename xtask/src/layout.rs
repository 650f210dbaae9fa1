//! `cargo xtask layout`: which functions of the release binary lie beside each other.
//!
//! The linker lays functions out as they come. What a request needs is then spread over the whole binary, between what is
//! seldom needed: more memory is resident, and the processor waits for it more often. This watches a gateway under load, and
//! writes a linker script that puts what it has used in one place, what requests use first. `crates/yabby/build.rs` gives
//! it to the linker of a release build. A function that is not found there any more lies where it would lie without it, so
//! that an old script costs nothing but a part of its use.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

use crate::{
    bench::route::{
        build_helper,
        process::load,
        targets::{started, yabby_by},
    },
    prerequisites, repo,
    run::{cargo, program, run},
};

/// From the root of the repository.
const SCRIPT: &str = "crates/yabby/layout/x86_64-linux.ld";
/// A longer name is shortened to its beginning and its end: between them stand types of types.
const LONGEST: usize = 150;

/// Builds the release binary with its symbols, watches it, and writes the script.
pub(crate) fn make() -> Result<(), String> {
    prerequisites::valgrind()?;
    let target = repo::target("layout");
    build_helper()?;
    let mut build = cargo(&[
        "build",
        "--release",
        "--package",
        "yabby",
        "--bin",
        "yabby",
        "--target-dir",
    ]);
    run(build.arg(&target).env("CARGO_PROFILE_RELEASE_STRIP", "none"))?;
    let [begun, loaded] = watch(&target.join("release").join("yabby"))?;
    let mut patterns: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for name in used(&loaded)?.iter().chain(&used(&begun)?) {
        let pattern = pattern(name);
        if seen.insert(pattern.clone()) {
            patterns.push(pattern);
        }
    }
    let mut script = String::from(
        "/* Made by `cargo xtask layout`: the functions that a gateway uses, what requests use first. */\n\
         SECTIONS\n{\n  .text.used :\n  {\n",
    );
    for pattern in &patterns {
        let _ = writeln!(script, "    *(.text.{pattern})");
    }
    script.push_str("  }\n}\nINSERT BEFORE .text;\n");
    let path = repo::root().join(SCRIPT);
    fs::write(&path, &script).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{SCRIPT}: {} functions, {} bytes", patterns.len(), script.len());
    Ok(())
}

/// A gateway under load, counted by Callgrind: the files of its start and of its load.
fn watch(binary: &Path) -> Result<[PathBuf; 2], String> {
    let folder = repo::target("layout").join("profile");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let upstream = started("upstream", &["upstream"])?;
    let mut callgrind = Command::new("valgrind");
    callgrind
        .args([
            "--tool=callgrind",
            "--demangle=no",
            "--compress-strings=no",
            "--compress-pos=no",
            "-q",
        ])
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(binary);
    let yabby = yabby_by(callgrind, upstream.port(), "layout")?;
    // It looks after its servers a while.
    sleep(Duration::from_secs(20));
    let dump = || {
        let process = yabby.process.to_string();
        run(&mut program("callgrind_control", &["--dump", &process]))
    };
    dump()?;
    for (streams, bytes) in [(1, 1_000), (32, 1_000), (8, 20_000), (8, 200_000)] {
        load(&yabby, streams, bytes, 5.0)?;
    }
    upstream.mode(50, Duration::from_millis(1))?;
    load(&yabby, 8, 1_000, 3.0)?;
    dump()?;
    Ok([1, 2].map(|number| folder.join(format!("out.{number}"))))
}

/// The functions of a profile, those with the most instructions first.
fn used(profile: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    let mut costs: HashMap<&str, u64> = HashMap::new();
    let (mut function, mut of_call) = ("", false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = name.split(['\'', '.']).next().unwrap_or_default();
        } else if line.starts_with("calls=") {
            // The next line is what the called function has cost.
            of_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if !std::mem::take(&mut of_call) {
                *costs.entry(function).or_default() += cost.unwrap_or(0);
            }
        }
    }
    let mut all: Vec<(&str, u64)> = costs.into_iter().filter(|(name, _)| is_symbol(name)).collect();
    all.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    Ok(all.into_iter().map(|(name, _)| name.to_owned()).collect())
}

/// Whether it is the name of a function of the binary, and none that the profiler has made up.
fn is_symbol(name: &str) -> bool {
    name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with("0x")
}

/// The name of a function, whatever the compiler's version: in Rust's names each crate has a hash (`Cs1a2B_5tokio`).
fn pattern(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("Cs") {
        let (before, hash) = rest.split_at(at + 2);
        out.push_str(before);
        let end = hash
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(hash.len());
        let is_crate = hash.get(end..).is_some_and(|behind| {
            behind.starts_with('_') && behind[1..].starts_with(|first: char| first.is_ascii_digit())
        });
        if is_crate {
            out.push('*');
            rest = &hash[end..];
        } else {
            rest = hash;
        }
    }
    out.push_str(rest);
    if out.len() > LONGEST {
        out = format!("{}*{}", &out[..LONGEST * 2 / 3], &out[out.len() - LONGEST / 3..]);
    }
    out + "*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_outlives_a_compiler() {
        for (name, expected) in [
            ("je_malloc", "je_malloc*"),
            (
                "_RNvNtNtCsgEmfK2I1SDS_4core5slice6memchr14memchr_aligned",
                "_RNvNtNtCs*_4core5slice6memchr14memchr_aligned*",
            ),
            ("_RNvCsa_3abcNtCsb_3def", "_RNvCs*_3abcNtCs*_3def*"),
            ("_RNv4CssX", "_RNv4CssX*"),
        ] {
            assert_eq!(pattern(name), expected);
        }
        let long = format!("_R{}", "x".repeat(400));
        assert_eq!(pattern(&long).len(), LONGEST + 2);
    }
}
