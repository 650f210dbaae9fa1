//! Stopping, whatever runs.

use std::time::{Duration, SystemTime};

use serde_json::json;
use yabby_agent::{QueueMode, Reminder, Rules};
use yabby_core::{Confidentiality, Integrity, Label, ResetPolicy, Secret, SessionKey, Time};
use yabby_store::{InboundState, NewInbound, NewTimer, Place};
use yabby_testkit::Postgres;

use crate::{
    desk::{Desk, World, key, origin, queue, until},
    script::{Say, Script},
};

fn slow() -> Say {
    Say::Calls(vec![("slow", json!({}))])
}

/// A look into the inbox takes longer in PostgreSQL than the next word of an answer.
#[tokio::test]
async fn stop_is_heard_however_fast_an_answer_comes() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Floods("on and ")]);
    let server = Postgres::shared();
    let place = Place::Postgres {
        url: Secret::new(server.socket_url(&server.new_database())),
        folder: folder.path().to_owned(),
    };
    let mut desk = Desk::open_at(
        &place,
        script,
        (Rules::default(), ResetPolicy::default()),
        World::default(),
    )
    .await;
    let first = desk.say("tell me").await;
    until(async || desk.model.asked().len() == 1).await;
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["notice: stopped"]);
}

/// What has gone into a turn is not begun again when the turn is stopped.
#[tokio::test]
async fn stop_ends_what_was_let_in_too() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("What now?")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Steer)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let second = desk.say("and that too").await;
    desk.sent_so_many(1).await;
    let stop = desk.say("/stop").await;
    for id in [first, second, stop] {
        desk.ended(id).await;
    }
    assert_eq!(
        desk.sent().await,
        ["notice: noted: it goes into what I am doing", "notice: stopped"]
    );
    assert_eq!(desk.model.asked().len(), 1);
    // It was said all the same, and came to nothing.
    let items = format!("{:?}", desk.items().await);
    assert!(items.contains("and that too"), "{items}");
    assert_eq!(desk.ask("hm").await, ["answer: What now?"]);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn stop_ends_one_conversation_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Hangs("I "), slow(), Say::Text("Done there.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let first = desk.say("tell me").await;
    until(async || desk.model.asked().len() == 1).await;
    let new = NewInbound {
        conversation: SessionKey::within("main", "another").unwrap(),
        ..desk.message("do it")
    };
    let there = desk.accept(new).await;
    desk.world.began.notified().await;
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["notice: stopped"]);
    desk.world.slow.notify_one();
    desk.ended(there).await;
    assert_eq!(desk.sent().await, ["answer: Done there."]);
}

#[tokio::test]
async fn an_interrupt_leaves_a_tool_and_never_runs_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("The other thing.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Interrupt)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let second = desk.say("no, the other thing").await;
    desk.ended(first).await;
    desk.ended(second).await;
    assert_eq!(
        desk.sent().await,
        ["notice: I leave what I was doing", "answer: The other thing."]
    );
    assert_eq!(desk.world.noted.load(std::sync::atomic::Ordering::SeqCst), 1);
    let messages = format!("{:?}", desk.model.last());
    assert!(messages.contains("[interrupted: there is no result]"), "{messages}");
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn a_new_conversation_comes_after_what_runs_or_ends_it() {
    for (mode, told) in [
        (
            QueueMode::Steer,
            "notice: queued: I come to it when this is done; /stop stops this",
        ),
        (QueueMode::Interrupt, "notice: I leave what I was doing"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new([slow(), Say::Text("One."), Say::Text("Afresh.")]);
        let mut desk = Desk::open(folder.path(), script.clone(), queue(mode)).await;
        let first = desk.say("do it").await;
        desk.world.began.notified().await;
        let new = desk.say("/new").await;
        let hello = desk.say("hello").await;
        desk.sent_so_many(1).await;
        desk.world.slow.notify_one();
        for id in [first, new, hello] {
            desk.ended(id).await;
        }
        let sent = desk.sent().await;
        assert_eq!(sent[0], told);
        assert!(sent.contains(&"notice: a new conversation".to_owned()), "{sent:?}");
        // What was said behind it belongs to the new one.
        let last = format!("{:?}", desk.model.last());
        assert!(last.contains("hello") && !last.contains("do it"), "{last}");
    }
}

/// A reminder that is due waits for the end of the turn. Nobody has to be told that, as nobody has said anything.
#[tokio::test]
async fn a_reminder_does_not_disturb() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("Done."), Say::Text("Call Ann.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Interrupt)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let reminder = Reminder {
        text: "call Ann".to_owned(),
        origin: origin(),
        cron: None,
    };
    let timer = NewTimer {
        id: "one".to_owned(),
        conversation: key(),
        begins_at: Time::from(SystemTime::now()) - Duration::from_secs(1),
        every: None,
        body: reminder.to_value(),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
    };
    desk.store.set_timer(timer).await.unwrap();
    assert_eq!(desk.store.fire_due().await.unwrap().fired, 1);
    // It is heard behind it, so that the reminder was heard.
    assert_eq!(desk.ask("/queue").await.len(), 1);
    desk.world.slow.notify_one();
    desk.ended(first).await;
    desk.sent_so_many(2).await;
    assert_eq!(desk.sent().await, ["answer: Done.", "answer: Call Ann."]);
    let (_, state) = desk.store.inbound(first).await.unwrap().unwrap();
    assert_eq!(state, InboundState::Done);
}
