//! One turn after the other.

use serde_json::json;
use yabby_agent::{Limits, Rules};
use yabby_core::{ErrorKind, Integrity, Message};
use yabby_store::Content;

use crate::{
    desk::Desk,
    script::{Say, Script},
};

async fn desk(folder: &tempfile::TempDir, says: Vec<Say>) -> Desk {
    Desk::open(folder.path(), Script::new(says), Rules::default()).await
}

fn said(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| match message {
            Message::User { text, .. } => format!("user: {text}"),
            Message::Assistant { text, tool_calls, .. } => {
                let names: Vec<&str> = tool_calls.iter().map(|call| call.name.as_str()).collect();
                format!("model: {text}{}", names.join(","))
            }
            Message::ToolResult { name, content, .. } => format!("{name}: {content}"),
        })
        .collect()
}

#[tokio::test]
async fn tools_run_until_there_is_an_answer_and_the_prefix_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(
        &folder,
        vec![
            Say::Calls(vec![
                ("look", json!({"x": 1})),
                ("look", json!({"x": 2})),
                ("note", json!({})),
            ]),
            Say::Calls(vec![("fail", json!({})), ("missing", json!({}))]),
            Say::Malformed("look"),
            Say::Thinks("secret plan", "All is well."),
            Say::Text("Good night."),
        ],
    )
    .await;
    assert_eq!(desk.ask("how is it?").await, ["answer: All is well."]);
    assert_eq!(desk.ask("bye").await, ["answer: Good night."]);
    assert_eq!(
        said(&desk.model.last()),
        [
            "user: [now]\n\nhow is it?",
            "model: look,look,note",
            "look: seen 1",
            "look: seen 2",
            "note: noted 1",
            "model: fail,missing",
            "fail: [error: there is no such thing]",
            "missing: [not run: there is no tool missing]",
            "model: look",
            "look: [not run: the arguments are no JSON]",
            "model: All is well.",
            "user: [now]\n\nbye",
        ]
    );
    desk.model.assert_prefixes();
    // What was seen of others stays a part of what the model makes of it.
    let items = desk.items().await;
    let integrity = |word: &str| {
        let said = items.iter().find(|item| match &item.item.content {
            Content::Message { message } => format!("{message:?}").contains(word),
            _ => false,
        });
        said.unwrap().item.label.integrity.clone()
    };
    assert_eq!(integrity("how is it"), Integrity::Owner);
    assert_eq!(integrity("seen 1"), Integrity::Untrusted);
    assert_eq!(integrity("All is well"), Integrity::Untrusted);
}

#[tokio::test]
async fn what_was_said_and_not_done_is_asked_about_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(
        &folder,
        vec![
            Say::Text("I've saved it to notes.md."),
            Say::Calls(vec![("note", json!({}))]),
            Say::Text("I've saved it now."),
            Say::Text("I have sent it."),
            Say::Text("I have sent it, really."),
        ],
    )
    .await;
    assert_eq!(desk.ask("save it").await, ["answer: I've saved it now."]);
    assert_eq!(desk.ask("send it").await, ["answer: I have sent it, really."]);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn no_answer_is_an_honest_error_and_the_conversation_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(
        &folder,
        vec![Say::Fails(ErrorKind::Refused), Say::Text(" "), Say::Text("Here I am.")],
    )
    .await;
    assert_eq!(
        desk.ask("hello?").await,
        ["notice: I could not answer: test/model: it is away"]
    );
    assert_eq!(
        desk.ask("hello??").await,
        ["notice: the model has answered with nothing; ask once more, or use another model with /model"]
    );
    assert_eq!(desk.ask("hello???").await, ["answer: Here I am."]);
    assert_eq!(
        said(&desk.model.last()),
        [
            "user: [now]\n\nhello??",
            "model: [no answer]",
            "user: [now]\n\nhello???",
        ]
    );
}

#[tokio::test]
async fn a_circle_is_refused_and_then_ended() {
    let folder = tempfile::tempdir().unwrap();
    let same = || Say::Calls(vec![("look", json!({"x": 1}))]);
    let mut desk = desk(&folder, (0..8).map(|_| same()).collect()).await;
    assert_eq!(
        desk.ask("go").await,
        [
            "notice: I stopped: the model made the same call again and again; say it in other words, or use another model with /model"
        ]
    );
    // Twice it ran, twice it was refused, and then it had no tools and called one all the same.
    let asked = desk.model.asked();
    assert_eq!(asked.len(), 5);
    assert_eq!(format!("{:?}", asked[4].tool_choice), "None");
    let last = said(&desk.model.last());
    assert_eq!(last.iter().filter(|line| *line == "look: seen 1").count(), 2);
    assert_eq!(last.iter().filter(|line| line.starts_with("look: [not run")).count(), 2);
}

#[tokio::test]
async fn out_of_a_circle_there_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let same = || Say::Calls(vec![("look", json!({"x": 1}))]);
    let says = vec![same(), same(), same(), same(), Say::Text("It is 1.")];
    let mut desk = desk(&folder, says).await;
    assert_eq!(desk.ask("go").await, ["answer: It is 1."]);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn at_the_limit_the_model_answers_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let rules = Rules {
        limits: Limits {
            steps: 2,
            ..Limits::default()
        },
        ..Rules::default()
    };
    let look = |n: u32| Say::Calls(vec![("look", json!({"x": n}))]);
    let script = Script::new([
        look(1),
        look(2),
        Say::Text("Two things."),
        look(1),
        look(2),
        Say::Calls(vec![("note", json!({}))]),
    ]);
    let mut desk = Desk::open(folder.path(), script, rules).await;
    assert_eq!(desk.ask("look around").await, ["answer: Two things."]);
    let asked = desk.model.asked();
    let choices: Vec<_> = asked.iter().map(|request| request.tool_choice.clone()).collect();
    assert_eq!(format!("{choices:?}"), "[Auto, Auto, None]");
    assert!(asked.iter().all(|request| request.tools == asked[0].tools));
    let ran = |desk: &Desk| desk.world.noted.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        desk.ask("again").await,
        ["notice: I stopped after 2 steps without coming to an end; say “go on” to have me continue"]
    );
    // What it called when it was to answer was not run.
    assert_eq!(ran(&desk), 0);
}

#[tokio::test]
async fn what_tools_have_done_is_told_where_no_model_answers() {
    let folder = tempfile::tempdir().unwrap();
    let work = || {
        Say::Calls(vec![
            ("note", json!({})),
            ("note", json!({"x": 1})),
            ("fail", json!({})),
            ("look", json!({})),
        ])
    };
    let says = vec![work(), Say::Fails(ErrorKind::Refused), work(), Say::Text(" ")];
    let mut desk = desk(&folder, says).await;
    let done = "these tools had done their work before: note (2), look";
    assert_eq!(
        desk.ask("note it").await,
        [format!("notice: I could not answer: test/model: it is away\n{done}")]
    );
    assert_eq!(
        desk.ask("note it").await,
        [format!(
            "notice: the model has answered with nothing; ask once more, or use another model with /model\n{done}"
        )]
    );
}

#[tokio::test]
async fn a_broken_call_that_comes_again_is_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let broken = || Say::Malformed("look");
    let mut desk = desk(
        &folder,
        vec![
            broken(),
            broken(),
            Say::Text("I do not know."),
            broken(),
            broken(),
            broken(),
        ],
    )
    .await;
    assert_eq!(desk.ask("look").await, ["answer: I do not know."]);
    let choices: Vec<String> = desk
        .model
        .asked()
        .iter()
        .map(|asked| format!("{:?}", asked.tool_choice))
        .collect();
    assert_eq!(choices, ["Auto", "Auto", "None"]);
    assert_eq!(
        desk.ask("look again").await,
        [
            "notice: I stopped: the model made the same call again and again; say it in other words, or use another model with /model"
        ]
    );
}
