//! Conversations that are made smaller, and what happens meanwhile.

use yabby_agent::{Note, Rules, compact::Settings};
use yabby_core::Message;
use yabby_store::Content;

use crate::{
    approvals::{exec, id_of},
    desk::{Desk, until},
    script::{Say, Script},
};

const LONG: &str = "Once there was a lighthouse keeper who counted ships, one after the other, and wrote each of them down \
                    in a book with a blue cover, together with its flag, its load and the weather of that day. ";

/// A conversation of some length.
async fn talked(desk: &mut Desk, times: usize) {
    for _ in 0..times {
        desk.model.then([Say::Text(LONG)]);
        desk.ask(&LONG.repeat(3)).await;
    }
}

fn rules() -> Rules {
    Rules {
        compaction: Settings {
            keep: 300,
            ..Settings::default()
        },
        ..Rules::default()
    }
}

fn ids(items: &[yabby_store::Item]) -> Vec<&str> {
    items.iter().map(|item| item.item.id.as_str()).collect()
}

#[tokio::test]
async fn a_turn_that_waits_outlives_a_summary_of_its_call() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("make")]).with_window(4_096);
    let mut desk = Desk::open(folder.path(), script, rules()).await;
    let id = id_of(&desk.ask("make it").await);
    talked(&mut desk, 6).await;
    desk.model.then([Say::Text("They spoke of a lighthouse keeper.")]);
    let told = desk.ask("/compact").await;
    assert!(
        told[0].starts_with("notice: the conversation is shorter now"),
        "{told:?}"
    );
    let session = desk
        .store
        .conversation(&crate::desk::key())
        .await
        .unwrap()
        .unwrap()
        .session
        .unwrap();
    let shown = format!("{:?}", desk.store.context(&session).await.unwrap());
    assert!(!shown.contains("ToolCall"), "the call is in the summary: {shown}");

    desk.model.then([exec("test"), Say::Text("Made and tested.")]);
    let asked = desk.ask(&format!("/approve {id}")).await;
    assert!(asked[0].contains("May I run this command?\ntest"), "{asked:?}");
    assert_eq!(desk.ask("/approve").await, ["answer: Made and tested."]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["make", "test"]);
    let news = format!("{:?}", desk.model.last());
    assert!(news.contains("ran make") && news.contains("ran test"), "{news}");
    // Each answer has its place, and nothing has taken that of another.
    let items = desk.items().await;
    let calls: Vec<&str> = items
        .iter()
        .filter_map(|item| match &item.item.content {
            Content::Message {
                message: Message::Assistant { tool_calls, .. },
            } => tool_calls.first()?.arguments.get("command")?.as_str(),
            _ => None,
        })
        .collect();
    assert_eq!(calls, ["make", "test"]);
    assert_eq!(desk.ask("/approve").await, ["notice: there is no question to answer"]);
}

#[tokio::test]
async fn stop_leaves_the_conversation_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([]).with_window(4_096);
    let mut desk = Desk::open(folder.path(), script, rules()).await;
    talked(&mut desk, 6).await;
    let before = desk.items().await;
    desk.model.then([Say::Hangs("They ")]);
    let compact = desk.say("/compact").await;
    until(async || desk.model.asked().len() == 7).await;
    // What sets something is obeyed at once, and a message waits: there is no turn that it could go into.
    assert!(desk.ask("/status").await[0].starts_with("notice: test/model"));
    let message = desk.say("and now?").await;
    desk.sent_so_many(1).await;
    assert_eq!(
        desk.sent().await,
        ["notice: queued: I come to it when this is done; /stop stops this"]
    );
    desk.model.then([Say::Text("Now this.")]);
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(compact).await;
    desk.ended(message).await;
    assert_eq!(desk.sent().await, ["notice: stopped", "answer: Now this."]);
    let after = desk.items().await;
    assert_eq!(ids(&after)[..before.len()], ids(&before));
    assert_eq!(after.len(), before.len() + 3);
}

#[tokio::test]
async fn stop_is_heard_while_a_turn_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([]);
    let mut desk = Desk::open(folder.path(), script.clone(), rules()).await;
    talked(&mut desk, 6).await;
    desk.kill().await;
    // The next model has a smaller window.
    let mut desk = Desk::open(folder.path(), script.with_window(2_048), rules()).await;
    desk.model.then([Say::Hangs("They ")]);
    let first = desk.say("go on").await;
    until(async || desk.model.asked().len() == 7).await;
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["notice: stopped"]);
    let items = desk.items().await;
    let last: Vec<Option<Note>> = items
        .iter()
        .rev()
        .take(2)
        .map(|item| Note::of(&item.item.content))
        .collect();
    assert!(
        matches!(
            last.as_slice(),
            [Some(Note::Told { .. }), Some(Note::Unanswered { .. })]
        ),
        "{last:?}"
    );
}
