//! The index is what the files are, whatever becomes of them.

use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::desk::{Desk, settings, zone};
use crate::{Memory, testing::at};

/// Something that happens to a file.
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, String),
    Append(usize, String),
    Remove(usize),
    Rename(usize, usize),
    /// The index is asked in between.
    Search,
}

const FILES: [&str; 5] = [
    "MEMORY.md",
    "memory/2026-11-24.md",
    "memory/2026-11-25.md",
    "memory/topic/a.md",
    "memory/untrusted/b.md",
];
const QUERIES: [&str; 5] = ["apple", "pear plum", "生日", "蛋糕 apple", "2026-11-24"];

fn text() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "# Fruit",
        "## Cake",
        "apple",
        "pear and plum",
        "the apple of my eye",
        "小明的生日",
        "黑森林蛋糕",
        "",
        "```",
        "生日要吃蛋糕",
    ]);
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"))
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = 0..FILES.len();
    prop_oneof![
        3 => (file.clone(), text()).prop_map(|(file, text)| Edit::Write(file, text)),
        2 => (file.clone(), text()).prop_map(|(file, text)| Edit::Append(file, text)),
        1 => file.clone().prop_map(Edit::Remove),
        1 => (file.clone(), file).prop_map(|(from, to)| Edit::Rename(from, to)),
        2 => Just(Edit::Search),
    ]
}

async fn answers(memory: &Memory) -> Vec<crate::Output> {
    let tools = memory.tools();
    let mut answers = Vec::new();
    for query in QUERIES {
        let call = json!({"query": query, "maxResults": 20});
        answers.push(tools[0].run(call.as_object().unwrap(), &at()).await.unwrap());
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against an index that is made from nothing.
    #[test]
    fn an_index_that_followed_finds_what_a_new_one_finds(edits in prop::collection::vec(edit(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let desk = Desk::with(None, |settings| settings.piece = (40, 10));
            for edit in edits {
                match edit {
                    Edit::Write(file, text) => desk.put(FILES[file], &text),
                    Edit::Append(file, text) => {
                        let old = fs::read_to_string(desk.path(FILES[file])).unwrap_or_default();
                        desk.put(FILES[file], &(old + &text));
                    }
                    Edit::Remove(file) => drop(fs::remove_file(desk.path(FILES[file]))),
                    Edit::Rename(from, to) => {
                        if let Ok(text) = fs::read_to_string(desk.path(FILES[from])) {
                            fs::remove_file(desk.path(FILES[from])).unwrap();
                            desk.put(FILES[to], &text);
                        }
                    }
                    Edit::Search => drop(answers(&desk.memory).await),
                }
            }
            let mut anew = settings(desk.folder.path());
            anew.index = desk.folder.path().join("new.sqlite");
            anew.piece = (40, 10);
            let new = Memory::open(anew, zone(), None).unwrap();
            prop_assert_eq!(answers(&desk.memory).await, answers(&new).await);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_index_that_is_broken_or_gone_is_made_again() {
    let desk = Desk::new();
    desk.put("MEMORY.md", "the apple is red");
    let index = desk.folder.path().join("state/memory/main.sqlite");
    let expected = desk.finds("apple").await;
    assert!(expected.starts_with("MEMORY.md:1-1\n"), "{expected}");
    let open = || Memory::open(settings(desk.folder.path()), zone(), None).unwrap();
    for broken in [
        &b"this is no database, but long enough to be looked at as if it were one"[..],
        b"",
    ] {
        fs::write(&index, broken).unwrap();
        for end in ["-wal", "-shm"] {
            drop(fs::remove_file(format!("{}{end}", index.display())));
        }
        assert_eq!(answers(&open()).await[0].text, expected);
    }
    // While it is open.
    let memory = open();
    answers(&memory).await;
    let mut bytes = fs::read(&index).unwrap();
    let length = bytes.len();
    bytes[100..length].fill(0x5a);
    fs::write(&index, bytes).unwrap();
    for end in ["-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{end}", index.display())));
    }
    desk.put("memory/more.md", "another apple");
    let memory = open();
    let found = &answers(&memory).await[0].text;
    assert!(
        found.contains("another apple") && found.contains("the apple is red"),
        "{found}"
    );
}

#[tokio::test]
async fn cutting_otherwise_cuts_anew() {
    let desk = Desk::new();
    desk.put("MEMORY.md", &"some words about an apple\n".repeat(30));
    assert_eq!(desk.places("apple").await, ["MEMORY.md:1-26"]);
    let mut other = settings(desk.folder.path());
    other.piece = (40, 0);
    let memory = Memory::open(other, zone(), None).unwrap();
    let found = &answers(&memory).await[0].text;
    assert!(found.starts_with("MEMORY.md:1-5\n"), "{found}");
}

#[tokio::test]
async fn what_is_too_much_is_left_out_and_named() {
    let desk = Desk::new();
    let many = "# Heading\nword\n".repeat(3000);
    desk.put("memory/a.md", &many);
    desk.put("memory/b.md", &many);
    desk.put("memory/c.md", "a needle\n");
    let state = desk.memory.refresh(std::time::Duration::ZERO, None).await.unwrap();
    assert_eq!(state.left_out, ["memory/a.md"]);
    let found = desk.finds("needle").await;
    assert_eq!(
        found,
        "memory/c.md:1-1\na needle\n\n(searched by words only; not searched: memory/a.md)"
    );
}
