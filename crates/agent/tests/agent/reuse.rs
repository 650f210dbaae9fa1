//! What is told when a server reads again what it has read before.

use yabby_agent::{Live, Rules, Watcher};
use yabby_core::Lang;

use crate::{
    desk::{Desk, key},
    script::{Say, Script},
};

/// What was told while the turns ran.
fn told(live: &mut Watcher<Live>) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(live) = live.try_recv() {
        if let Live::Notice(notice) = live {
            told.push(notice.render(Lang::En));
        }
    }
    told
}

#[tokio::test]
async fn a_drop_of_the_reuse_is_told_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(["One.", "Two.", "Three.", "Four.", "Five."].map(Say::Text));
    script.reads([(3_000, 0), (3_100, 2_990), (3_200, 12), (3_300, 3_200), (3_400, 900)]);
    let mut desk = Desk::open(folder.path(), script, Rules::default()).await;
    let mut live = desk.assistant.hub().watch(&key());
    let mut shown = String::new();
    for line in ["a", "b", "c", "/status", "d", "/status", "/think high", "e", "/status"] {
        let sent = desk.ask(line).await;
        let notices = told(&mut live).into_iter().map(|told| format!("({told})\n"));
        shown.extend([format!("> {line}\n")].into_iter().chain(notices));
        shown.extend([sent.join("\n"), "\n".to_owned()]);
    }
    insta::assert_snapshot!(shown);
    desk.model.assert_prefixes();
}
