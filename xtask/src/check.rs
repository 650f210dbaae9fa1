//! `cargo xtask test`: everything that must pass, in the order of what it costs.

use std::{
    process::Command,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use crate::{
    fuzz, prerequisites, release, repo,
    run::{Proxies, cargo, for_tests, program, run},
    web,
};

/// More packages than this is a mistake, or a decision to be talked about.
const MOST_PACKAGES: usize = 400;

/// Features of all tests.
const FEATURES: &str = "yabby/otel";

/// From the root of the repository.
const FUZZ_MANIFEST: &str = "fuzz/Cargo.toml";

/// How much is run.
pub(crate) enum Extent {
    /// The long model check, fuzz targets and real model servers too.
    Full,
    /// Without them.
    Quick,
}

/// A step: what it is called, and what it does.
type Step = (&'static str, fn() -> Result<(), String>);

const STEPS: [Step; 6] = [
    ("prerequisites", prerequisites::ensure),
    ("format", format),
    ("lints", lints),
    ("dependencies", dependencies),
    ("tests: unit, property, snapshot, scripted servers", tests),
    (
        "tests: the web page in Chromium, with a scripted gateway",
        web::scripted,
    ),
];
const TURNS: Step = ("a hundred thousand turns against random servers", turns);
const FUZZ: Step = ("fuzz targets, a few seconds each", fuzz::short);
const RELEASE: Step = ("the binary that people run", release_binary);
const REAL: Step = ("tests of that binary against a real llama.cpp", real_servers);

/// Runs all steps and stops at the first that fails.
pub(crate) fn all(extent: &Extent) -> Result<(), String> {
    let mut steps = STEPS.to_vec();
    if let Extent::Full = extent {
        steps.extend([TURNS, FUZZ, RELEASE, REAL]);
    }
    let count = steps.len();
    let begin = Instant::now();
    for (number, (name, step)) in (1..).zip(steps) {
        println!("\n=== {number}/{count} {name}");
        let start = Instant::now();
        let result = step();
        let time = seconds(start.elapsed());
        match result {
            Ok(()) => println!("=== {number}/{count} ok, {time}"),
            Err(error) => {
                return Err(format!(
                    "\nFAILED after {time} in step {number}/{count}, {name}: {error}"
                ));
            }
        }
    }
    println!("\nall {count} steps passed in {}", seconds(begin.elapsed()));
    Ok(())
}

/// `fuzz/` is a workspace of its own, so it is named in this step and in the next.
fn format() -> Result<(), String> {
    for arguments in [
        ["fmt", "--all", "--check"].as_slice(),
        &["fmt", "--manifest-path", FUZZ_MANIFEST, "--check"],
    ] {
        run(&mut cargo(arguments)).map_err(|error| format!("{error}; without `--check` it repairs that"))?;
    }
    Ok(())
}

fn lints() -> Result<(), String> {
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))?;
    // Without its feature the C++ code of libFuzzer is not compiled.
    let mut fuzz = cargo(&["clippy", "--manifest-path", FUZZ_MANIFEST, "--no-default-features"]);
    fuzz.arg("--target-dir").arg(repo::target("fuzz"));
    run(fuzz.args(["--", "-D", "warnings"]))
}

/// Licences, bans and sources. Advisories are left out: they need a git database from the internet, and a test must
/// give the same answer without it.
fn dependencies() -> Result<(), String> {
    let deny = prerequisites::cargo_deny()?;
    run(&mut program(deny, &["check", "bans", "licenses", "sources"]))?;
    let packages = repo::packages()?;
    println!("{packages} packages in Cargo.lock, fewer than {MOST_PACKAGES} are allowed");
    if packages < MOST_PACKAGES {
        Ok(())
    } else {
        Err(format!(
            "Cargo.lock has {packages} packages, {MOST_PACKAGES} or more: which new one is worth its weight?"
        ))
    }
}

/// With the features that the later steps need too, and always of the whole workspace: another choice would compile nearly all of it
/// once more.
fn workspace_tests(arguments: &[&str], proxies: Proxies) -> Command {
    let mut test = cargo(&["test", "--workspace"]);
    test.args(arguments);
    for_tests(test, proxies)
}

/// Many of them wait most of the time.
fn tests() -> Result<(), String> {
    let threads = 2 * available_parallelism().map_or(1, usize::from);
    let mut test = workspace_tests(&["--features", FEATURES], Proxies::Removed);
    run(test.env("RUST_TEST_THREADS", threads.to_string()))
}

/// `crates/route/src/check`; a few thousand of them are among the other tests.
fn turns() -> Result<(), String> {
    let turns = [
        "--lib",
        "--features",
        FEATURES,
        "--",
        "--ignored",
        "a_hundred_thousand_runs",
    ];
    run(&mut workspace_tests(&turns, Proxies::Removed))
}

/// It is built, and does on real sockets what `docs/faults.md` says.
fn release_binary() -> Result<(), String> {
    release::build()?;
    of_release("cli", &["real_sockets::"])
}

/// The tests provision llama.cpp and a model themselves, through the binary, and say at their end what they proved.
fn real_servers() -> Result<(), String> {
    prerequisites::browser()?;
    // Servers of the Model Context Protocol that others have made, from the registries.
    let foreign = [
        "--lib",
        "--features",
        FEATURES,
        "--",
        "--ignored",
        "mcp::tests::foreign",
    ];
    run(&mut workspace_tests(&foreign, Proxies::Kept))?;
    of_release("real", &["--nocapture"])
}

/// Tests of the binary that people run.
fn of_release(tests: &str, arguments: &[&str]) -> Result<(), String> {
    let features = format!("{FEATURES},yabby/real-servers");
    let mut test = workspace_tests(&["--features", &features, "--test", tests, "--"], Proxies::Kept);
    test.args(arguments);
    run(test.env("YABBY_TEST_BINARY", release::binary()))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
