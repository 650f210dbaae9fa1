//! A real server that overflows, is killed, or is left alone.

use std::time::{Duration, Instant};

use crate::{
    llama::Llama,
    place::{err, eventually, home, json, run, signal, start, yabby},
};

const LONG: &[&str] = &[
    "--max-tokens",
    "1500",
    "--temperature",
    "0",
    "Write a very long story about the sea.",
];

#[test]
fn killed_in_the_middle_of_an_answer() {
    for provider in ["chat", "resp", "msgs"] {
        let mut llama = Llama::start();
        let home = home(&llama.config());
        let model = format!("{provider}/smollm2");
        let mut running = start(yabby(home.path(), &["ask", "-m", &model]).args(LONG));
        running.has_printed(8);
        llama.kill();
        let killed = Instant::now();
        let ran = running.ended();
        assert_eq!(ran.status.code(), Some(3), "{provider}: {}", err(&ran));
        assert!(
            killed.elapsed() < Duration::from_secs(10),
            "{provider}: {:?}",
            killed.elapsed()
        );
        assert!(
            err(&ran).contains("the answer above is not complete"),
            "{provider}: {}",
            err(&ran)
        );
        assert!(
            err(&ran).contains("ended before the answer did"),
            "{provider}: {}",
            err(&ran)
        );
    }
}

#[test]
fn a_prompt_that_does_not_fit() {
    let llama = Llama::start();
    let home = home(&llama.config());
    let long = "word ".repeat(6000);
    for provider in ["chat", "resp", "msgs"] {
        let model = format!("{provider}/smollm2");
        let ran = run(&mut yabby(home.path(), &["ask", "-m", &model, "--json", &long]));
        assert_eq!(ran.status.code(), Some(3));
        let error = &json(&ran)["errors"][0];
        assert_eq!(error["kind"], "context_overflow", "{provider}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains("2048"),
            "{provider}: {error}"
        );
    }
}

#[test]
fn ctrl_c_frees_the_slot() {
    let llama = Llama::start();
    let home = home(&llama.config());
    for provider in ["chat", "resp", "msgs"] {
        let model = format!("{provider}/smollm2");
        let mut running = start(yabby(home.path(), &["ask", "-m", &model]).args(LONG));
        running.has_printed(8);
        eventually("one slot is busy", || llama.busy() == 1);
        signal(running.child().id(), "-INT");
        let stopped = Instant::now();
        assert_eq!(running.ended().status.code(), Some(130), "{provider}");
        eventually("the slot is idle", || llama.busy() == 0);
        println!("{provider}: slot idle {:?} after Ctrl-C", stopped.elapsed());
    }
}
