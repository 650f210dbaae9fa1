//! A long conversation is read once.

use super::{Asked, assert_reuse, desk};

const TURNS: usize = 20;
const ANIMALS: [&str; 7] = ["otter", "raven", "gecko", "tapir", "bison", "heron", "moth"];
const WORDS: [&str; 7] = ["plum", "walnut", "saffron", "linen", "copper", "willow", "amber"];

/// Each request reads anew at most a twentieth of the one before. A model as small as this one calls a tool in the first turns
/// only; after that it repeats its words, is told that it has done nothing, and asked again: two requests a turn all the same.
#[test]
fn twenty_turns_read_little_anew() {
    let desk = desk();
    let pairs = || ANIMALS.iter().zip(WORDS);
    let writes = pairs().map(|(animal, word)| format!("Write the word {word} into the file {animal}.txt."));
    let reads = pairs().map(|(animal, _)| format!("Read the file {animal}.txt and tell me the code word."));
    let changes = pairs().map(|(animal, word)| format!("In {animal}.txt replace {word} with honey."));
    let mut questions: Vec<String> = writes.take(2).collect();
    questions.extend(reads.zip(changes).flat_map(|(read, change)| [read, change]));
    questions.extend(pairs().map(|(animal, _)| format!("What was the word in {animal}.txt?")));
    questions.truncate(TURNS);
    let said = desk.say("reuse", &questions);
    let kept = desk.kept("reuse");
    let (requests, turns) = (kept.asked(), kept.turns_with_calls());
    let sum = |of: fn(&Asked) -> u32| requests.iter().skip(1).map(of).map(u64::from).sum::<u64>();
    let (read, cached) = (sum(|asked| asked.read), sum(|asked| asked.cached));
    let least = requests
        .windows(2)
        .map(|pair| f64::from(pair[1].cached) / f64::from(pair[0].read))
        .fold(f64::INFINITY, f64::min);
    println!(
        "{TURNS} turns, {turns} with calls, {} requests; behind the first, {cached} of {read} tokens came from the cache; \
         of the request before, {:.1} % at the least",
        requests.len(),
        least * 100.0
    );
    assert_eq!(kept.questions(), TURNS, "{}", said.told);
    assert!(turns >= 2, "{:?}\n{}", said.answers, said.told);
    assert_eq!(kept.summaries(), [""; 0]);
    assert_reuse(&requests);
}
