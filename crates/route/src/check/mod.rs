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
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Runtime};

use script::Script;

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// What is wrong with one run, and what happened in it.
fn play(runtime: &Runtime, script: Script) -> Result<usize, (String, Vec<world::Entry>)> {
    let script = Arc::new(script);
    let log = runtime.block_on(driver::play(&script));
    match oracle::judge(&script, &log) {
        Ok(()) => Ok(log.len()),
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

fn runs(numbers: Range<u64>) {
    let next = AtomicU64::new(numbers.start);
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
                        // The others need not go on.
                        next.store(numbers.end, Ordering::Relaxed);
                        fail(&runtime, number, &wrong);
                    }
                    drop(running);
                }
            });
        }
    });
}

/// Tells what is wrong with a run, by way of the smallest script that shows it.
fn fail(runtime: &Runtime, number: u64, wrong: &str) -> ! {
    let script = shrink::smallest(Script::random(number), |script| same(runtime, script, wrong));
    let Err((wrong, log)) = play(runtime, script.clone()) else {
        panic!("run {number}: {wrong}; it is another each time");
    };
    let lines: Vec<String> = log
        .iter()
        .enumerate()
        .map(|(number, entry)| format!("{number:4} {:>12?} {:?}", entry.at, entry.what))
        .collect();
    panic!("run {number}: {wrong}\n{script:#?}\n{}", lines.join("\n"));
}

/// Whether a script fails in the same way.
fn same(runtime: &Runtime, script: &Script, wrong: &str) -> bool {
    let kind = |wrong: &str| wrong.split(" (").next().map(str::to_owned);
    play(runtime, script.clone()).is_err_and(|(other, _)| kind(&other) == kind(wrong))
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
