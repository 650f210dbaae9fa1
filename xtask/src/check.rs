//! `cargo xtask test`: everything that must pass, in the order of what it costs.

use std::time::{Duration, Instant};

use crate::{
    prerequisites, repo,
    run::{Proxies, cargo, for_tests, program, run},
};

/// More packages than this is a mistake, or a decision to be talked about.
const MOST_PACKAGES: usize = 400;

/// How much is run.
pub(crate) enum Extent {
    /// Real model servers too.
    Full,
    /// Without them.
    Quick,
}

/// A step: what it is called, and what it does.
type Step = (&'static str, fn() -> Result<(), String>);

const STEPS: [Step; 5] = [
    ("prerequisites", prerequisites::ensure),
    ("format", format),
    ("lints", lints),
    ("dependencies", dependencies),
    ("tests: unit, property, snapshot, scripted servers", tests),
];
const REAL: Step = ("tests against a real llama.cpp", real_servers);

/// Runs all steps and stops at the first that fails.
pub(crate) fn all(extent: &Extent) -> Result<(), String> {
    let mut steps = STEPS.to_vec();
    if let Extent::Full = extent {
        steps.push(REAL);
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

fn format() -> Result<(), String> {
    run(&mut cargo(&["fmt", "--all", "--check"])).map_err(|error| format!("{error}; `cargo fmt --all` repairs it"))
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
    ]))
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

fn tests() -> Result<(), String> {
    run(&mut for_tests(cargo(&["test", "--workspace"]), Proxies::Removed))
}

/// The test provisions llama.cpp and a model itself, through the built binary, and says at its end what it proved.
fn real_servers() -> Result<(), String> {
    let test = [
        "test",
        "-p",
        "yabby",
        "--features",
        "real-servers",
        "--test",
        "real",
        "--",
        "--nocapture",
    ];
    run(&mut for_tests(cargo(&test), Proxies::Kept))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
