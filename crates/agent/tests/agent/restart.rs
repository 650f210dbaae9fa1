//! A process that dies in the middle of a turn.

use std::sync::atomic::Ordering;

use serde_json::json;
use yabby_agent::Rules;

use crate::{
    desk::{Desk, World},
    script::{Say, Script},
};

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Calls(vec![("look", json!({"x": 1})), ("slow", json!({}))])]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    let first = desk.say("perform").await;
    desk.world.began.notified().await;
    desk.kill().await;

    script.then([Say::Text("I do not know whether it was done.")]);
    let desk = Desk::open_in(folder.path(), script, Rules::default(), World::default()).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["answer: I do not know whether it was done."]);
    assert_eq!(desk.world.noted.load(Ordering::SeqCst), 0);
    let messages = format!("{:?}", desk.model.last());
    assert!(messages.contains("seen 1"), "{messages}");
    assert!(
        messages.contains("[interrupted: nobody knows whether this was done."),
        "{messages}"
    );
    assert_eq!(messages.matches("perform").count(), 1, "{messages}");
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn what_can_be_repeated_is() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Calls(vec![("patient", json!({}))])]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    let first = desk.say("perform").await;
    desk.world.began.notified().await;
    desk.kill().await;

    script.then([Say::Text("Done.")]);
    let world = World::default();
    world.slow.notify_one();
    let desk = Desk::open_in(folder.path(), script, Rules::default(), world).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["answer: Done."]);
    assert_eq!(desk.world.noted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_that_broke_off_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Calls(vec![("note", json!({}))]), Say::Hangs("I ")]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    let first = desk.say("perform").await;
    crate::desk::until(async || desk.model.asked().len() == 2).await;
    desk.kill().await;

    script.then([Say::Text("Done.")]);
    let desk = Desk::open(folder.path(), script, Rules::default()).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["answer: Done."]);
    let asked = desk.model.asked();
    assert_eq!(asked[1], asked[2]);
    assert_eq!(desk.world.noted.load(Ordering::SeqCst), 0);
}
