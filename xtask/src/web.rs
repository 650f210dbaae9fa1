//! The web page: its libraries, and its tests in a browser.

use std::{fs, path::Path, process::Command};

use crate::{
    prerequisites, repo,
    run::{Proxies, for_tests, program, run},
};

/// From the root of the repository.
const WEB: &str = "crates/gateway/web";

/// Fetches the libraries of the page from npm anew, by name and version, and makes the files of `vendor` from them.
pub(crate) fn vendor() -> Result<(), String> {
    prerequisites::browser()?;
    let (make, to) = (repo::root().join(WEB).join("vendor/make"), repo::target("web-vendor"));
    // There, so that nothing but the files that are kept is in the repository.
    fs::create_dir_all(&to).map_err(|error| format!("{}: {error}", to.display()))?;
    for name in names(&make, |_| true)? {
        fs::copy(make.join(&name), to.join(&name)).map_err(|error| format!("{name}: {error}"))?;
    }
    install(&to)?;
    let vendor = repo::root().join(WEB).join("vendor");
    run(program("node", &["build.mjs"]).arg(vendor).current_dir(&to))
}

/// Drives the page in Chromium: against a scripted gateway, or with `YABBY_WEB_URL` and `YABBY_WEB_TOKEN` against a real one.
/// `YABBY_WEB_SHOTS` is a folder for screenshots.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of Yabby")]
pub(crate) fn test() -> Result<(), String> {
    let is_real = std::env::var_os("YABBY_WEB_URL").is_some();
    let folders: &[&str] = if is_real { &["both"] } else { &["both", "scripted"] };
    run(&mut drive(folders)?)
}

/// The same against a scripted gateway, whatever the environment says; screenshots go to `target/web-shots/scripted`.
pub(crate) fn scripted() -> Result<(), String> {
    let mut node = for_tests(drive(&["both", "scripted"])?, Proxies::Removed);
    run(node.env("YABBY_WEB_SHOTS", repo::target("web-shots").join("scripted")))
}

/// Drives the page with the tests of some folders.
fn drive(folders: &[&str]) -> Result<Command, String> {
    prerequisites::browser()?;
    let tests = repo::root().join(WEB).join("tests");
    install(&tests)?;
    // One browser at a time: the machine may have two cores, and what is waited for comes sooner.
    let mut node = program("node", &["--test", "--test-concurrency=1"]);
    for folder in folders {
        for name in names(&tests.join(folder), |name| name.ends_with(".test.mjs"))? {
            node.arg(format!("{folder}/{name}"));
        }
    }
    node.current_dir(&tests);
    Ok(node)
}

/// What the lock file says, and no script of a package.
fn install(folder: &Path) -> Result<(), String> {
    run(program("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder))
}

/// The files of a folder, sorted.
fn names(folder: &Path, keep: fn(&str) -> bool) -> Result<Vec<String>, String> {
    let list = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = list.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| keep(name))
        .collect();
    names.sort();
    Ok(names)
}
