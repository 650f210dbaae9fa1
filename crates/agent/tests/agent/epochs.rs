//! What stands before a conversation when the model changes.

use yabby_agent::Rules;

use crate::{
    desk::Desk,
    script::{Say, Script},
};

#[tokio::test]
async fn a_prompt_that_fills_a_smaller_window_is_made_again_and_then_stays() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(["One.", "Two.", "Three.", "Four.", "Five."].map(Say::Text));
    script.has_window(131_072);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    desk.ask("a").await;
    // It still has room enough in this one, so that nothing is read anew.
    desk.model.has_window(65_536);
    desk.ask("b").await;
    desk.model.has_window(16_384);
    desk.ask("c").await;
    desk.ask("d").await;
    // What fits is not made longer again.
    desk.model.has_window(131_072);
    desk.ask("e").await;
    let asked = desk.model.asked();
    let systems: Vec<usize> = asked.iter().map(|asked| asked.system.as_ref().unwrap().len()).collect();
    let (large, small) = (15 + 65_536, 15);
    assert_eq!(systems, [large, large, small, small, small]);
    assert!(asked.iter().all(|request| request.tools == asked[0].tools));
    assert!(asked[4].messages.starts_with(&asked[0].messages));
}
