//! `cargo xtask bench load`: many at once, each figure beside that of something that does less, in the same run.
//!
//! A thousand streamed answers, through Yabby, nginx and a proxy on hyper, and from the upstream itself: memory, and how
//! evenly events come. Ten thousand pages that wait for events, half of them with server-sent events and half with
//! web sockets, beside a server that does nothing but write to its sockets: memory, processor time, and how long an event
//! takes to reach all of them. Memory is resident memory; what the kernel keeps for sockets is not in it. The machine that asks is the one
//! that answers, so that times are those of both.

use std::{
    collections::BTreeMap,
    io::BufReader,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::route::{
    build, median, micros,
    process::{begin, cpu, helper, memory},
    targets::{KEY, Target, Targets, started, yabby},
};

const STREAMS: u32 = 1_000;
const EVENTS: u32 = 100;
/// Between two events of an answer.
const GAP: Duration = Duration::from_millis(100);
const ROUNDS: usize = 3;

/// Of each of the two kinds.
const PAGES: u32 = 5_000;
/// So many a process, for the sake of its file descriptors.
const PAGES_OF_A_PROCESS: u32 = 2_500;
/// Events that all pages are told of.
const TOLD: u32 = 20;
/// Between two of them.
const TOLD_GAP: Duration = Duration::from_secs(1);
/// What was used is given back within this time.
const SETTLE: Duration = Duration::from_secs(6);
/// How long nothing is done but being there.
const IDLE: Duration = Duration::from_mins(1);

/// Builds everything and prints the figures.
pub(crate) fn all() -> Result<(), String> {
    build()?;
    streams()?;
    println!("\n{} pages that wait for events", 2 * PAGES);
    let bare = started("bare tokio", &["fanout"])?;
    let bare_tells = format!("POST /tell/{TOLD}/{} HTTP/1.1\r\nhost: x\r\n\r\n", TOLD_GAP.as_micros());
    // It answers nothing: the connection is read until its end.
    pages(&bare, &["events", "events"], || {
        let _ = bare.says(&bare_tells);
        Ok(())
    })?;
    drop(bare);
    let upstream = started("upstream", &["upstream"])?;
    let yabby = yabby(upstream.port(), "load")?;
    pages(&yabby, &["events", "socket"], || {
        upstream.mode(TOLD as usize, TOLD_GAP)?;
        let body = "{\"id\":\"1\",\"text\":\"hello\"}";
        yabby.says(&format!(
            "POST /api/conversations/agent%3Amain%3Amain/messages HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            yabby.address,
            body.len()
        ))
    })
}

/// What a thousand answers have shown.
struct Sample {
    idle: f64,
    /// KiB.
    each: f64,
    after: f64,
    /// Milliseconds.
    gap_p50: f64,
    gap_p99: f64,
    late_p50: f64,
    late_p99: f64,
    /// Microseconds of processor time per event.
    cpu: f64,
}

fn streams() -> Result<(), String> {
    let targets = Targets::start_fast()?;
    targets.mode(EVENTS as usize, GAP)?;
    println!(
        "\n{STREAMS} streamed answers at once, {EVENTS} events each, {} ms apart",
        GAP.as_millis()
    );
    println!(
        "  {:16} {:>10} {:>12} {:>11} {:>11} {:>11} {:>11} {:>9} {:>9}",
        "", "idle KiB", "KiB a stream", "after KiB", "gap p50 ms", "gap p99 ms", "late p50 ms", "p99 ms", "core-µs"
    );
    let mut rows: Vec<(&Target, Vec<Sample>)> = targets.all().map(|target| (target, Vec::new())).collect();
    for _ in 0..ROUNDS {
        for (target, samples) in &mut rows {
            samples.push(sample(target)?);
        }
    }
    for (target, samples) in &rows {
        let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        println!(
            "  {:16} {:>10.0} {:>12.1} {:>11.0} {:>11.2} {:>11.2} {:>11.2} {:>9.2} {:>9.1}",
            target.name,
            of(|sample| sample.idle),
            of(|sample| sample.each),
            of(|sample| sample.after),
            of(|sample| sample.gap_p50),
            of(|sample| sample.gap_p99),
            of(|sample| sample.late_p50),
            of(|sample| sample.late_p99),
            of(|sample| sample.cpu),
        );
    }
    Ok(())
}

fn sample(target: &Target) -> Result<Sample, String> {
    let (idle, before) = (kib(target), cpu(target.process));
    // Each client asks once.
    let loading = begin(target, STREAMS as usize, 1_000, 0.1)?;
    sleep(GAP * EVENTS / 2);
    let held = kib(target);
    let seen = loading.end()?;
    if seen.failed > 0.0 || seen.requests < f64::from(STREAMS) {
        let (answered, failed) = (seen.requests, seen.failed);
        return Err(format!(
            "{}: {answered} of {STREAMS} were answered, {failed} failed",
            target.name
        ));
    }
    let spent = micros(cpu(target.process).saturating_sub(before));
    sleep(SETTLE);
    Ok(Sample {
        idle,
        each: (held - idle) / f64::from(STREAMS),
        after: kib(target),
        gap_p50: seen.gap_p50 / 1e6,
        gap_p99: seen.gap_p99 / 1e6,
        late_p50: seen.frame_p50 / 1e6,
        late_p99: seen.frame_p99 / 1e6,
        cpu: spent / seen.frames.max(1.0),
    })
}

/// Pages of these two kinds, which then are told of events by `tell`.
fn pages(target: &Target, ways: &[&str], tell: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("  {}", target.name);
    let idle = kib(target);
    println!("    {idle:>9.0} KiB before");
    let mut crowd = Crowd(Vec::new());
    let mut before = idle;
    for way in ways {
        crowd.come(target, way, PAGES)?;
        sleep(SETTLE);
        let now = kib(target);
        println!("    {:>9.2} KiB a page ({way})", (now - before) / f64::from(PAGES));
        before = now;
    }
    let spent = cpu(target.process);
    sleep(IDLE);
    let spent_idle = micros(cpu(target.process).saturating_sub(spent)) / 1e3;
    println!("    {spent_idle:>9.0} ms of processor time in a minute in which nothing happens");
    let spent = cpu(target.process);
    tell()?;
    sleep(TOLD_GAP * TOLD + SETTLE);
    let spent = micros(cpu(target.process).saturating_sub(spent));
    let heard = crowd.leave()?;
    let count: u64 = heard.values().sum();
    println!("    {count:>9} of {} events have come", TOLD * 2 * PAGES);
    for (name, part) in [("p50", 500), ("p99", 990), ("last", 1000)] {
        println!(
            "    {:>9.1} ms until an event has come, {name}",
            percentile(&heard, part)
        );
    }
    println!(
        "    {:>9.1} µs of processor time an event and page",
        spent / f64::from(TOLD * 2 * PAGES)
    );
    sleep(SETTLE);
    println!("    {:>9.0} KiB after all have left", kib(target));
    Ok(())
}

fn kib(target: &Target) -> f64 {
    // As much as a double holds exactly.
    u32::try_from(memory(target.process)).map_or(f64::MAX, f64::from)
}

/// In milliseconds; `part` is of a thousand.
fn percentile(times: &BTreeMap<u32, u64>, part: u64) -> f64 {
    let all: u64 = times.values().sum();
    let (wanted, mut seen) = (all * part / 1000, 0);
    for (time, count) in times {
        seen += count;
        if seen >= wanted {
            return f64::from(*time) / 10.0;
        }
    }
    0.0
}

/// Processes with pages in them.
struct Crowd(Vec<(Child, BufReader<std::process::ChildStdout>)>);

impl Crowd {
    fn come(&mut self, target: &Target, way: &str, count: u32) -> Result<(), String> {
        for _ in 0..count / PAGES_OF_A_PROCESS {
            let mut child = Command::new(helper())
                .args(["watch", &target.address, KEY, way, &PAGES_OF_A_PROCESS.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| error.to_string())?;
            let out = child.stdout.take().ok_or("no output")?;
            self.0.push((child, BufReader::new(out)));
            if let Some((_, out)) = self.0.last_mut() {
                let line = line(out)?;
                if line != "ready" {
                    return Err(format!("{}: pages do not come: {line}", target.name));
                }
            }
        }
        Ok(())
    }

    /// How many events took so many tenths of a millisecond.
    fn leave(mut self) -> Result<BTreeMap<u32, u64>, String> {
        let mut all = BTreeMap::new();
        for (child, out) in &mut self.0 {
            drop(child.stdin.take());
            let line = line(out)?;
            let Some((closed, times)) = line.strip_prefix("closed=").and_then(|rest| rest.split_once(" times=")) else {
                return Err(line);
            };
            if closed != "0" {
                return Err(format!("{closed} pages were closed"));
            }
            for time in times.split(',').filter_map(|time| time.split_once(':')) {
                if let (Ok(time), Ok(count)) = (time.0.parse(), time.1.parse::<u64>()) {
                    *all.entry(time).or_default() += count;
                }
            }
        }
        Ok(all)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for (child, _) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn line(out: &mut impl std::io::BufRead) -> Result<String, String> {
    let mut line = String::new();
    out.read_line(&mut line).map_err(|error| error.to_string())?;
    Ok(line.trim().to_owned())
}
