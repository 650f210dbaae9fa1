//! What the kernel says of a process, and what the load generator says.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::targets::Target;
use crate::repo;

/// What a load has shown; times in nanoseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Load {
    pub(in crate::bench) requests: f64,
    pub(in crate::bench) failed: f64,
    pub(in crate::bench) seconds: f64,
    pub(in crate::bench) first_p50: f64,
    pub(in crate::bench) first_p99: f64,
    pub(in crate::bench) frames: f64,
    pub(in crate::bench) frame_p50: f64,
    pub(in crate::bench) frame_p99: f64,
    pub(in crate::bench) gap_p50: f64,
    pub(in crate::bench) gap_p99: f64,
}

/// A load that runs.
pub(in crate::bench) struct Loading {
    name: &'static str,
    child: Child,
}

/// The program of `crates/gateway/examples/bench`.
pub(in crate::bench) fn helper() -> PathBuf {
    repo::target("release")
        .join("examples")
        .join(format!("bench{}", std::env::consts::EXE_SUFFIX))
}

/// Asks a target for so long.
pub(crate) fn load(target: &Target, streams: usize, bytes: usize, seconds: f64) -> Result<Load, String> {
    begin(target, streams, bytes, seconds)?.end()
}

/// Begins to ask a target.
pub(in crate::bench) fn begin(target: &Target, streams: usize, bytes: usize, seconds: f64) -> Result<Loading, String> {
    let mut command = Command::new(helper());
    command.args([
        "load",
        &target.address,
        target.model,
        &streams.to_string(),
        &bytes.to_string(),
        &seconds.to_string(),
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(Loading {
        name: target.name,
        child: command.spawn().map_err(|error| error.to_string())?,
    })
}

// === impl Loading ===

impl Loading {
    /// Waits for its end.
    pub(in crate::bench) fn end(self) -> Result<Load, String> {
        let output = self.child.wait_with_output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr)));
        }
        let value = |name: &str| {
            let found = text
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|value| value.parse().ok()).unwrap_or_default()
        };
        Ok(Load {
            requests: value("requests"),
            failed: value("failed"),
            seconds: value("seconds"),
            first_p50: value("first_p50"),
            first_p99: value("first_p99"),
            frames: value("frame_count"),
            frame_p50: value("frame_p50"),
            frame_p99: value("frame_p99"),
            gap_p50: value("gap_p50"),
            gap_p99: value("gap_p99"),
        })
    }
}

/// Nanoseconds of processor time of a process and its children.
pub(in crate::bench) fn cpu(process: u32) -> u64 {
    let of_one = |process: u32| -> u64 {
        let tasks = fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten();
        tasks
            .filter_map(|task| {
                let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
                text.split_whitespace().next()?.parse::<u64>().ok()
            })
            .sum()
    };
    family(process).into_iter().map(of_one).sum()
}

/// Resident memory of a process and its children, in KiB.
pub(in crate::bench) fn memory(process: u32) -> u64 {
    let of_one = |process: u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    family(process).into_iter().filter_map(of_one).sum()
}

/// A process and all that descend from it.
fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut at = 0;
    while let Some(process) = all.get(at).copied() {
        let tasks = fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
        at += 1;
    }
    all
}
