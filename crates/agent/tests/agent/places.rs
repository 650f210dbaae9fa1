//! One conversation of the owner, in several places.

use std::time::{Duration, SystemTime};

use serde_json::json;
use yabby_agent::{QueueMode, Reminder, Rules};
use yabby_core::{Confidentiality, Integrity, Label, Origin, Time};
use yabby_store::NewTimer;

use crate::{
    desk::{Desk, at, key, origin, queue, until},
    script::{Say, Script},
};

async fn known(desk: &Desk) -> Option<Origin> {
    desk.store.conversation(&key()).await.unwrap().unwrap().origin
}

#[tokio::test]
async fn a_conversation_is_heard_of_where_its_owner_was_last() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(["One.", "Two.", "Three."].map(Say::Text));
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    assert_eq!(desk.ask("a").await, ["answer: One."]);
    assert_eq!(known(&desk).await, Some(origin()));
    let there = desk.say_at("phone", "b").await;
    desk.ended(there).await;
    assert_eq!(known(&desk).await, Some(at("phone")));
    // What somebody else says leads nothing away.
    let mut other = desk.message("c");
    other.origin = at("elsewhere");
    other.label = Label::new(Integrity::Untrusted, Confidentiality::Private, "test");
    let other = desk.accept(other).await;
    desk.ended(other).await;
    assert_eq!(known(&desk).await, Some(at("phone")));
    assert_eq!(
        desk.sent().await,
        ["answer to phone: Two.", "answer to elsewhere: Three."]
    );
}

#[tokio::test]
async fn a_reminder_finds_the_place_that_is_there_now() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(["One.", "Call Ann.", "Call Bob."].map(Say::Text));
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let first = desk.say_at("new", "a").await;
    desk.ended(first).await;
    desk.sent().await;
    let mut elsewhere = at("old");
    elsewhere.peer.id = "a group".to_owned();
    for (id, set) in [("ann", at("old")), ("bob", elsewhere)] {
        let reminder = Reminder {
            text: "call".to_owned(),
            origin: set,
            cron: None,
        };
        let timer = NewTimer {
            id: id.to_owned(),
            conversation: key(),
            begins_at: Time::from(SystemTime::now()) - Duration::from_secs(1),
            every: None,
            body: reminder.to_value(),
            label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
        };
        desk.store.set_timer(timer).await.unwrap();
        assert_eq!(desk.store.fire_due().await.unwrap().fired, 1);
        desk.sent_so_many(1).await;
        let expected = if id == "ann" {
            "answer to new: Call Ann."
        } else {
            "answer to old: Call Bob."
        };
        assert_eq!(desk.sent().await, [expected]);
    }
    assert_eq!(known(&desk).await, Some(at("new")));
}

#[tokio::test]
async fn what_comes_from_another_place_is_answered_there() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Say::Calls(vec![("slow", json!({}))]);
    let script = Script::new([slow, Say::Text("One."), Say::Text("Two.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Steer)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let usage = desk.say_at("phone", "/queue").await;
    desk.ended(usage).await;
    let second = desk.say_at("phone", "and that").await;
    desk.sent_so_many(2).await;
    assert_eq!(
        desk.sent().await,
        [
            "notice to phone: while I work, your messages go into what I am doing (queue: steer)",
            "notice to phone: queued: I come to it when this is done; /stop stops this",
        ]
    );
    desk.world.slow.notify_one();
    desk.ended(first).await;
    desk.ended(second).await;
    assert_eq!(desk.sent().await, ["answer: One.", "answer to phone: Two."]);
}

#[tokio::test]
async fn a_stop_from_another_place_is_told_in_both() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Hangs("I ")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let first = desk.say("tell me").await;
    until(async || desk.model.asked().len() == 1).await;
    let stop = desk.say_at("phone", "/stop").await;
    desk.ended(stop).await;
    desk.ended(first).await;
    let mut told = desk.sent().await;
    told.sort();
    assert_eq!(told, ["notice to phone: stopped", "notice: stopped"]);
}
