//! Sub-tasks.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;
use yabby_agent::{Helpers, Rules};
use yabby_core::{Integrity, Message, Thinking};
use yabby_store::{Session, SessionFilter};
use yabby_tools::Choice;

use crate::{
    desk::{Desk, World, until},
    script::{Say, Script},
};

const MINUTE: Duration = Duration::from_mins(1);

fn spawn(task: &str) -> Say {
    Say::Calls(vec![("spawn", json!({"task": task}))])
}

#[tokio::test]
async fn a_sub_task_has_its_own_context_and_fewer_tools() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([
        spawn("count the files"),
        Say::Calls(vec![("look", json!({"x": 7})), ("exec", json!({"command": "ls"}))]),
        Say::Calls(vec![("fetch", json!({"url": "https://evil.example/"}))]),
        Say::Text("Seven files."),
        Say::Text("There are seven."),
    ]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    assert_eq!(desk.ask("how many files?").await, ["answer: There are seven."]);
    let asked = desk.model.asked();
    let names: Vec<&str> = asked[1].tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["fail", "fetch", "look", "note", "patient", "slow"]);
    let sub = format!("{:?}", asked[2].messages);
    assert!(
        sub.contains("count the files") && !sub.contains("how many files"),
        "{sub}"
    );
    assert!(sub.contains("there is no tool exec"), "{sub}");
    assert!(desk.world.ran.lock().unwrap().is_empty());
    // What was read of others asks nobody for more.
    let sub = format!("{:?}", asked[3].messages);
    assert!(sub.contains("a task that was handed on may not do this"), "{sub}");
    let last = format!("{:?}", asked[4].messages);
    assert!(last.contains("Seven files.") && !last.contains("seen 7"), "{last}");
    // What it has read of others stays with what it says.
    let items = desk.items().await;
    let label = &items.last().unwrap().item.label;
    assert_eq!(label.integrity, Integrity::Untrusted);
}

#[tokio::test]
async fn a_sub_task_has_what_the_config_says() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([spawn("think"), Say::Text("Thought."), Say::Text("Done.")]);
    let rules = Rules {
        helpers: Helpers {
            model: Some("test/other".to_owned()),
            thinking: Some(Thinking::Low),
            tools: Choice {
                deny: vec!["fetch".to_owned(), "slow".to_owned()],
                ..Choice::default()
            },
            ..Helpers::default()
        },
        ..Rules::default()
    };
    let mut desk = Desk::open(folder.path(), script, rules).await;
    assert_eq!(desk.ask("go").await, ["answer: Done."]);
    let asked = desk.model.asked();
    let names: Vec<&str> = asked[1].tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["fail", "look", "note", "patient"]);
    let thinking: Vec<Option<Thinking>> = asked.iter().map(|asked| asked.thinking).collect();
    assert_eq!(thinking, [None, Some(Thinking::Low), None]);
    let models: Vec<Option<String>> = desk.model.wishes().into_iter().map(|wish| wish.model).collect();
    assert_eq!(models, [None, Some("test/other".to_owned()), None]);
}

#[tokio::test]
async fn a_sub_task_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([
        spawn("note it"),
        Say::Calls(vec![("note", json!({}))]),
        Say::Calls(vec![("patient", json!({}))]),
    ]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    let first = desk.say("go").await;
    desk.world.began.notified().await;
    desk.kill().await;

    script.then([Say::Text("Noted."), Say::Text("All done.")]);
    let world = World::default();
    world.slow.notify_one();
    let desk = Desk::open_in(folder.path(), script, Rules::default(), world).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["answer: All done."]);
    // The note was not made again; what can be repeated was.
    assert_eq!(desk.world.noted.load(Ordering::SeqCst), 1);
    assert_eq!(desk.model.asked().len(), 5);
}

#[tokio::test]
async fn stop_ends_a_sub_task_too() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([spawn("wait"), Say::Hangs("I ")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let first = desk.say("go").await;
    until(async || desk.model.asked().len() == 2).await;
    let stop = desk.say("/stop").await;
    desk.ended(stop).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["notice: stopped"]);
    // Nobody works in its conversation any more.
    let below = sub_sessions(&desk).await.pop().unwrap();
    until(async || {
        let lease = desk.store.lease_conversation(below.conversation.as_str(), MINUTE).await;
        lease.unwrap().is_some()
    })
    .await;
}

#[tokio::test]
async fn a_report_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let two = Say::Calls(vec![
        ("spawn", json!({"task": "count the files"})),
        ("spawn", json!({"task": "count the folders"})),
    ]);
    let script = Script::new([two, Say::Text("Seven of them."), Say::Hangs("I ")]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    let first = desk.say("go").await;
    // One has ended, and its report waits for that of the other.
    until(async || {
        let mut said = Vec::new();
        for session in sub_sessions(&desk).await {
            said.extend(desk.store.context(&session.id).await.unwrap());
        }
        desk.model.asked().len() == 3 && format!("{said:?}").contains("Seven of them.")
    })
    .await;
    desk.kill().await;

    script.then([Say::Text("Two."), Say::Text("Seven and two.")]);
    let desk = Desk::open(folder.path(), script, Rules::default()).await;
    desk.ended(first).await;
    assert_eq!(desk.sent().await, ["answer: Seven and two."]);
    let results: Vec<String> = desk
        .model
        .last()
        .into_iter()
        .filter_map(|message| match message {
            Message::ToolResult { content, .. } => Some(content),
            _ => None,
        })
        .collect();
    assert_eq!(results.len(), 2);
    assert!(
        results.contains(&"Seven of them.".to_owned()) && results.contains(&"Two.".to_owned()),
        "{results:?}"
    );
}

/// The sessions of sub-tasks.
async fn sub_sessions(desk: &Desk) -> Vec<Session> {
    let mut sessions = desk.store.sessions(SessionFilter::default(), None, 9).await.unwrap();
    sessions.retain(|session| session.conversation.as_str().contains("subagent"));
    sessions
}
