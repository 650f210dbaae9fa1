//! The engine against random servers: every turn must end once, in time, and as it was promised, whatever they do.
//!
//! A [`script::Script`] says what happens, [`world`] and [`upstream`] play it without sockets, on a paused clock, and
//! [`oracle`] reads what happened. A run that fails tells its number and the smallest script that fails in the same way.

mod draw;
mod driver;
mod found;
mod nature;
mod oracle;
mod random;
mod script;
mod shrink;
mod story;
mod upstream;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
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
use world::{Entry, How, What};
use yabby_core::{ModelEvent, Outcome};

use crate::RouteEvent;

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

/// What a check must reach to prove anything, in a turn each.
const REACHED: [&str; 16] = [
    "answered",
    "failed",
    "stopped",
    "outrun",
    "went on",
    "requeue",
    "retry",
    "wait",
    "degrade",
    "use_chat",
    "reasoning_off",
    "refit",
    "other_key",
    "next",
    "stop",
    "yielded",
];

/// What happened in a run, of [`REACHED`].
fn reached(log: &[Entry]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut letters = BTreeSet::new();
    let mut speakers = BTreeSet::new();
    let mut asked = 0;
    for entry in log {
        let word = match &entry.what {
            What::Contact {
                place,
                how: How::Ask(_),
                ..
            } => {
                asked = *place;
                continue;
            }
            What::Stopped => "stopped",
            What::Disturbed(_) => "yielded",
            What::Told { event, .. } => match &**event {
                RouteEvent::Done(_) => "answered",
                RouteEvent::Failed(_) => "failed",
                RouteEvent::Attempt(attempt) if attempt.outcome == Outcome::Outrun => "outrun",
                RouteEvent::Attempt(attempt) => attempt.decision.as_deref().unwrap_or_default(),
                RouteEvent::Model(ModelEvent::Text(text)) => {
                    letters.extend(text.chars().filter(|c| c.is_alphabetic()));
                    speakers.insert(asked);
                    continue;
                }
                _ => continue,
            },
            _ => continue,
        };
        reached.insert(word.to_owned());
    }
    // One story, and two that tell it.
    if letters.len() == 1 && speakers.len() > 1 {
        reached.insert("went on".to_owned());
    }
    reached
}

/// Plays these runs on all cores, and tells each thing that was wrong.
fn runs(numbers: Range<u64>) {
    let counts: Mutex<BTreeMap<String, u32>> = Mutex::default();
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
                    match play(&runtime, Script::random(number)) {
                        Ok(log) => {
                            let mut counts = counts.lock().unwrap();
                            for word in reached(&log) {
                                *counts.entry(word).or_default() += 1;
                            }
                        }
                        Err((wrong, _)) => {
                            let mut wrongs = wrongs.lock().unwrap();
                            wrongs.entry(wrong.rule.to_owned()).or_default().push(number);
                        }
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
    let counts = counts.into_inner().unwrap();
    println!("{counts:?}");
    let rare = |word: &&&str| counts.get(**word).is_none_or(|count| *count < 10);
    let rare: Vec<&&str> = REACHED.iter().filter(rare).collect();
    assert!(rare.is_empty(), "hardly ever reached: {rare:?} in {counts:?}");
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
            let lines = log
                .iter()
                .take(wrong.entry + 1)
                .map(|entry| format!("{:>12?} {:?}", entry.at, entry.what));
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

/// Others than those of [`some_thousand_runs`].
#[test]
#[ignore = "it takes half a minute; `cargo xtask test` runs it"]
fn a_hundred_thousand_runs() {
    runs(3000..103_000);
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
