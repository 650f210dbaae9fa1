//! Runs other programs.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use crate::repo;

/// A program at the root of the repository.
pub(crate) fn program(name: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(repo::root());
    command
}

/// `cargo` with these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    program("cargo", arguments)
}

/// Runs it with our own stdin, stdout and stderr.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    println!("$ {shown}");
    judged(&shown, command.status())
}

/// The same, with only those lines of its stderr that are to be kept.
pub(crate) fn run_filtered(command: &mut Command, mut keep: impl FnMut(&str) -> bool) -> Result<(), String> {
    let shown = shown(command);
    println!("$ {shown}");
    let child = command.stderr(Stdio::piped()).spawn();
    let status = child.and_then(|mut child| {
        for line in child
            .stderr
            .take()
            .into_iter()
            .flat_map(|lines| BufReader::new(lines).split(b'\n'))
        {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if keep(&line) {
                eprintln!("{line}");
            }
        }
        child.wait()
    });
    judged(&shown, status)
}

fn judged(shown: &str, status: std::io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("`{shown}` cannot be started: {error}")),
    }
}

/// Whether it can be run and says yes.
pub(crate) fn works(name: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = program(name, arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What it prints, if it can be run and says yes.
pub(crate) fn output(name: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = program(name, arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What becomes of `HTTP_PROXY` and its like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxies {
    /// Nothing leaves this machine.
    Removed,
    /// pip may need them.
    Kept,
}

/// Takes everything out of the environment that would change what the tests see: Yabby's and `OpenClaw`'s settings, API
/// keys, proxies. Snapshots are compared, never written.
#[expect(
    clippy::disallowed_methods,
    reason = "only names are read, to take them out for a child"
)]
pub(crate) fn for_tests(mut command: Command, proxies: Proxies) -> Command {
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_ascii_uppercase();
        let ours = upper.starts_with("YABBY_") || upper.starts_with("OPENCLAW_");
        let proxy = upper.ends_with("_PROXY") && proxies == Proxies::Removed;
        if ours || proxy || upper.ends_with("_API_KEY") {
            command.env_remove(&name);
        }
    }
    command.env("CI", "1").env("INSTA_UPDATE", "no");
    command
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let mut words = vec![name.to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}
