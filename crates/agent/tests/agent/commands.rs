//! Commands, as a person reads their answers.

use yabby_agent::Rules;
use yabby_core::Thinking;

use crate::{
    desk::Desk,
    script::{Say, Script},
};

#[tokio::test]
async fn each_command_answers() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Text("Hello."), Say::Text("Hello again.")]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let mut shown = String::new();
    for line in [
        "hello",
        "/status",
        "/context",
        "/usage",
        "/tools",
        "/models",
        "/model",
        "/model other",
        "/model nothing",
        "/model",
        "/model default",
        "/think high",
        "/think",
        "/think harder",
        "/reasoning on",
        "/private on",
        "/queue",
        "/queue collect",
        "/queue what",
        "/usage on",
        "/approve abc",
        "/help",
        "/new hello",
        "/new",
        "/status",
    ] {
        let sent = desk.ask(line).await;
        shown.extend([format!("> {line}\n"), sent.join("\n"), "\n".to_owned()]);
    }
    insta::assert_snapshot!(shown);
    assert_eq!(desk.model.asked()[1].messages.len(), 1);
}

#[tokio::test]
async fn how_hard_to_think_reaches_the_model_and_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(["One.", "Two.", "Three.", "Four."].map(Say::Text));
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    for line in ["a", "/think high", "b", "/think off", "c", "/think default", "d"] {
        desk.ask(line).await;
    }
    let levels: Vec<Option<Thinking>> = desk.model.asked().iter().map(|asked| asked.thinking).collect();
    assert_eq!(levels, [None, Some(Thinking::High), Some(Thinking::Off), None]);
    desk.model.assert_prefixes();
}
