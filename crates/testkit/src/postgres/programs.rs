//! PostgreSQL's programs, and who may run them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Where Debian's PostgreSQL is, a folder for each version. `xtask::prerequisites` looks in the same places.
const DEBIAN: &str = "/usr/lib/postgresql";

/// What to do when it is missing.
const MISSING: &str = "PostgreSQL is needed for this test, and there is none on this machine. Run: cargo xtask test";

#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    /// The first number of the version.
    version: u32,
    /// The user of the server when we are root, who may not run it.
    user: Option<User>,
}

#[derive(Debug)]
struct User {
    id: u32,
    group: u32,
}

impl Programs {
    /// Those of the newest version.
    pub(super) fn find() -> Self {
        let versions = fs::read_dir(DEBIAN).into_iter().flatten();
        let debian = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
        let other = printed(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
        let found = debian
            .chain(other)
            .filter_map(|folder| Some((version(&folder)?, folder)))
            .max();
        let Some((version, folder)) = found else {
            panic!("{MISSING}")
        };
        Self {
            folder,
            version,
            user: user(),
        }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Gives a file or folder to the user of the server.
    pub(super) fn give(&self, path: &Path) {
        if let Some(user) = &self.user {
            std::os::unix::fs::chown(path, Some(user.id), Some(user.group)).expect("a file for the server");
        }
    }

    /// The words of a command that runs a program as the user of the server, in the process that runs them.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(User { id, group }) = self.user {
            words.push("setpriv".to_owned());
            words.extend([format!("--reuid={id}"), format!("--regid={group}")]);
            words.push("--clear-groups".to_owned());
        }
        words.push(self.folder.join(name).display().to_string());
        words
    }

    /// Runs a program as the user of the server.
    pub(super) fn run(&self, name: &str, arguments: &[&str]) {
        let words = self.words(name);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir("/");
        let output = command.output().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(output.status.success(), "{name}: {}", said(&output));
    }

    /// Whether a server answers.
    pub(super) fn is_ready(&self, folder: &Path, port: u16) -> bool {
        let mut command = Command::new(self.folder.join("pg_isready"));
        command.arg("--host").arg(folder).args(["--port", &port.to_string()]);
        command.args(["--username=postgres", "--dbname=postgres"]);
        command
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    pub(super) fn sql(&self, url: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(self.folder.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", sql]);
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(said(&output))
        }
    }
}

/// Debian's user when we are root.
fn user() -> Option<User> {
    let id = |arguments: &[&str]| printed(Command::new("id").args(arguments))?.parse::<u32>().ok();
    if id(&["-u"])? != 0 {
        return None;
    }
    let (Some(user), Some(group)) = (id(&["-u", "postgres"]), id(&["-g", "postgres"])) else {
        panic!("{MISSING} (it makes the user `postgres`, because root may not run the server)")
    };
    Some(User { id: user, group })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
fn version(folder: &Path) -> Option<u32> {
    let said = printed(Command::new(folder.join("initdb")).arg("--version"))?;
    let number = said
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn printed(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
