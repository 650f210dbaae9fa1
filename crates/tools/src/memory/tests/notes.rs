//! Notes are written, read and found.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use super::desk::{Desk, settings, told, tomorrow, zone};
use crate::{
    At, Memory, MemoryError,
    testing::{at, tokens},
};

#[test]
fn the_manifests() {
    let tools = Desk::new().memory.tools();
    let told: Vec<String> = tools.iter().map(|tool| tokens(tool.manifest())).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn what_was_noted_is_found_another_day() {
    let desk = Desk::new();
    let mut told_all = Vec::new();
    for call in [
        json!({"text": "The landlord is Mr. Huang.\nHis number is 0912-345678."}),
        json!({"text": "媽媽對花生過敏", "file": "MEMORY.md", "section": "Family"}),
        json!({"text": "Ann likes tea.", "file": "MEMORY.md", "section": "## family"}),
        json!({"text": "Answer in Chinese.", "file": "MEMORY.md", "section": "Wishes"}),
        json!({"text": "Bob likes coffee.", "file": "memory.md", "section": "Family"}),
        json!({"text": "Bob likes coffee.", "file": "MEMORY.md"}),
        json!({"text": "moved to Hugo", "file": "memory/blog.md"}),
        json!({"text": "dinner at eight", "file": "today"}),
    ] {
        told_all.push(desk.says("memory_write", call).await);
    }
    for name in ["MEMORY.md", "memory/2026-11-25.md", "memory/blog.md"] {
        told_all.push(format!("--- {name}\n{}", desk.text(name)));
    }
    let later = tomorrow();
    for query in [
        "landlord's number",
        "花生",
        "who likes coffee or tea",
        "2026-11-25",
        "what is nowhere",
        "?",
    ] {
        let found = desk.call("memory_search", json!({ "query": query }), &later).await;
        told_all.push(format!("--- {query}\n{}", told(found)));
    }
    insta::assert_snapshot!(told_all.join("\n"));
}

/// Every Chinese word of two characters, questions, names and numbers.
#[tokio::test]
async fn notes_are_found_in_chinese_and_english() {
    let notes = [
        "王小明的生日是三月十五日，他喜歡黑森林蛋糕。",
        "媽媽對花生過敏，外出吃飯要先問店家。",
        "公司的報稅期限是五月底，會計師是陳美玲。",
        "家裡的無線網路密碼寫在冰箱旁邊的便條紙上。",
        "汽車保險下個月到期，要記得續保，保單號碼 ZX-48213。",
        "決定把部落格從 WordPress 搬到 Hugo，部署在 GitHub Pages。",
        "牙醫約在下週二下午三點半，診所在捷運忠孝敦化站。",
        "Our landlord is Mr. Huang; the lease ends in August.",
        "The server in the closet runs Proxmox.",
        "Anna is allergic to cats and will visit us in December.",
    ];
    let desk = Desk::new();
    for (number, note) in notes.iter().enumerate() {
        desk.put(&format!("memory/{number}.md"), note);
    }
    let queries = [
        ("生日", 0),
        ("小明喜歡什麼蛋糕", 0),
        ("過敏", 1),
        ("會計師是誰", 2),
        ("無線網路密碼在哪裡", 3),
        ("保險什麼時候到期", 4),
        ("zx-48213", 4),
        ("ＨＵＧＯ", 5),
        ("牙醫", 6),
        ("when do leases end", 7),
        ("servers", 8),
        ("visits", 9),
    ];
    for (query, expected) in queries {
        let found = desk.places(query).await;
        assert_eq!(found.first(), Some(&format!("memory/{expected}.md:1-1")), "{query}");
    }
}

#[tokio::test]
async fn notes_are_read_by_line_and_only_notes_are() {
    let desk = Desk::new();
    desk.put("MEMORY.md", "# Memory\n\n- one\n- two\n- three\n");
    desk.put("memory/deep/er/topic.md", "deep\n");
    desk.put("AGENTS.md", "secret of the house");
    desk.put("memory/data.txt", "no note");
    desk.put("memory/.hidden.md", "hidden");
    std::os::unix::fs::symlink(desk.path("AGENTS.md"), desk.path("memory/link.md")).unwrap();
    std::os::unix::fs::symlink("/etc", desk.path("memory/etc")).unwrap();
    desk.put("memory/large.md", &"x".repeat((1 << 20) + 1));
    let mut all = Vec::new();
    for call in [
        json!({"path": "MEMORY.md"}),
        json!({"path": "./MEMORY.md:3-4"}),
        json!({"path": "MEMORY.md", "from": 2, "lines": 1}),
        json!({"path": "MEMORY.md", "from": 99}),
        json!({"path": "memory/deep/er/topic"}),
        json!({"path": "memory/2026-11-25.md"}),
        json!({"path": "memory/../AGENTS.md"}),
        json!({"path": "AGENTS.md"}),
        json!({"path": "/etc/passwd"}),
        json!({"path": "memory/data.txt"}),
        json!({"path": "memory/link.md"}),
        json!({"path": "memory/etc/passwd"}),
        json!({"path": "memory/.hidden.md"}),
        json!({"path": "memory/large.md"}),
        json!({}),
    ] {
        let shown = call.to_string();
        all.push(format!(
            "{shown}\n  {}",
            desk.says("memory_get", call).await.replace('\n', "\n  ")
        ));
    }
    let found = desk.finds("secret hidden note deep").await;
    all.push(format!("search\n  {}", found.replace('\n', "\n  ")));
    insta::assert_snapshot!(all.join("\n"));
}

#[tokio::test]
async fn what_cannot_be_noted_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    desk.put("AGENTS.md", "rules");
    desk.put("memory/a.md", "a");
    std::os::unix::fs::symlink(desk.path("AGENTS.md"), desk.path("MEMORY.md")).unwrap();
    std::os::unix::fs::symlink(desk.folder.path(), desk.path("memory/out")).unwrap();
    fs::create_dir(desk.path("memory/folder.md")).unwrap();
    desk.put("memory/full.md", &"x\n".repeat(1 << 19));
    let mut all = Vec::new();
    for call in [
        json!({"text": " "}),
        json!({"text": "x".repeat(4001)}),
        json!({"text": "x", "file": "MEMORY.md"}),
        json!({"text": "x", "file": "AGENTS.md/../../x"}),
        json!({"text": "x", "file": "/etc/x.md"}),
        json!({"text": "x", "file": "memory/untrusted/x.md"}),
        json!({"text": "x", "file": "memory/out/x.md"}),
        json!({"text": "x", "file": "memory/.x.md"}),
        json!({"text": "x", "file": "folder"}),
        json!({"text": "x", "file": "full"}),
        json!({"text": "x", "section": "two\nlines"}),
        json!({}),
    ] {
        let shown: String = call.to_string().chars().take(60).collect();
        all.push(format!("{shown}\n  {}", desk.says("memory_write", call).await));
    }
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(desk.text("AGENTS.md"), "rules");
    // Names of files are the model's, but they lead nowhere else.
    assert_eq!(
        desk.says("memory_write", json!({"text": "x", "file": "AGENTS.md"}))
            .await,
        "Noted in memory/AGENTS.md."
    );
    let names: Vec<String> = fs::read_dir(desk.path("memory"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("tmp"))
        .collect();
    assert_eq!(names, [""; 0]);
}

#[tokio::test]
async fn a_call_that_is_tried_again_notes_nothing_twice() {
    let desk = Desk::new();
    let call = json!({"text": "buy milk\n- and bread"});
    assert_eq!(
        desk.says("memory_write", call.clone()).await,
        "Noted in memory/2026-11-25.md."
    );
    fs::set_permissions(desk.path("memory/2026-11-25.md"), fs::Permissions::from_mode(0o640)).unwrap();
    let hour_later = At {
        now: yabby_core::Time(at().now.0 + 3_600_000),
        ..at()
    };
    let again = told(desk.call("memory_write", call, &hour_later).await);
    assert_eq!(again, "memory/2026-11-25.md says so already.");
    // A part of another entry is another one.
    assert_eq!(
        desk.says("memory_write", json!({"text": "buy milk"})).await,
        "Noted in memory/2026-11-25.md."
    );
    let expected = "# 2026-11-25\n\n- 21:10 buy milk\n  - and bread\n- 21:10 buy milk\n";
    assert_eq!(desk.text("memory/2026-11-25.md"), expected);
    let mode = fs::metadata(desk.path("memory/2026-11-25.md"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

/// Also by several that have the same memory: other agents, other processes.
#[tokio::test]
async fn writes_at_once_are_all_kept() {
    let desk = Desk::new();
    let others: Vec<Memory> = (0..4)
        .map(|_| Memory::open(settings(desk.folder.path()), zone(), None).unwrap())
        .collect();
    let at = at();
    let calls = (0..40).map(|number| {
        let tools = others[number % others.len()].tools();
        let at = &at;
        async move {
            let call = json!({"text": format!("number {number}")});
            let tool = tools
                .iter()
                .find(|tool| tool.manifest().tool.name == "memory_write")
                .unwrap();
            told(tool.run(call.as_object().unwrap(), at).await)
        }
    });
    for done in futures_util::future::join_all(calls).await {
        assert_eq!(done, "Noted in memory/2026-11-25.md.");
    }
    assert_eq!(desk.text("memory/2026-11-25.md").matches("number").count(), 40);
}

#[tokio::test]
async fn long_pieces_are_shown_where_they_answer() {
    let desk = Desk::with(None, |settings| settings.piece = (2000, 80));
    let lines: Vec<String> = (1..=60)
        .map(|n| format!("- line {n} of something that happened on that day"))
        .collect();
    let mut text = lines.join("\n");
    text = text.replace("line 42 of something", "line 42 the passport number is A1234");
    desk.put("memory/long.md", &text);
    let found = desk.finds("passport number").await;
    let first = found.lines().next().unwrap();
    assert_eq!(first, "memory/long.md:42-54");
    assert!(found.contains("A1234") && found.chars().count() < 800, "{found}");
    let at = At { room: 100, ..at() };
    let found = told(
        desk.call("memory_search", json!({"query": "passport number"}), &at)
            .await,
    );
    assert_eq!(found.lines().next(), Some("memory/long.md:42-43"));
}

#[tokio::test]
async fn folders_beside_the_workspace_are_searched_and_not_written() {
    let beside = tempfile::tempdir().unwrap();
    fs::create_dir_all(beside.path().join("sub")).unwrap();
    fs::write(beside.path().join("sub/recipe.md"), "Pesto needs basil.").unwrap();
    fs::write(beside.path().join("one.md"), "Basil is green.").unwrap();
    let one = beside.path().join("one.md");
    let desk = Desk::with(None, |settings| {
        settings.extra = vec![
            one.clone(),
            beside.path().join("sub"),
            beside.path().join("missing"),
            // What is in the memory already keeps its name and its owner.
            settings.workspace.join("memory"),
            settings.workspace.clone(),
        ];
    });
    desk.put("memory/basil.md", "basil in the garden");
    let mut places = desk.places("basil").await;
    places.sort();
    let real = fs::canonicalize(beside.path()).unwrap();
    let mut expected = vec![
        format!("{}/one.md:1-1", real.display()),
        format!("{}/sub/recipe.md:1-1", real.display()),
        "memory/basil.md:1-1".to_owned(),
    ];
    expected.sort();
    assert_eq!(places, expected);
    let read = desk.says("memory_get", json!({"path": expected[0].clone()})).await;
    assert_eq!(read, "Basil is green.\n");
}

#[test]
fn what_is_in_the_way_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("workspace"), "a file").unwrap();
    let open = || Memory::open(settings(folder.path()), zone(), None).err().unwrap();
    let error = open();
    assert!(matches!(error, MemoryError::Workspace(..)), "{error}");
    fs::remove_file(folder.path().join("workspace")).unwrap();
    fs::create_dir_all(folder.path().join("state/memory/main.sqlite")).unwrap();
    let error = open();
    assert!(matches!(error, MemoryError::Index(..)), "{error}");
    let hint = error.hint().english();
    assert!(
        hint.ends_with("main.sqlite away: it is made again from the notes"),
        "{hint}"
    );
}
