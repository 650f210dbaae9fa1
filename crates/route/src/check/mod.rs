//! The engine against random servers: every turn must end once, in time, and as it was promised, whatever they do.
//!
//! A [`script::Script`] says what happens, [`world`] and [`upstream`] play it without sockets, on a paused clock, and
//! [`oracle`] reads what happened. A run that fails tells its number and the smallest script that fails in the same way.

mod driver;
mod oracle;
mod random;
mod script;
mod shrink;
mod story;
mod upstream;
mod world;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Runtime};

use oracle::Wrong;
use script::Script;
use world::Entry;

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// What is wrong with one run, and what happened in it.
fn play(runtime: &Runtime, script: Script) -> Result<Vec<Entry>, (Wrong, Vec<Entry>)> {
    let script = Arc::new(script);
    let log = runtime.block_on(driver::play(&script));
    match oracle::judge(&script, &log) {
        Ok(()) => Ok(log),
        Err(wrong) => Err((wrong, log)),
    }
}

/// Tells which run it was, where the engine itself fails.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("it was run {}", self.0);
        }
    }
}

/// Plays these runs on all cores, and tells each thing that was wrong.
fn runs(numbers: Range<u64>) {
    let next = AtomicU64::new(numbers.start);
    let wrongs: Mutex<BTreeMap<String, Vec<u64>>> = Mutex::default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let runtime = runtime();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    let running = Running(number);
                    if let Err((wrong, _)) = play(&runtime, Script::random(number)) {
                        let mut wrongs = wrongs.lock().unwrap();
                        wrongs.entry(wrong.rule.to_owned()).or_default().push(number);
                    }
                    drop(running);
                }
            });
        }
    });
    let wrongs = wrongs.into_inner().unwrap();
    if !wrongs.is_empty() {
        let told: Vec<String> = wrongs.iter().map(|(rule, runs)| tell(rule, runs)).collect();
        panic!("{}", told.join("\n\n"));
    }
}

/// So much is told of what happened before a rule was broken.
const LINES: usize = 50;

/// What was wrong in these runs, with the smallest script that shows it.
fn tell(rule: &str, runs: &[u64]) -> String {
    let runtime = runtime();
    let number = runs.iter().min().copied().unwrap_or_default();
    let fails = |script: &Script| play(&runtime, script.clone()).is_err_and(|(wrong, _)| wrong.rule == rule);
    let script = shrink::smallest(Script::random(number), fails);
    let what = match play(&runtime, script.clone()) {
        Ok(_) => "it is another each time".to_owned(),
        Err((wrong, log)) => {
            let lines = log.iter().take(wrong.entry + 1).map(|entry| format!("{:>12?} {:?}", entry.at, entry.what));
            let lines: Vec<String> = lines.collect();
            lines[lines.len().saturating_sub(LINES)..].join("\n")
        }
    };
    format!("{} runs, the first {number}: {rule}\n{script:#?}\n{what}", runs.len())
}

#[test]
fn some_thousand_runs() {
    runs(0..3000);
}

/// `cargo test --release -p yabby-route -- --ignored a_hundred_thousand_runs`
#[test]
#[ignore = "it takes a minute"]
fn a_hundred_thousand_runs() {
    runs(0..100_000);
}

/// A run is the same each time.
#[test]
fn a_number_is_a_run() {
    let runtime = runtime();
    for number in 0..20 {
        let logs = [(); 2].map(|()| {
            let script = Arc::new(Script::random(number));
            let log = runtime.block_on(driver::play(&script));
            log.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>()
        });
        let [one, other] = &logs;
        let differs = one.iter().zip(other).find(|(one, other)| one != other);
        assert_eq!(differs, None, "run {number}");
        assert_eq!(one.len(), other.len());
    }
}
