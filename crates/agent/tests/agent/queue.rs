//! Messages that come in while a turn runs.

use serde_json::json;
use yabby_agent::{QueueMode, Rules};

use crate::{
    desk::{Desk, queue},
    script::{Say, Script},
};

fn slow() -> Say {
    Say::Calls(vec![("slow", json!({}))])
}

#[tokio::test]
async fn steering_goes_into_the_running_turn() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("Both done.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Steer)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let second = desk.say("and that too").await;
    desk.sent_so_many(1).await;
    desk.world.slow.notify_one();
    desk.ended(first).await;
    desk.ended(second).await;
    assert_eq!(
        desk.sent().await,
        ["notice: noted: it goes into what I am doing", "answer: Both done."]
    );
    let messages = format!("{:?}", desk.model.last());
    let (result, steered) = (
        messages.find("slowly done").unwrap(),
        messages.find("and that too").unwrap(),
    );
    assert!(result < steered, "{messages}");
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn a_followup_is_answered_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("One."), Say::Text("Two.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Followup)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let second = desk.say("and that").await;
    desk.sent_so_many(1).await;
    desk.world.slow.notify_one();
    desk.ended(first).await;
    desk.ended(second).await;
    assert_eq!(
        desk.sent().await,
        [
            "notice: queued: I come to it when this is done; /stop stops this",
            "answer: One.",
            "answer: Two."
        ]
    );
}

#[tokio::test]
async fn messages_are_collected_into_one_turn() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("One."), Say::Text("The rest.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Collect)).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    let (second, third) = (desk.say("and that").await, desk.say("and more").await);
    desk.sent_so_many(2).await;
    desk.world.slow.notify_one();
    for id in [first, second, third] {
        desk.ended(id).await;
    }
    let answers: Vec<String> = desk
        .sent()
        .await
        .into_iter()
        .filter(|said| said.starts_with("answer"))
        .collect();
    assert_eq!(answers, ["answer: One.", "answer: The rest."]);
    assert_eq!(desk.model.asked().len(), 3);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn stop_ends_an_answer_and_a_tool_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Hangs("I begin to"), slow(), Say::Text("What?")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Followup)).await;
    let first = desk.say("tell me").await;
    crate::desk::until(async || !desk.model.asked().is_empty()).await;
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["notice: stopped"]);
    let second = desk.say("do it").await;
    desk.world.began.notified().await;
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(second).await;
    assert_eq!(desk.sent().await, ["notice: stopped"]);
    assert_eq!(desk.ask("/stop").await, ["notice: nothing is running"]);
    assert_eq!(desk.ask("hm").await, ["answer: What?"]);
    let messages = format!("{:?}", desk.model.last());
    assert!(
        messages.contains("I begin to [stopped here by the person]"),
        "{messages}"
    );
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn an_interrupt_leaves_the_old_work() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Hangs(""), Say::Text("The other thing.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Interrupt)).await;
    let first = desk.say("tell me").await;
    crate::desk::until(async || !desk.model.asked().is_empty()).await;
    let second = desk.say("no, the other thing").await;
    desk.ended(first).await;
    desk.ended(second).await;
    assert_eq!(
        desk.sent().await,
        ["notice: I leave what I was doing", "answer: The other thing."]
    );
}

#[tokio::test]
async fn a_command_is_obeyed_while_a_turn_runs() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([slow(), Say::Text("Done.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let first = desk.say("do it").await;
    desk.world.began.notified().await;
    assert_eq!(
        desk.ask("/queue followup").await,
        ["notice: while I work, your messages wait, and are answered one by one (queue: followup)"]
    );
    desk.world.slow.notify_one();
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["answer: Done."]);
}
