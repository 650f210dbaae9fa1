//! How fast text goes through the splitter for inline reasoning, beside a pass of memchr over the same bytes in the
//! same run: the machines that this runs on are shared and noisy, so the ratio says more than the figure.
//!
//! The splitter is no public interface, so its source is compiled in.

#[path = "../src/think/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the splitter's other callers and its tests are elsewhere"
)]
mod think;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use think::{Splitter, Start};
use yabby_core::ModelEvent;

const BYTES: usize = 64 * 1024 * 1024;
const PIECE: usize = 4096;
/// The best of these is told: what disturbs a run makes it slower, never faster.
const RUNS: usize = 5;

const PROSE: &str = "The harbour was quiet that morning, and the boats lay still on water that hardly moved. \
    Nobody had expected the fog to stay so long; by noon, though, it had thinned enough for the ferry to leave.\n\n\
    Am Kai warteten noch drei Leute – zwei mit Fahrrädern, eine ohne Gepäck – and each of them looked at the clock \
    above the ticket window, which had stopped [sometime in spring] at \"twenty past four\".\n";

const MARKDOWN: &str = "## Reading a file\n\nUse `read_to_string`, and *never* forget the error:\n\n\
    - it may not exist\n- it may be no UTF-8\n  - which `String::from_utf8_lossy` repairs\n\n\
    ```rust\nfn read(path: &Path) -> Result<Vec<String>, Error> {\n    let text = fs::read_to_string(path)?;\n    \
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();\n    if lines.len() < 2 {\n        \
    return Err(Error::Short);\n    }\n    Ok(lines)\n}\n```\n\nThe type `Option<T>` is left out when a < b, see \
    [the book](https://doc.rust-lang.org/book/).\n\n<details>\n<summary>More</summary>\n\n| a | b |\n|---|---|\n\
    | 1 | 2 |\n\n</details>\n\n";

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn main() {
    for (name, sample) in [("plain prose", PROSE), ("code and Markdown", MARKDOWN)] {
        let text = sample.repeat(BYTES / sample.len() + 1);
        let pieces = pieces(&text);
        assert_eq!(split(&pieces), text.len(), "all of it is text");
        let split = best(|| split(&pieces));
        let searched = best(|| pieces.iter().map(|piece| newlines(piece)).sum());
        println!(
            "splitter, {name:<18} {:>6.0} MB/s, memchr alone {:>6.0} MB/s, ratio {:.2}",
            rate(text.len(), split),
            rate(text.len(), searched),
            searched.as_secs_f64() / split.as_secs_f64()
        );
    }
}

/// As a stream brings them.
fn pieces(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::with_capacity(text.len() / PIECE + 1);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// How many bytes of text came out.
fn split(pieces: &[&str]) -> usize {
    let mut splitter = Splitter::new(Start::Text);
    let mut out = Vec::new();
    let mut bytes = 0;
    for piece in pieces {
        splitter.push(piece, &mut out);
        bytes += black_box(&mut out).drain(..).map(length).sum::<usize>();
    }
    splitter.finish(false, &mut out);
    bytes + out.drain(..).map(length).sum::<usize>()
}

fn length(event: ModelEvent) -> usize {
    match black_box(event) {
        ModelEvent::Text(text) => text.len(),
        _ => 0,
    }
}

/// Newlines and angle brackets are what the splitter must look at.
fn newlines(piece: &str) -> usize {
    memchr::memchr2_iter(b'\n', b'<', piece.as_bytes()).count()
}

fn best(mut run: impl FnMut() -> usize) -> Duration {
    let once = |_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed()
    };
    (0..RUNS).map(once).min().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}
