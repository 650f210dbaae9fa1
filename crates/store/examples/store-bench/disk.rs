//! What the disk can do: the baseline of everything else.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use crate::times::Times;

/// As a commit of SQLite writes it.
const PAGE: [u8; 4096] = [7; 4096];

pub(crate) fn measure(folder: &Path) -> io::Result<()> {
    println!("a page written to a file and forced to the disk, for 3 s");
    let mut file = File::create(folder.join("page"))?;
    let begun = Instant::now();
    let mut times = Times::default();
    while begun.elapsed() < Duration::from_secs(3) {
        let one = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(one.elapsed());
    }
    println!(
        "  {:>8.0} per second, p50 {:>7.3} ms, p99 {:>7.3} ms",
        f64::from(u32::try_from(times.count()).unwrap_or(u32::MAX)) / begun.elapsed().as_secs_f64(),
        times.part(500),
        times.part(990)
    );
    Ok(())
}
