//! A long conversation is read once.

use super::{Asked, Desk, Manner, PLAIN, assert_reuse};

const TURNS: usize = 20;

/// With one tool and one call a turn: what stands before the conversation is short then, and hides nothing. The template has
/// the model call the tool in each turn.
const MANNER: Manner = Manner {
    template: Some(include_str!("../qwen-fenced.jinja")),
    tools: "{ allow: ['read'], deny: ['result'] }",
    limits: "{ steps: 1 }",
    ..PLAIN
};

/// Each request reads anew at most a twentieth of the one before, over twenty turns with a call in each.
#[test]
fn twenty_turns_with_calls_read_little_anew() {
    let desk = Desk::open("reuse", MANNER);
    let names = (1..=TURNS).map(|turn| format!("page-{turn}.txt"));
    let mut questions = Vec::new();
    for name in names {
        desk.write(&name, &format!("This is {name}, and the code word is marmalade.\n"));
        questions.push(format!("Read the file {name} and tell me the code word."));
    }
    let said = desk.say("reuse", &questions);
    let kept = desk.kept("reuse");
    let requests = kept.asked();
    let sum = |of: fn(&Asked) -> u32| requests.iter().skip(1).map(of).map(u64::from).sum::<u64>();
    let (read, cached) = (sum(|asked| asked.read), sum(|asked| asked.cached));
    let least = requests
        .windows(2)
        .map(|pair| f64::from(pair[1].cached) / f64::from(pair[0].read))
        .fold(f64::INFINITY, f64::min);
    println!(
        "{TURNS} turns, {} results, {} requests; behind the first, {cached} of {read} tokens came from the cache; \
         of the request before, {:.1} % at the least",
        kept.results().len(),
        requests.len(),
        least * 100.0
    );
    let right = kept
        .results()
        .iter()
        .filter(|result| result.contains("marmalade"))
        .count();
    assert_eq!(
        (kept.questions(), kept.turns_with_calls(), right),
        (TURNS, TURNS, TURNS),
        "{:?}\n{}",
        kept.results(),
        said.told
    );
    assert!(requests.len() >= 2 * TURNS, "{requests:?}");
    assert_eq!(kept.summaries(), [""; 0]);
    assert_reuse(&requests);
}
