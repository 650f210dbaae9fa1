//! Stopping an answer of which a part was seen.

use std::time::{Duration, Instant};

use super::{desk, lines};
use crate::place::{signal, within};

/// A stop takes milliseconds; other things run here too.
const SOON: Duration = Duration::from_secs(3);
/// Tokens of a short message, with its time and the template.
const MESSAGE: u32 = 80;

#[test]
fn a_stopped_answer_frees_the_server_and_is_gone_on_from() {
    let desk = desk();
    desk.endless(Some(1_000));
    let mut chat = desk.begin("stop", &lines(&["Tell me a long story about a harbour."]));
    chat.has_printed(60);
    assert_eq!(desk.llama.busy(), 1);

    // What Ctrl-C does in a chat is `/stop`.
    let begin = Instant::now();
    signal(chat.child().id(), "-INT");
    within(SOON, "the slot is free", || desk.llama.busy() == 0);
    println!("the slot was free {:.0?} after the stop", begin.elapsed());
    let ran = chat.ended();
    let seen = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(130), "{}", String::from_utf8_lossy(&ran.stderr));
    // What was seen is kept, and told to the model.
    let kept = desk.kept("stop");
    let notes = kept.texts(|content| content["value"]["text"].as_str());
    let told = format!("{} [stopped here by the person]", seen.trim());
    assert!(notes.contains(&told.as_str()), "{notes:?}");

    desk.endless(None);
    let said = desk.say("stop", &lines(&["Thank you. What was the story about, in one word?"]));
    assert_eq!(said.code, Some(0), "{}", said.told);
    assert!(!said.answers.is_empty(), "{:?}", said.answers);
    let asked = desk.kept("stop").asked();
    let last = asked.last().unwrap();
    println!("then {} of {} tokens came from the cache", last.cached, last.read);
    // All but the new message, and what was said of the stop.
    assert!(last.read - last.cached <= MESSAGE, "{asked:?}");
}
