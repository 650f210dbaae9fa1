//! A chat that is longer than the window.

use std::time::Instant;

use super::{Desk, Manner, PLAIN};

const TURNS: usize = 30;

const WINDOW: u32 = 8_192;
const NAME: &str = "long";

/// Thirty turns with the whole prompt and all tools, in each of which a page is pasted: what was said in the first is
/// answered in the last, though two summaries were made in between.
#[test]
fn thirty_turns_on_a_window_of_8k() {
    let begin = Instant::now();
    let desk = Desk::open(
        NAME,
        Manner {
            window: WINDOW,
            ..PLAIN
        },
    );
    let mut lines = vec!["My name is Mina Okafor and my locker has the number 4711. Answer with OK.".to_owned()];
    lines.extend((2..TURNS).map(|turn| format!("Keep this page and answer with OK: {}", page(turn, 260))));
    lines.push("What is the number of my locker, and what is my name?".to_owned());
    let said = desk.say(NAME, &lines);
    let kept = desk.kept(NAME);
    let (requests, summaries) = (kept.asked(), kept.summaries());
    println!(
        "{TURNS} turns on a window of {WINDOW}: {} requests, {} summaries, {:.0?}",
        requests.len(),
        summaries.len(),
        begin.elapsed()
    );
    for summary in &summaries {
        println!("--- summary\n{summary}");
    }
    println!("---\n{:?}", said.answers.last());
    assert_eq!(said.code, Some(0), "{}", said.told);
    assert!(summaries.len() >= 2, "{requests:?}");
    // It is known in what the model is shown, and not only by chance in the answer.
    for summary in &summaries {
        assert!(summary.contains("4711"), "{summary}");
    }
    let answer = said.answers.last().unwrap();
    assert!(answer.contains("4711") && answer.contains("Mina"), "{answer}");
    // No request was refused as too long, and none was made that is.
    assert!(requests.iter().all(|asked| asked.read < WINDOW), "{requests:?}");
}

/// A page of a diary without numbers, other than the one before.
fn page(turn: usize, words: usize) -> String {
    const WORDS: [&str; 32] = [
        "harbour", "morning", "boats", "lamp", "market", "rain", "letter", "garden", "window", "bread", "music",
        "river", "bridge", "school", "winter", "apple", "teacher", "story", "blue", "quiet", "road", "mountain",
        "clock", "paper", "friend", "kitchen", "summer", "bird", "yellow", "stone", "field", "train",
    ];
    let word = |at: usize| WORDS[(at * (turn + 6) + at / 7 + turn) % WORDS.len()];
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}
