//! `cargo xtask fuzz`: gives the decoders bytes that nobody has thought of.
//!
//! `cargo-fuzz` builds the package in `fuzz/` and runs its targets. It is told to use no sanitizer: that is what needs
//! a nightly toolchain, and there is no unsafe code of ours that one could look at. The instrumentation that guides the
//! fuzzer works on the stable toolchain.
//!
//! All that is written goes to `target/fuzz`, so that the cache of the main build stays as it is. Only an input that
//! breaks a target is put where `cargo fuzz` expects it, in `fuzz/artifacts`.

use std::{fs, path::Path};

use crate::{
    prerequisites, repo,
    run::{Proxies, for_tests, program, run_filtered},
};

/// The targets in `fuzz/fuzz_targets`, each with its words in `fuzz/dictionaries`.
const TARGETS: [(&str, &str); 10] = [
    ("decode_chat", "decode"),
    ("decode_responses", "decode"),
    ("decode_messages", "decode"),
    ("decode_ollama", "decode"),
    ("visible_text", "text"),
    ("protocol", "protocol"),
    ("classify", "classify"),
    ("client", "client"),
    ("lower_schema", "schema"),
    ("gguf", "gguf"),
];

/// For each target, when nothing else is said.
const SECONDS: u32 = 60;

/// For each target in `cargo xtask test`.
const SHORT_SECONDS: u32 = 5;

/// What one input may cost: a decoder that needs more than this for a few thousand bytes is broken.
const LIMITS: [&str; 3] = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"];

/// Runs all targets, or those that are named. What they find new is kept for the next time.
pub(crate) fn all(words: &[&str]) -> Result<(), String> {
    let (seconds, named) = match words {
        ["--seconds", seconds, named @ ..] => {
            // The fuzzer takes 0 for ever.
            let wanted = seconds.parse().ok().filter(|wanted| *wanted > 0);
            (wanted.ok_or_else(|| not_seconds(seconds))?, named)
        }
        named => (SECONDS, named),
    };
    if let Some(unknown) = named
        .iter()
        .find(|name| !TARGETS.iter().any(|(target, _)| target == *name))
    {
        let targets = TARGETS.map(|(target, _)| target).join(", ");
        return Err(format!("no such target: {unknown}; there are {targets}"));
    }
    let wanted = TARGETS
        .iter()
        .filter(|(target, _)| named.is_empty() || named.contains(target));
    for (target, dictionary) in wanted {
        one(target, dictionary, "corpus", &[format!("-max_total_time={seconds}")])?;
    }
    Ok(())
}

fn not_seconds(word: &str) -> String {
    format!("`--seconds {word}` is not a whole number of seconds")
}

/// Runs all targets for a few seconds. Each begins with the seeds alone and with the same random numbers, so that what
/// fails on one machine is likely to fail on the next.
pub(crate) fn short() -> Result<(), String> {
    let folder = repo::target("fuzz").join("short");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    }
    for (target, dictionary) in TARGETS {
        let options = ["-seed=1".to_owned(), format!("-max_total_time={SHORT_SECONDS}")];
        one(target, dictionary, "short", &options)?;
    }
    Ok(())
}

/// Runs one target; what it finds new goes to `corpus` in `target/fuzz`.
fn one(target: &str, dictionary: &str, corpus: &str, options: &[String]) -> Result<(), String> {
    let cargo_fuzz = prerequisites::cargo_fuzz()?;
    let corpus = repo::target("fuzz").join(corpus).join(target);
    fs::create_dir_all(&corpus).map_err(|error| failed(&corpus, &error))?;
    let fuzz = repo::root().join("fuzz");
    let mut dictionary_option = std::ffi::OsString::from("-dict=");
    dictionary_option.push(fuzz.join("dictionaries").join(format!("{dictionary}.dict")));
    let mut command = program(cargo_fuzz, &["run", "--sanitizer", "none", "--target-dir"]);
    command
        .arg(repo::target("fuzz"))
        .arg(target)
        .args([corpus, fuzz.join("seeds").join(target)])
        .arg("--")
        .args(LIMITS)
        .arg(dictionary_option)
        .args(options);
    let mut in_words = false;
    run_filtered(&mut for_tests(command, Proxies::Kept), |line| {
        // Words that it has learnt: more than anybody reads.
        let words = line.starts_with("###### ");
        in_words ^= words;
        !words && !in_words && !is_chatter(line)
    })
}

/// Whether a line of the fuzzer tells of a step on its way, where its first and its last one say enough, or of what is
/// so each time.
fn is_chatter(line: &str) -> bool {
    let is_step = line.starts_with('#') && !line.contains("\tINITED ") && !line.contains("\tDONE ");
    let begins = [
        "INFO: ",
        "WARNING: Failed to find function",
        "Dictionary: ",
        "\tNEW_FUNC",
    ];
    is_step || begins.iter().any(|beginning| line.starts_with(beginning))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names without their ends of the files in a folder of `fuzz/`, sorted.
    fn names(folder: &str) -> Vec<String> {
        let entries = fs::read_dir(repo::root().join("fuzz").join(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_target_has_its_files() {
        let mut targets = TARGETS.map(|(target, _)| target);
        targets.sort_unstable();
        assert_eq!(names("fuzz_targets"), targets);
        assert_eq!(names("seeds"), targets);
        let mut dictionaries = TARGETS.map(|(_, dictionary)| dictionary).to_vec();
        dictionaries.sort_unstable();
        dictionaries.dedup();
        assert_eq!(names("dictionaries"), dictionaries);
    }
}
