//! What was said is found, and read as a whole.

use serde_json::{Map, Value, json};
use yabby_core::{Confidentiality, Integrity, Label, Message, Time};
use yabby_store::Content;
use yabby_tools::{At, Output, Tool, ToolErrorKind, Watcher};

use super::Recall;
use crate::{
    compact::{
        Ruler,
        tests::{
            scripted::{Scene, key},
            talk::{NOW, Talk, label},
        },
    },
    results::{ResultTool, keep},
};

fn at(scene: &Scene, conversation: &str) -> At {
    At {
        agent: "main".to_owned(),
        conversation: key(conversation),
        session: scene.session.clone(),
        turn: "now".to_owned(),
        call: "c".to_owned(),
        now: NOW,
        label: label(),
        room: 2000,
        watcher: Watcher::nobody(),
    }
}

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn foreign() -> Label {
    Label::new(Integrity::Untrusted, Confidentiality::Private, "web")
}

fn talk() -> Talk {
    let mut talk = Talk::begun(1);
    talk.asks("The staging server listens on port 8443.").id = "i-port".to_owned();
    talk.answers("Noted.");
    let item = talk.asks("The fallback server is called heron.");
    (item.id, item.label, item.at) = ("i-heron".to_owned(), foreign(), Time(NOW.0 + 3_600_000));
    talk.answers("Fine.");
    talk.asks("Which port does the server have?").turn = Some("now".to_owned());
    talk
}

#[tokio::test]
async fn what_was_said_is_found_with_its_label() {
    let scene = Scene::with(talk().items).await;
    let (recall, result) = (Recall::new(scene.store.clone()), ResultTool::new(scene.store.clone()));
    let here = at(&scene, "c");
    let find = async |query: &str, at: &At| recall.run(&arguments(&json!({"query": query})), at).await;
    let port = "2023-11-14 22:13 user (handle i-port): The staging server listens on port 8443.\n";
    let heron = "2023-11-14 23:13 user (handle i-heron): The fallback server is called heron.\n";
    let of = |text: &str, label: Label| Output {
        label: Some(label),
        ..Output::text(text)
    };
    assert_eq!(find("staging port", &here).await.unwrap(), of(port, label()));
    // No message has all of the words.
    let both = find("heron staging server", &here).await.unwrap();
    assert_eq!(both, of(&format!("{heron}{port}"), label().join(&foreign())).clone());
    assert_eq!(find("zebra", &here).await.unwrap_err().kind, ToolErrorKind::NotFound);
    assert_eq!(find("", &here).await.unwrap_err().kind, ToolErrorKind::NotFound);
    // Another session of the conversation sees nothing of it, by words or by handle: one of the two may be private.
    let there = At {
        session: "another".to_owned(),
        ..at(&scene, "c")
    };
    assert_eq!(find("staging", &there).await.unwrap_err().kind, ToolErrorKind::NotFound);
    let handle = arguments(&json!({"handle": "i-heron"}));
    assert_eq!(
        result.run(&handle, &there).await.unwrap_err().kind,
        ToolErrorKind::NotFound
    );
    let whole = "[characters 0 to 36 of 36]\nThe fallback server is called heron.";
    assert_eq!(result.run(&handle, &here).await.unwrap(), of(whole, foreign()));
}

#[tokio::test]
async fn a_long_result_is_read_on_by_its_handle() {
    let scene = Scene::with(Vec::new()).await;
    let text = (0..500)
        .map(|line| format!("line {line}\n"))
        .collect::<Vec<_>>()
        .concat();
    let (shown, files) = keep(&scene.store, &text, 400, Some("i-long")).await.unwrap();
    let mut talk = Talk::begun(1);
    talk.asks("read it");
    talk.reads("f", 1);
    let item = talk.items.last_mut().unwrap();
    (item.id, item.files) = ("i-long".to_owned(), files);
    if let Content::Message {
        message: Message::ToolResult { content, .. },
    } = &mut item.content
    {
        content.clone_from(&shown);
    }
    scene
        .store
        .append(&scene.lease, &scene.session, talk.items)
        .await
        .unwrap();
    let result = ResultTool::new(scene.store.clone());
    let here = at(&scene, "c");
    let ask = async |value: Value| result.run(&arguments(&value), &here).await.unwrap().text;
    assert!(
        shown.contains("are left out; result(handle=\"i-long\", from=294) shows them]"),
        "{shown}"
    );
    let next = ask(json!({"handle": "i-long", "from": 294})).await;
    assert!(
        next.starts_with("[characters 294 to 2167 of 4390]\nline 38\nline 39\n"),
        "{next}"
    );
    assert!(
        next.ends_with("\n[result(handle=\"i-long\", from=2167) shows more]"),
        "{next}"
    );
    let found = ask(json!({"handle": "i-long", "find": "LINE 333"})).await;
    assert!(
        found.starts_with("from=2807: …") && found.contains(" line 333 line 334 "),
        "{found}"
    );
    // A handle that was made up is answered with those that there are.
    let unknown = result
        .run(&arguments(&json!({"handle": "result_1"})), &here)
        .await
        .unwrap_err();
    assert_eq!(
        unknown.message,
        "there is no such handle. Those of the results that were cut or left out: \"i-long\" (read). Every other result \
         stands whole in this conversation; answer from there"
    );
    // Without the tool, nothing is kept for it.
    let (shown, files) = keep(&scene.store, &text, 400, None).await.unwrap();
    assert!(
        shown.contains("are left out and were not kept") && files.is_empty(),
        "{shown}"
    );
    // What is short is kept as it is.
    assert_eq!(
        keep(&scene.store, "short", 400, Some("i")).await.unwrap(),
        ("short".to_owned(), Vec::new())
    );
}

#[tokio::test]
async fn a_handle_is_of_no_use_where_nothing_was_cut() {
    let mut talk = Talk::default();
    talk.asks("read it");
    talk.reads("f", 3);
    let scene = Scene::with(talk.items).await;
    let result = ResultTool::new(scene.store.clone());
    let asked = arguments(&json!({"handle": "i2"}));
    assert_eq!(
        result.run(&asked, &at(&scene, "c")).await.unwrap().text.lines().count(),
        2
    );
    let asked = arguments(&json!({"handle": "c1"}));
    let unknown = result.run(&asked, &at(&scene, "c")).await.unwrap_err();
    assert_eq!(
        unknown.message,
        "there is no such handle, and none is needed: no result was cut or left out. Each stands whole in this \
         conversation; answer from there"
    );
}

#[test]
fn the_model_is_told_in_few_words() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let place = yabby_store::Place::Folder(folder.path().join("store"));
    let store = runtime
        .block_on(yabby_store::Store::open(&place, yabby_store::Access::Write))
        .unwrap();
    let tokens = [
        Recall::new(store.clone()).manifest().tool.clone(),
        ResultTool::new(store).manifest().tool.clone(),
    ]
    .map(|tool| Ruler::default().text(&serde_json::to_string(&tool).unwrap()));
    assert!(tokens.iter().all(|tokens| (40..=90).contains(tokens)), "{tokens:?}");
}
