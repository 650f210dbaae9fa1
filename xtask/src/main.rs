//! Developer tasks. `cargo xtask help` lists them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool for developers"
)]

mod bench;
mod check;
mod fuzz;
mod layout;
mod prerequisites;
mod release;
mod repo;
mod run;
mod size;
mod web;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test [--quick]    everything that must pass; --quick leaves out the real model servers
cargo xtask size [--clean]    size of the release binary; --clean also times a clean build
cargo xtask bench             figures of the release binary, each beside a baseline of the same run
cargo xtask bench route       what passes through `yabby serve`, beside proxies that do less, and how long a fallback takes
cargo xtask bench load        a thousand answers at once, and ten thousand pages that wait for events: memory, times, processor time
cargo xtask bench hello       what the first word to an assistant costs: tokens, bytes, seconds, cold and warm, on a real model
cargo xtask bench store       how many messages a second the store keeps safe, on SQLite and PostgreSQL; with --kill, that
                              a thousand kills on each lose and double nothing (ten minutes)
cargo xtask layout            which functions of the release binary lie beside each other, found out anew under load
cargo xtask fuzz [--seconds N] [TARGET …]
                              the fuzz targets, or some of them, for N seconds each (60)
cargo xtask web test          the web page in Chromium, against a scripted gateway, or with YABBY_WEB_URL and YABBY_WEB_TOKEN
                              against a real one; screenshots go to the folder YABBY_WEB_SHOTS
cargo xtask web vendor        the libraries of the web page anew from npm, at the versions of vendor/make";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => check::all(&check::Extent::Full),
        ["test", "--quick"] => check::all(&check::Extent::Quick),
        ["bench"] => bench::all(),
        ["bench", "route"] => bench::route::all(),
        ["bench", "load"] => bench::load::all(),
        ["bench", "hello"] => bench::hello::all(),
        ["bench", "store"] => bench::store::all(),
        ["bench", "store", "--kill"] => bench::store::kill(),
        ["layout"] => layout::make(),
        ["fuzz", words @ ..] => fuzz::all(words),
        ["web", "test"] => web::test(),
        ["web", "vendor"] => web::vendor(),
        ["size"] => size::report(&size::Build::Incremental),
        ["size", "--clean"] => size::report(&size::Build::Clean),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("no such task: {}\n\n{HELP}", words.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
