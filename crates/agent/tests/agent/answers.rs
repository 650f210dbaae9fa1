//! Turns that go on with an answer of the owner, whatever happens in between.

use std::time::{Duration, SystemTime};

use yabby_agent::Rules;
use yabby_core::{ResetPolicy, Time, text};
use yabby_store::{Access, Answer, ApprovalState, NewApproval, Place, Store};

use crate::{
    approvals::{exec, id_of},
    desk::{Desk, World, key, until},
    script::{Say, Script},
};

/// After this a session begins anew.
const IDLE: ResetPolicy = ResetPolicy {
    daily_at: None,
    idle_minutes: Some(30),
};

fn asked(desk: &Desk, times: usize) -> impl AsyncFnMut() -> bool {
    let model = desk.model.clone();
    async move || model.asked().len() == times
}

#[tokio::test]
async fn a_process_that_dies_over_an_answer_goes_on_with_the_turn() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("make"), Say::Hangs("It ")]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    desk.ask("make it").await;
    let approve = desk.say("/approve").await;
    until(asked(&desk, 2)).await;
    let world = desk.world.clone();
    desk.kill().await;
    // Something else was asked by then. The owner has not seen it.
    let place = Place::Folder(folder.path().to_owned());
    let store = Store::open(&place, Access::Write).await.unwrap();
    let new = NewApproval {
        id: "another".to_owned(),
        conversation: key(),
        turn: None,
        effect: None,
        question: text!("noted"),
        expires_at: None,
    };
    store.ask_approval(new).await.unwrap();
    drop(store);

    script.then([Say::Text("It is made.")]);
    let desk = Desk::open_in(folder.path(), script, Rules::default(), world).await;
    desk.ended(approve).await;
    assert_eq!(desk.sent().await, ["answer: It is made."]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["make"]);
    let other = desk.store.approval("another").await.unwrap().unwrap();
    assert_eq!(other.state, ApprovalState::Open);
}

#[tokio::test]
async fn a_yes_to_all_lets_every_turn_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("one"), exec("two"), Say::Hangs("")]);
    let mut desk = Desk::open(folder.path(), script.clone(), Rules::default()).await;
    desk.ask("do one").await;
    desk.ask("do two").await;
    let approve = desk.say("/approve all").await;
    until(asked(&desk, 3)).await;
    let world = desk.world.clone();
    desk.kill().await;

    script.then([Say::Text("One is done."), Say::Text("Two is done.")]);
    let mut desk = Desk::open_in(folder.path(), script, Rules::default(), world).await;
    desk.ended(approve).await;
    desk.sent_so_many(2).await;
    assert_eq!(desk.sent().await, ["answer: One is done.", "answer: Two is done."]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["one", "two"]);
    assert_eq!(desk.ask("/approve").await, ["notice: there is no question to answer"]);
}

#[tokio::test]
async fn what_was_answered_elsewhere_goes_on_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("make"), Say::Text("It is made.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let id = id_of(&desk.ask("make it").await);
    let yes = Answer {
        granted: true,
        by: "somewhere".to_owned(),
        words: None,
    };
    desk.store.answer_approval(&id, yes).await.unwrap();
    assert_eq!(desk.ask("/approve").await, ["notice: there is no question to answer"]);
    assert_eq!(desk.ask(&format!("/approve {id}")).await, ["answer: It is made."]);
    assert_eq!(
        desk.ask(&format!("/approve {id}")).await,
        ["notice: that question was answered before"]
    );
    assert_eq!(*desk.world.ran.lock().unwrap(), ["make"]);
}

#[tokio::test]
async fn a_turn_waits_longer_than_its_session_would_last() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([
        exec("make"),
        Say::Text("It is made."),
        exec("more"),
        Say::Text("Good morning."),
    ]);
    let rules = (Rules::default(), IDLE);
    let place = Place::Folder(folder.path().to_owned());
    let mut desk = Desk::open_at(&place, script, rules, World::default()).await;
    let late = async |desk: &mut Desk, hours: u64, text: &str| {
        let mut new = desk.message(text);
        new.received_at = Time::from(SystemTime::now()) + Duration::from_hours(hours);
        let id = desk.accept(new).await;
        desk.ended(id).await;
        desk.sent().await
    };
    late(&mut desk, 0, "make it").await;
    assert_eq!(late(&mut desk, 9, "/approve").await, ["answer: It is made."]);
    // What is said after it begins a new session, and nothing of the old one waits any more.
    late(&mut desk, 9, "make more").await;
    assert_eq!(late(&mut desk, 19, "good morning").await, ["answer: Good morning."]);
    assert_eq!(desk.ask("/approve").await, ["notice: there is no question to answer"]);
    assert_eq!(*desk.world.ran.lock().unwrap(), ["make"]);
}

#[tokio::test]
async fn a_new_conversation_has_no_old_questions() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([exec("make")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let id = id_of(&desk.ask("make it").await);
    assert_eq!(
        desk.ask("/stop").await,
        ["notice: nothing is running; 1 questions wait for you, and /deny all says no to them"]
    );
    assert_eq!(desk.ask("/new").await, ["notice: a new conversation"]);
    assert_eq!(desk.ask("/stop").await, ["notice: nothing is running"]);
    assert_eq!(desk.ask("/approve").await, ["notice: there is no question to answer"]);
    let settled = desk.store.approval(&id).await.unwrap().unwrap();
    assert_eq!(settled.state, ApprovalState::Denied);
    assert!(desk.world.ran.lock().unwrap().is_empty());
}

/// The owner's yes to a delivery sends it; no turn goes on with it.
#[tokio::test]
async fn a_yes_to_a_delivery_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), Script::new([Say::Text("Hello.")]), Rules::default()).await;
    desk.ask("hello").await;
    let new = NewApproval {
        id: "sending".to_owned(),
        conversation: key(),
        turn: Some("earlier".to_owned()),
        effect: Some("something else".to_owned()),
        question: text!("noted"),
        expires_at: None,
    };
    desk.store.ask_approval(new).await.unwrap();
    assert_eq!(desk.ask("/approve").await, ["notice: noted"]);
}
