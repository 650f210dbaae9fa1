//! Somebody swaps folders and files for links, as fast as they can, while files are used.

use std::{
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{
    super::disk::{Spot, open, read_all},
    *,
};

/// How often each way in is tried.
const TIMES: usize = 100_000;
/// So many of them write, which waits for the disk.
const WRITES: usize = 2_000;

#[test]
fn a_link_that_is_swapped_in_at_the_right_moment_leads_nowhere() {
    let place = Place::new();
    let work = place.path("work");
    place.put("dir/secret.txt", "a note\n");
    fs::create_dir(work.join("spare")).unwrap();
    let outside = place.path("outside");
    let over = AtomicBool::new(false);
    let mut naive = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::rename(work.join("dir"), work.join("spare/dir")).unwrap();
                symlink(&outside, work.join("dir")).unwrap();
                thread::yield_now();
                fs::remove_file(work.join("dir")).unwrap();
                fs::rename(work.join("spare/dir"), work.join("dir")).unwrap();
                thread::yield_now();
            }
        });
        let found = place.files.0.roots.place("dir/secret.txt").unwrap();
        let new = super::super::State {
            bytes: b"a note\n".to_vec(),
            mode: 0o600,
        };
        for time in 0..TIMES {
            if let Ok((file, _)) = open(&found) {
                assert_eq!(read_all(file, 100).unwrap(), b"a note\n");
            }
            if let Ok(Some(spot)) = Spot::of(&found, false) {
                if let Ok(Some(now)) = spot.now(100) {
                    assert_eq!(now.bytes, b"a note\n");
                }
                if time % (TIMES / WRITES) == 0 {
                    let _ = spot.set(Some(&new));
                }
            }
            naive += usize::from(fs::read(work.join("dir/secret.txt")).is_ok_and(|bytes| bytes == b"the secret\n"));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(names(&outside), ["secret.txt"]);
    assert_eq!(fs::read(outside.join("secret.txt")).unwrap(), b"the secret\n");
    // Who looks first and opens then is led out, so the moment was there.
    assert!(naive > 0);
}
