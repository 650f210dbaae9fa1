//! Commands of somebody who is not the owner.

use yabby_agent::{QueueMode, Rules};
use yabby_core::Integrity;

use crate::{
    desk::{Desk, queue, until},
    script::{Say, Script},
};

const REFUSED: &str = "notice: only the owner can say that; /help and /status are for everybody";

#[tokio::test]
async fn commands_are_the_owners() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Text("Hello."), Say::Text("Hello again.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    desk.ask("hello").await;
    let before = desk.items().await;
    for line in [
        "/new",
        "/stop",
        "/model other",
        "/private off",
        "/queue interrupt",
        "/compact",
        "/usage",
        "/context",
        "/think what",
    ] {
        for who in [
            Integrity::Untrusted,
            Integrity::Contact("ann".to_owned()),
            Integrity::Config,
        ] {
            let id = desk.say_as(line, who).await;
            desk.ended(id).await;
            assert_eq!(desk.sent().await, [REFUSED], "{line}");
        }
    }
    for (line, begins) in [
        ("/help", "notice: /new starts afresh"),
        ("/status", "notice: test/model, as the config"),
    ] {
        let id = desk.say_as(line, Integrity::Untrusted).await;
        desk.ended(id).await;
        let told = desk.sent().await;
        assert!(told[0].starts_with(begins), "{told:?}");
    }
    assert_eq!(desk.items().await, before);
    assert_eq!(desk.ask("hello").await, ["answer: Hello again."]);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn nobody_else_ends_what_runs_for_the_owner() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Hangs("I "), Say::Text("Fine."), Say::Text("Me too.")]);
    let mut desk = Desk::open(folder.path(), script, queue(QueueMode::Interrupt)).await;
    let first = desk.say("tell me").await;
    until(async || desk.model.asked().len() == 1).await;
    for line in ["/stop", "/new"] {
        let id = desk.say_as(line, Integrity::Untrusted).await;
        desk.ended(id).await;
        assert_eq!(desk.sent().await, [REFUSED]);
    }
    let other = desk.say_as("and me?", Integrity::Untrusted).await;
    desk.sent_so_many(1).await;
    assert_eq!(
        desk.sent().await,
        ["notice: queued: I come to it when this is done; /stop stops this"]
    );
    // The owner does.
    let second = desk.say("never mind").await;
    for id in [first, other, second] {
        desk.ended(id).await;
    }
    assert_eq!(
        desk.sent().await,
        ["notice: I leave what I was doing", "answer: Fine.", "answer: Me too."]
    );
}
