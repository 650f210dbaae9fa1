//! What the checks need on this machine; what is missing is installed where that is possible.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    repo,
    run::{cargo, output, program, run, works},
};

/// A program that cargo can install, with the version that is installed when there is none, or an older one.
struct Tool {
    name: &'static str,
    version: &'static str,
}

/// An older one would refuse `deny.toml`, or read it another way. About two minutes on two cores, once.
const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// About a minute, once.
const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

/// Where Debian's PostgreSQL is, a folder for each version.
const POSTGRES: &str = "/usr/lib/postgresql";

/// What Debian does when PostgreSQL is installed.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// What Debian asks before it starts a service that was installed.
const MAY_START: &str = "/usr/sbin/policy-rc.d";

/// As Yabby needs it for the llama.cpp wheel.
const PYTHON: &str = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10)";

/// python3 with venv for the llama.cpp wheel, PostgreSQL for the store, nginx before gateways, rustfmt and clippy. The C compiler and linker need
/// no look: without them cargo could not have built this program.
pub(crate) fn ensure() -> Result<(), String> {
    if !works("python3", &["-c", PYTHON]) {
        install_python()?;
    }
    let postgres = match postgres() {
        Some(found) => found,
        None => install_postgres()?,
    };
    if !has_nginx() {
        install_nginx()?;
    }
    for component in ["fmt", "clippy"] {
        if works("cargo", &[component, "--version"]) {
            continue;
        }
        let name = if component == "fmt" { "rustfmt" } else { "clippy" };
        run(&mut program("rustup", &["component", "add", name]))
            .map_err(|error| format!("{error}\nInstall the Rust component {name}, then run this again."))?;
    }
    println!("python3 with venv, nginx, rustfmt and clippy are there");
    println!("PostgreSQL: {}", postgres.display());
    let deny = cargo_deny()?;
    println!("cargo-deny: {}", deny.display());
    Ok(())
}

fn install_python() -> Result<(), String> {
    let needed = "Python 3.10 or newer with venv and ensurepip";
    if !is_debian_as_root() {
        return Err(format!(
            "Missing on this machine: {needed}. On Debian or Ubuntu: sudo apt-get install python3 python3-venv. On \
             macOS: brew install python. Then run this again."
        ));
    }
    apt_install(&["python3", "python3-venv"])?;
    if works("python3", &["-c", PYTHON]) {
        return Ok(());
    }
    let found = output("python3", &["--version"]).unwrap_or_else(|| "no python3".to_owned());
    Err(format!(
        "apt-get installed python3 and python3-venv, and still there is no {needed}: `python3` in PATH is {found}"
    ))
}

/// The folder of PostgreSQL's programs. `yabby_testkit::Postgres` looks in the same places.
fn postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRES).into_iter().flatten();
    let ours = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let others = output("pg_config", &["--bindir"]).map(PathBuf::from);
    ours.chain(others)
        .find(|folder| works(folder.join("initdb"), &["--version"]))
}

/// Only the programs: each run of the tests has a cluster of its own, and this machine gets none.
fn install_postgres() -> Result<PathBuf, String> {
    if !is_debian_as_root() {
        return Err(
            "Missing on this machine: PostgreSQL with initdb. On Debian or Ubuntu: sudo apt-get install postgresql. On \
             macOS: brew install postgresql. Then run this again."
                .to_owned(),
        );
    }
    // It comes with the file that says whether the next package makes a cluster and starts it.
    apt_install(&["postgresql-common"])?;
    let no_cluster = "s/^#*create_main_cluster *=.*/create_main_cluster = false/";
    run(&mut program("sed", &["-i", no_cluster, CREATE_CLUSTER]))?;
    apt_install(&["postgresql"])?;
    postgres().ok_or_else(|| format!("apt-get installed postgresql, and still there is no initdb in {POSTGRES}/*/bin"))
}

/// The tests start it on a port of their own, in a folder of their own.
fn has_nginx() -> bool {
    ["nginx", "/usr/sbin/nginx"]
        .iter()
        .any(|program| works(program, &["-v"]))
}

/// Only the program: this machine gets no web server.
fn install_nginx() -> Result<(), String> {
    if !is_debian_as_root() {
        return Err(
            "Missing on this machine: nginx. On Debian or Ubuntu: sudo apt-get install nginx. On macOS: brew install \
             nginx. Then run this again."
                .to_owned(),
        );
    }
    let policy = Path::new(MAY_START);
    let is_ours = !policy.exists();
    if is_ours {
        let made = fs::write(policy, "#!/bin/sh\nexit 101\n")
            .and_then(|()| fs::set_permissions(policy, fs::Permissions::from_mode(0o755)));
        made.map_err(|error| format!("{MAY_START}: {error}"))?;
    }
    let installed = apt_install(&["nginx"]);
    if is_ours {
        let _ = fs::remove_file(policy);
    }
    installed
}

/// Node with npm for the SDKs and for the tests of the page, and the browser that they drive.
pub(crate) fn browser() -> Result<(), String> {
    let wanted = [("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium")];
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| !works(program, &["--version"]))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        println!("Node, npm and Chromium are there");
        return Ok(());
    }
    if !is_debian_as_root() {
        return Err(format!(
            "Missing on this machine: {0}. On Debian or Ubuntu: sudo apt-get install {0}. On macOS: brew install node \
             chromium. Then run this again.",
            missing.join(" ")
        ));
    }
    apt_install(&missing)
}

/// Valgrind, which counts what a gateway does.
pub(crate) fn valgrind() -> Result<(), String> {
    if works("valgrind", &["--version"]) {
        return Ok(());
    }
    if !is_debian_as_root() {
        return Err(
            "Missing on this machine: valgrind. On Debian or Ubuntu: sudo apt-get install valgrind. Then run this again."
                .to_owned(),
        );
    }
    apt_install(&["valgrind"])
}

fn is_debian_as_root() -> bool {
    works("apt-get", &["--version"]) && output("id", &["-u"]).is_some_and(|id| id == "0")
}

fn apt_install(packages: &[&str]) -> Result<(), String> {
    run(&mut program("apt-get", &["update", "-qq"]))?;
    let mut install = program("apt-get", &["install", "-y", "-qq"]);
    run(install.args(packages).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// The program `cargo-deny`.
pub(crate) fn cargo_deny() -> Result<PathBuf, String> {
    CARGO_DENY.path()
}

/// The program `cargo-fuzz`, and the C++ compiler that builds libFuzzer.
pub(crate) fn cargo_fuzz() -> Result<PathBuf, String> {
    if !works("c++", &["--version"]) {
        if !is_debian_as_root() {
            return Err(
                "Missing on this machine: a C++ compiler, `c++`. On Debian or Ubuntu: sudo apt-get install g++. On \
                 macOS: xcode-select --install. Then run this again."
                    .to_owned(),
            );
        }
        apt_install(&["g++"])?;
    }
    CARGO_FUZZ.path()
}

// === impl Tool ===

impl Tool {
    /// The one in `target/tools`, else the one on the path, else one that is installed now.
    fn path(&self) -> Result<PathBuf, String> {
        let ours = repo::target("tools");
        let file = format!("{}{}", self.name, std::env::consts::EXE_SUFFIX);
        let binary = ours.join("bin").join(file);
        for found in [binary.as_path(), Path::new(self.name)] {
            if self.is_new_enough(found) {
                return Ok(found.to_owned());
            }
        }
        // Into target/, so that nothing outside the repository changes. An older one that is there is replaced.
        // It runs for moments, and takes twice as long to be compiled when it is optimised.
        let mut install = cargo(&[
            "install",
            self.name,
            "--debug",
            "--locked",
            "--version",
            self.version,
            "--root",
        ]);
        run(install.arg(&ours)).map_err(|error| format!("{error}\n{} could not be installed.", self.name))?;
        Ok(binary)
    }

    /// Whether it is there, with the version that is wanted or a newer one.
    fn is_new_enough(&self, program: &Path) -> bool {
        let said = output(program, &["--version"]).unwrap_or_default();
        let found = said.split_whitespace().next_back().and_then(version);
        found.is_some() && found >= version(self.version)
    }
}

/// `0.20.2` as numbers; what follows them, as in `0.21.0-rc.1`, is left out.
fn version(text: &str) -> Option<[u64; 3]> {
    let numbers = text.split(['-', '+']).next()?;
    let mut parts = numbers.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("0.20.2"), Some([0, 20, 2]));
        assert_eq!(version("0.21.0-rc.1"), Some([0, 21, 0]));
        assert!(version("0.9.10") < version("0.20.2") && version("0.20.10") > version("0.20.2"));
        assert_eq!((version("0.20"), version("deny")), (None, None));
        assert!(
            [CARGO_DENY, CARGO_FUZZ]
                .iter()
                .all(|tool| version(tool.version).is_some())
        );
    }
}
