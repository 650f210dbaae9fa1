use std::{fs, os::unix::fs::PermissionsExt, sync::Barrier, thread, time::Instant};

use tempfile::TempDir;

use super::*;
use crate::record::samples;

fn numbered(number: u32) -> TurnRecord {
    TurnRecord {
        id: format!("{number:08x}"),
        ..samples::fallback()
    }
}

fn ids(turns: &[TurnRecord]) -> Vec<u32> {
    turns
        .iter()
        .map(|turn| u32::from_str_radix(&turn.id, 16).unwrap())
        .collect()
}

#[test]
fn the_last_come_first_and_are_found() {
    let folder = TempDir::new().unwrap();
    let turns = Turns::of(&folder.path().join("state"));
    assert_eq!(turns.recent(10), []);
    for number in 1..=5 {
        turns.keep(&numbered(number)).unwrap();
    }
    let mut other = numbered(0xabc0_0006);
    other.agent = Some("main".to_owned());
    other.plan.candidates.remove(0);
    turns.keep(&other).unwrap();
    assert_eq!(turns.recent(2), [other.clone(), numbered(5)]);
    assert_eq!(turns.find("ABC"), std::slice::from_ref(&other));
    assert_eq!(turns.find("zz"), []);
    assert_eq!(turns.of_agent(Some("main"), 9), std::slice::from_ref(&other));
    assert_eq!(ids(&turns.of_agent(None, 2)), [5, 4]);
    let near = "near/m1".parse().unwrap();
    assert_eq!(ids(&turns.of_model(&near, 3)), [5, 4, 3]);
    let mode = fs::metadata(folder.path().join("state/route/turns.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn torn_lines_are_skipped_and_harm_no_other() {
    let folder = TempDir::new().unwrap();
    let turns = Turns::of(folder.path());
    turns.keep(&numbered(1)).unwrap();
    let mut text = fs::read(&turns.path).unwrap();
    text.extend_from_slice(b"{\"id\":\"00000002\",\"at\":17");
    fs::write(&turns.path, text).unwrap();
    turns.keep(&numbered(3)).unwrap();
    assert_eq!(ids(&turns.recent(9)), [3, 1]);
    assert_eq!(turns.find("00000002"), []);
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let folder = TempDir::new().unwrap();
    let turns = Turns::of(folder.path());
    let count = || fs::read_to_string(&turns.path).unwrap().lines().count();
    for number in 1..1000 {
        turns.keep(&numbered(number)).unwrap();
    }
    assert_eq!(count(), 999);
    turns.keep(&numbered(1000)).unwrap();
    assert_eq!(count(), 500);
    assert_eq!(ids(&turns.recent(1000)), (501..=1000).rev().collect::<Vec<u32>>());
    turns.keep(&numbered(1001)).unwrap();
    assert_eq!(count(), 501);
}

#[test]
fn many_write_at_once_and_nothing_is_lost() {
    const WRITERS: u32 = 4;
    const EACH: u32 = 200;
    let folder = TempDir::new().unwrap();
    let turns = Turns::of(folder.path());
    for number in 0..600 {
        turns.keep(&numbered(number)).unwrap();
    }
    let barrier = Barrier::new(WRITERS as usize);
    thread::scope(|scope| {
        for writer in 1..=WRITERS {
            let (turns, barrier) = (turns.clone(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..EACH {
                    turns.keep(&numbered(writer * 10_000 + number)).unwrap();
                }
            });
        }
    });
    // The file was made smaller meanwhile; the last ones are all there, each writer's in order.
    let found = ids(&turns.recent(400));
    assert_eq!(found.len(), 400);
    for writer in 1..=WRITERS {
        let own: Vec<u32> = found.iter().copied().filter(|id| id / 10_000 == writer).collect();
        let expected: Vec<u32> = (0..EACH).rev().map(|at| writer * 10_000 + at).take(own.len()).collect();
        assert_eq!(own, expected);
    }
    assert!(
        found.iter().all(|id| *id >= 10_000),
        "the oldest were not the first to go"
    );
}

/// A turn is kept on the way to the prompt: it must not be felt.
#[test]
fn keeping_a_turn_takes_no_time() {
    let folder = TempDir::new().unwrap();
    let turns = Turns::of(folder.path());
    for number in 0..900 {
        turns.keep(&numbered(number)).unwrap();
    }
    let begun = Instant::now();
    for number in 900..990 {
        turns.keep(&numbered(number)).unwrap();
    }
    let each = begun.elapsed() / 90;
    assert!(each.as_millis() < 20, "{each:?}");
}
