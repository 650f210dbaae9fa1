//! `cargo xtask bench route`: what a request costs that passes through `yabby serve`, beside the same request to the
//! upstream itself, through nginx, through two proxies on hyper that do less, and through LiteLLM where the tests have
//! installed it. All of them are asked in turn, several times, because the machines that this runs on are shared; what is
//! shown is the median of the rounds. Processor time is that of the proxy alone, as the kernel counts it. Yabby has an
//! allocator of its own where ARCHITECTURE.md says so, and is built with LTO over all crates; the two proxies on hyper have
//! the system's allocator and the same profile.

mod fallback;
pub(crate) mod process;
pub(crate) mod targets;

use std::time::Duration;

use self::{
    process::{Load, cpu, load, memory},
    targets::{Target, Targets},
};
use crate::{
    release,
    run::{cargo, run},
};

const ROUNDS: usize = 7;
/// Of each load.
const SECONDS: f64 = 0.4;
/// For hundreds of long prompts at once, of which each client begins only a few in that time: the first ones would count too much.
const LONG_SECONDS: f64 = 2.0;
/// So many bytes of prompts at once are that.
const LONG: usize = 50_000_000;
/// Bytes of a prompt.
const PROMPTS: [usize; 3] = [1_000, 20_000, 200_000];
const STREAMS: [usize; 3] = [1, 32, 256];
/// Events of a streamed answer.
const FRAMES: usize = 100;
/// Between two of them, in milliseconds, for each of [`STREAMS`]: so that none is saturated.
const GAPS: [u64; 3] = [2, 10, 40];
/// The name in the tables of what Yabby is compared with.
const REFERENCE: &str = "hyper with peek";

/// What one load has shown.
#[derive(Clone, Copy)]
struct Sample {
    /// Microseconds of processor time per request.
    cpu: f64,
    /// Microseconds.
    first_p50: f64,
    first_p99: f64,
    frame_p50: f64,
    frame_p99: f64,
    /// Microseconds of processor time per event.
    frame_cpu: f64,
    per_second: f64,
}

/// Builds what is measured, and what it is measured with.
pub(super) fn build() -> Result<(), String> {
    release::build()?;
    build_helper()
}

/// Builds what it is measured with.
pub(crate) fn build_helper() -> Result<(), String> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "yabby-gateway",
        "--example",
        "bench",
    ]))
}

/// Builds everything and prints the tables.
pub(crate) fn all() -> Result<(), String> {
    build()?;
    let targets = Targets::start()?;
    memory_of_a_soak(&targets)?;
    for bytes in PROMPTS {
        for streams in STREAMS {
            requests(&targets, bytes, streams)?;
        }
    }
    for (streams, gap) in STREAMS.into_iter().zip(GAPS) {
        events(&targets, streams, gap)?;
    }
    println!("\nresident memory after all that");
    for target in targets.measured() {
        println!("  {:16} {:>8} KiB", target.name, memory(target.process));
    }
    drop(targets);
    fallback::all()
}

fn memory_of_a_soak(targets: &Targets) -> Result<(), String> {
    println!("\nresident memory, idle and five seconds after 64 parallel requests of 120 kB for 3 s");
    targets.mode(0, Duration::ZERO)?;
    for target in targets.measured().filter(|target| target.is_fast) {
        let idle = memory(target.process);
        let peak = {
            load(target, 64, 120_000, 3.0)?;
            memory(target.process)
        };
        std::thread::sleep(Duration::from_secs(5));
        let after = memory(target.process);
        println!(
            "  {:16} {idle:>8} KiB idle {peak:>8} KiB at the end {after:>8} KiB after {:>6.2} times",
            target.name,
            ratio(after, idle)
        );
    }
    Ok(())
}

/// One table: requests with an answer in one piece.
fn requests(targets: &Targets, bytes: usize, streams: usize) -> Result<(), String> {
    targets.mode(0, Duration::ZERO)?;
    println!("\n{} kB prompt, {streams} at once", bytes / 1000);
    println!(
        "  {:16} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "core-µs", "added p50", "added p99", "p50 µs", "per second"
    );
    let rows = rounds(targets, ROUNDS, |target| {
        let seconds = match target.is_fast {
            true if streams * bytes >= LONG => LONG_SECONDS,
            true => SECONDS,
            false => 3.0,
        };
        (target.is_fast || (bytes == 1_000 && streams <= 32)).then(|| sample(target, streams, bytes, seconds))
    })?;
    for row in &rows.0 {
        println!(
            "  {:16} {:>10.1} {:>10.1} {:>10.1} {:>10.1} {:>10.0}{}",
            row.target.name,
            row.of(|sample| sample.cpu),
            row.added(&rows, |sample| sample.first_p50),
            row.added(&rows, |sample| sample.first_p99),
            row.of(|sample| sample.first_p50),
            row.of(|sample| sample.per_second),
            row.compared(&rows, |sample| sample.cpu, |sample| sample.first_p50)
        );
    }
    Ok(())
}

/// One table: streamed answers.
fn events(targets: &Targets, streams: usize, gap: u64) -> Result<(), String> {
    println!("\n{FRAMES} events, {gap} ms apart, 1 kB prompt, {streams} at once");
    println!(
        "  {:16} {:>10} {:>10} {:>10} {:>10}",
        "", "core-µs", "added p50", "added p99", "p50 µs"
    );
    targets.mode(FRAMES, Duration::from_millis(gap))?;
    let rows = rounds(targets, ROUNDS, |target| {
        target.is_fast.then(|| sample(target, streams, 1_000, SECONDS))
    })?;
    for row in &rows.0 {
        println!(
            "  {:16} {:>10.1} {:>10.1} {:>10.1} {:>10.1}{}",
            row.target.name,
            row.of(|sample| sample.frame_cpu),
            row.added(&rows, |sample| sample.frame_p50),
            row.added(&rows, |sample| sample.frame_p99),
            row.of(|sample| sample.frame_p50),
            row.compared(&rows, |sample| sample.frame_cpu, |sample| sample.frame_p50)
        );
    }
    Ok(())
}

/// All targets, the upstream first.
struct Rows<'a>(Vec<Row<'a>>);

/// What a target has shown, round by round.
struct Row<'a> {
    target: &'a Target,
    samples: Vec<Sample>,
}

type Value = fn(&Sample) -> f64;

impl Row<'_> {
    fn of(&self, value: Value) -> f64 {
        median(self.samples.iter().map(value).collect())
    }

    /// What it adds to the upstream in the same round.
    fn added(&self, rows: &Rows<'_>, value: Value) -> f64 {
        let Some(upstream) = rows.0.first() else { return 0.0 };
        let pairs = self.samples.iter().zip(&upstream.samples);
        median(
            pairs
                .map(|(sample, upstream)| value(sample) - value(upstream))
                .collect(),
        )
    }

    /// Yabby's part of what the reference takes in the same round: what else the machine does changes from round to round.
    fn compared(&self, rows: &Rows<'_>, cpu: Value, time: Value) -> String {
        let reference = rows.0.iter().find(|row| row.target.name == REFERENCE);
        let (Some(reference), "yabby") = (reference, self.target.name) else {
            return String::new();
        };
        let pairs = self.samples.iter().zip(&reference.samples);
        let ratio = median(pairs.map(|(sample, reference)| cpu(sample) / cpu(reference)).collect());
        format!(
            "   {ratio:.2} times its processor time, {:.2} times its added p50",
            self.added(rows, time) / reference.added(rows, time)
        )
    }
}

/// All targets in turn, so often.
fn rounds(
    targets: &Targets,
    count: usize,
    mut one: impl FnMut(&Target) -> Option<Result<Sample, String>>,
) -> Result<Rows<'_>, String> {
    let row = |target| Row {
        target,
        samples: Vec::new(),
    };
    let mut rows: Vec<Row<'_>> = targets.all().map(row).collect();
    for round in 0..count {
        for row in &mut rows {
            if row.target.is_fast || round == 0 {
                row.samples.extend(one(row.target).transpose()?);
            }
        }
    }
    rows.retain(|row| !row.samples.is_empty());
    Ok(Rows(rows))
}

fn sample(target: &Target, streams: usize, bytes: usize, seconds: f64) -> Result<Sample, String> {
    let before = cpu(target.process);
    let seen: Load = load(target, streams, bytes, seconds)?;
    let spent = micros(cpu(target.process).saturating_sub(before));
    if seen.failed > 0.0 {
        return Err(format!("{}: {} requests have failed", target.name, seen.failed));
    }
    Ok(Sample {
        cpu: spent / seen.requests,
        first_p50: seen.first_p50 / 1000.0,
        first_p99: seen.first_p99 / 1000.0,
        frame_p50: seen.frame_p50 / 1000.0,
        frame_p99: seen.frame_p99 / 1000.0,
        frame_cpu: spent / seen.frames.max(1.0),
        per_second: seen.requests / seen.seconds,
    })
}

pub(super) fn micros(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64() * 1e6
}

fn ratio(a: u64, b: u64) -> f64 {
    let float = |value: u64| Duration::from_secs(value).as_secs_f64();
    float(a) / float(b)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
