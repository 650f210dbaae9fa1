//! `kill -9` while a tool runs.

use super::{desk, has, lines};
use crate::place::{signal, within};

/// Longer than all of the test.
const SCRIPT: &str = "echo $$ >> began.txt\nexec sleep 300\n";

#[test]
fn a_killed_turn_goes_on_and_runs_nothing_again() {
    let desk = desk();
    desk.write("slow.sh", SCRIPT);
    let began = desk.file("began.txt");
    let mut chat = desk.begin("killed", &lines(&["Run this command: sh slow.sh", "y"]));
    within(super::LIMIT, "the command runs", || {
        if has(&began) {
            return true;
        }
        let ended = chat.child().try_wait().unwrap();
        assert!(ended.is_none(), "the command was not run: {ended:?}");
        false
    });
    chat.child().kill().unwrap();
    let killed = chat.ended();
    assert_eq!(killed.status.code(), None);
    // It was not Yabby's to end any more.
    signal(desk.read("began.txt").trim().parse().unwrap(), "-KILL");

    // Nothing is said: what was begun goes on, and the person gets the answer.
    let said = desk.say("killed", &[]);
    println!("after kill -9: {:?}\n{}", said.answers, said.told);
    assert!(said.told.contains("I go on with what I was doing"), "{}", said.told);
    assert_eq!(said.code, Some(0), "{}", said.told);
    assert!(!said.answers.is_empty(), "{}", said.told);
    assert_eq!(desk.read("began.txt").lines().count(), 1);
    let kept = desk.kept("killed");
    let results = kept.results();
    assert!(
        matches!(results.as_slice(), [only] if only.starts_with("[interrupted: nobody knows whether this was done.")),
        "{results:?}"
    );
    super::assert_reuse(&kept.asked());
}
