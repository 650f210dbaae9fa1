//! What the checks need on this machine; what is missing is installed where that is possible.

use std::path::PathBuf;

use crate::{
    repo,
    run::{cargo, output, program, run, works},
};

/// The version of cargo-deny that is installed when there is none. About two minutes on two cores, once.
const CARGO_DENY: &str = "0.20.2";

/// A C compiler for TLS, python3 with venv for the llama.cpp wheel, rustfmt and clippy.
pub(crate) fn ensure() -> Result<(), String> {
    let missing = missing_packages();
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    for component in ["fmt", "clippy"] {
        if works("cargo", &[component, "--version"]) {
            continue;
        }
        let name = if component == "fmt" { "rustfmt" } else { "clippy" };
        run(&mut program("rustup", &["component", "add", name]))
            .map_err(|error| format!("{error}\nInstall the Rust component {name}, then run this again."))?;
    }
    println!("C compiler, python3 with venv, rustfmt and clippy are there");
    let deny = cargo_deny()?;
    println!("cargo-deny: {}", deny.display());
    Ok(())
}

/// Debian's names of what is not there.
fn missing_packages() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !works("cc", &["--version"]) {
        missing.push("gcc");
    }
    if !works("python3", &["-c", "import venv, ensurepip"]) {
        missing.extend(["python3", "python3-venv"]);
    }
    missing
}

fn install_packages(missing: &[&str]) -> Result<(), String> {
    let debian_as_root = works("apt-get", &["--version"]) && output("id", &["-u"]).is_some_and(|id| id == "0");
    if !debian_as_root {
        return Err(format!(
            "Missing on this machine: a C compiler (cc) or python3 with venv. On Debian or Ubuntu: sudo apt-get \
             install {}. On macOS: xcode-select --install. Then run this again.",
            missing.join(" ")
        ));
    }
    run(&mut program("apt-get", &["update", "-qq"]))?;
    let mut install = program("apt-get", &["install", "-y", "-qq"]);
    install.args(missing).env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut install)?;
    if missing_packages().is_empty() {
        Ok(())
    } else {
        Err(format!(
            "apt-get installed {}, and still it does not work",
            missing.join(" ")
        ))
    }
}

/// The program `cargo-deny`: the one in `target/tools`, else the one on the path, else one that is installed now.
pub(crate) fn cargo_deny() -> Result<PathBuf, String> {
    let ours = repo::target("tools");
    let binary = ours
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if works(&binary, &["--version"]) {
        return Ok(binary);
    }
    if works("cargo-deny", &["--version"]) {
        return Ok(PathBuf::from("cargo-deny"));
    }
    // Into target/, so that nothing outside the repository changes.
    let mut install = cargo(&["install", "cargo-deny", "--locked", "--version", CARGO_DENY, "--root"]);
    run(install.arg(&ours)).map_err(|error| format!("{error}\ncargo-deny could not be installed."))?;
    Ok(binary)
}
