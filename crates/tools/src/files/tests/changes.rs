//! Changing files and taking it back.

use std::{
    io,
    os::unix::fs::{PermissionsExt, symlink},
    time::Duration,
};

use serde_json::json;
use yabby_core::Lang;

use super::{
    super::{Change, Kept, State, Versions},
    *,
};

#[tokio::test]
async fn a_file_is_written_as_a_whole_and_keeps_its_mode() {
    let place = Place::new();
    assert_eq!(
        place
            .told("write", json!({"path": "a/b/new.md", "content": "one\ntwo\n"}))
            .await,
        "wrote 2 lines to a/b/new.md | a/b/new.md written"
    );
    place.put("run.sh", "#!/bin/sh\necho 1\n");
    let file = place.path("work/run.sh");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o754)).unwrap();
    let arguments = json!({"path": file, "content": "#!/bin/sh\necho 2\n"});
    assert_eq!(
        place.told("write", arguments.clone()).await,
        "wrote 2 lines to run.sh | 1 line changed in run.sh"
    );
    assert_eq!(place.told("write", arguments).await, "run.sh has this content already");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o754);
    assert_eq!(names(&place.path("work")), ["a", "run.sh"]);
}

#[tokio::test]
async fn nothing_is_changed_through_a_link() {
    let place = Place::new();
    place.put(".git/hooks/x", "old\n");
    symlink(".git/hooks", place.path("work/nice")).unwrap();
    symlink(".git/hooks/x", place.path("work/file")).unwrap();
    let told = |path: &'static str| place.told("write", json!({"path": path, "content": "bad"}));
    assert_eq!(
        [told("nice/x").await, told("file").await],
        [
            "Denied: nice/x: nice is a symbolic link to .git/hooks, and nothing is changed through a link. Name the file itself",
            "Denied: file: file is a symbolic link to .git/hooks/x, and nothing is changed through a link. Name the file itself",
        ]
    );
    assert_eq!(place.get(".git/hooks/x"), b"old\n");
}

#[tokio::test]
async fn what_tells_the_agent_what_it_is_is_a_change_of_control() {
    let place = Place::new();
    let patch = |path: &str| json!({"input": format!("*** Begin Patch\n*** Update File: a\n*** Move to: {path}\n*** End Patch")});
    let cases = [
        ("write", json!({"path": "notes.md"}), Effect::Write),
        ("write", json!({"path": "SOUL.md"}), Effect::Control),
        (
            "write",
            json!({"file_path": "~/work/./a//.git/hooks/x"}),
            Effect::Control,
        ),
        ("edit", json!({"path": "skills/x/run.sh"}), Effect::Control),
        ("undo", json!({"path": "agents.md"}), Effect::Control),
        ("apply_patch", patch("b"), Effect::Write),
        ("apply_patch", patch("x/.envrc"), Effect::Control),
        ("apply_patch", json!({"input": "nonsense"}), Effect::Write),
        ("read", json!({"path": "SOUL.md"}), Effect::Read),
    ];
    for (tool, arguments, effect) in cases {
        assert_eq!(place.effect(tool, &arguments), effect, "{tool} {arguments}");
    }
}

#[tokio::test]
async fn an_edit_leaves_all_other_bytes_and_says_why_it_cannot_be_made() {
    let place = Place::new();
    place.put("a.txt", b"one\r\ntwo \xff\r\nthree\r\nlast");
    let edit = |old: &'static str, new: &'static str| {
        place.told("edit", json!({"path": "a.txt", "old_string": old, "new_string": new}))
    };
    assert_eq!(
        edit("one\ntwo", "1\n2\n2b").await,
        "replaced at line 1 of a.txt | 3 lines changed in a.txt"
    );
    assert_eq!(place.get("a.txt"), b"1\r\n2\r\n2b \xff\r\nthree\r\nlast");
    insta::assert_snapshot!(
        [
            edit("", "x").await,
            edit("x", "x").await,
            edit("t", "x").await,
            edit("three\nlost", "x").await,
            edit("nothing like it", "x").await,
            place
                .told("edit", json!({"path": "b.txt", "oldText": "a", "newText": "b"}))
                .await,
            place.told("edit", json!({"path": "a.txt", "newText": "b"})).await,
        ]
        .join("\n")
    );
}

#[tokio::test]
async fn each_change_is_taken_back_byte_for_byte_the_last_one_first() {
    let place = Place::new();
    let first = b"one\r\n\xff\0two".to_vec();
    place.put("a.bin", &first);
    let file = place.path("work/a.bin");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let write = |content: &'static str| place.told("write", json!({"path": "a.bin", "content": content}));
    write("second").await;
    write("third").await;
    let undo = || place.told("undo", json!({"path": "a.bin"}));
    let back = "a.bin is as it was before its last change | the last change of a.bin taken back";
    assert_eq!(undo().await, back);
    assert_eq!(place.get("a.bin"), b"second");
    fs::write(&file, "by hand").unwrap();
    assert_eq!(
        undo().await,
        "Denied: a.bin was changed by something else since; read it and edit it instead"
    );
    fs::write(&file, "second").unwrap();
    assert_eq!(undo().await, back);
    assert_eq!(place.get("a.bin"), first);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(undo().await, "NotFound: no change of a.bin is kept");
    place.told("write", json!({"path": "new.txt", "content": "x"})).await;
    place.told("undo", json!({"path": "new.txt"})).await;
    assert_eq!(names(&place.path("work")), ["a.bin"]);
}

#[tokio::test]
async fn a_patch_changes_all_of_its_files_or_none() {
    let place = Place::new();
    place.put("keep.txt", "one\ntwo\nthree\n");
    place.put("old.txt", "gone\n");
    place.put("from.txt", "a\nb");
    let patch = "Here it is:\n```\n*** Begin Patch\n*** Add File: d/new.txt\n+hello\n+\n*** Delete File: old.txt\n*** Update File: keep.txt\n@@ one\n-two\n+2\n*** Update File: from.txt\n*** Move to: to.txt\n@@\n a\n-b\n+c\n*** End Patch\n```";
    let bad = patch.replace("-two", "-zwei");
    assert_eq!(
        place.told("apply_patch", json!({"input": bad})).await,
        "Invalid: hunk 1 does not fit keep.txt: the lines from `zwei` on are not there in this order; read the file and copy them. Nothing was changed"
    );
    assert_eq!(place.get("keep.txt"), b"one\ntwo\nthree\n");
    assert_eq!(
        place.told("apply_patch", json!({"input": patch})).await,
        "added d/new.txt\ndeleted old.txt\nupdated keep.txt\nupdated from.txt and moved it to to.txt | 5 files changed"
    );
    assert_eq!(names(&place.path("work")), ["d", "keep.txt", "to.txt"]);
    assert_eq!(
        [place.get("d/new.txt"), place.get("keep.txt"), place.get("to.txt")],
        [b"hello\n\n".to_vec(), b"one\n2\nthree\n".to_vec(), b"a\nc".to_vec()]
    );
    for path in ["d/new.txt", "old.txt", "keep.txt", "from.txt", "to.txt"] {
        place.run("undo", json!({"path": path})).await.unwrap();
    }
    assert_eq!(names(&place.path("work")), ["d", "from.txt", "keep.txt", "old.txt"]);
    assert_eq!(
        [place.get("old.txt"), place.get("keep.txt"), place.get("from.txt")],
        [b"gone\n".to_vec(), b"one\ntwo\nthree\n".to_vec(), b"a\nb".to_vec()]
    );
}

/// Versions on a disk that is full when it comes to one file.
struct Full(FolderVersions);

impl Versions for Full {
    fn keep(&self, change: &Change<'_>) -> io::Result<()> {
        if change.path.ends_with("full.txt") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.keep(change)
    }

    fn last(&self, path: &Path) -> io::Result<Option<Kept>> {
        self.0.last(path)
    }

    fn forget_last(&self, path: &Path) -> io::Result<()> {
        self.0.forget_last(path)
    }

    fn label(&self, path: &Path) -> io::Result<Option<Label>> {
        self.0.label(path)
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_changed_nor_what_belongs_to_it() {
    let mut place = Place::new();
    let settings = FileSettings {
        workspace: place.path("work"),
        ..FileSettings::default()
    };
    let versions = FolderVersions::open(place.path("others"), VersionLimits::default()).unwrap();
    place.files = Files::open(&settings, Arc::new(Full(versions))).unwrap();
    place.put("a.txt", "a\n");
    place.put("full.txt", "c\n");
    let patch = "*** Begin Patch\n*** Update File: a.txt\n-a\n+A\n*** Update File: full.txt\n-c\n+C\n*** End Patch";
    assert_eq!(
        place.told("apply_patch", json!({"input": patch})).await,
        "Unavailable: nothing was changed, because the old version could not be kept: no storage space"
    );
    assert_eq!(
        [place.get("a.txt"), place.get("full.txt")],
        [b"a\n".to_vec(), b"c\n".to_vec()]
    );
    assert_eq!(
        place.told("undo", json!({"path": "a.txt"})).await,
        "NotFound: no change of a.txt is kept"
    );
}

#[tokio::test]
async fn a_file_is_trusted_as_little_as_what_it_was_made_from() {
    let place = Place::new();
    let page = Label::new(Integrity::Untrusted, Confidentiality::Private, "web_fetch");
    let from_web = At {
        label: page,
        ..testing::at()
    };
    place.put("mine.md", "mine\n");
    let integrity = |output: Output| output.label.map(|label| label.integrity);
    let read = |path: &'static str| place.run("read", json!({"path": path}));
    place
        .run_at(
            "write",
            json!({"path": "page.md", "content": "page\n"}),
            from_web.clone(),
        )
        .await
        .unwrap();
    assert_eq!(integrity(read("mine.md").await.unwrap()), None);
    assert_eq!(integrity(read("page.md").await.unwrap()), Some(Integrity::Untrusted));
    place
        .run(
            "edit",
            json!({"path": "page.md", "oldText": "page", "newText": "pages"}),
        )
        .await
        .unwrap();
    assert_eq!(
        integrity(place.run("search", json!({"pattern": "pages"})).await.unwrap()),
        Some(Integrity::Untrusted)
    );
    let patch = "*** Begin Patch\n*** Update File: page.md\n*** Move to: moved.md\n-pages\n+p\n*** End Patch";
    place.run("apply_patch", json!({"input": patch})).await.unwrap();
    assert_eq!(integrity(read("moved.md").await.unwrap()), Some(Integrity::Untrusted));
    place
        .run("write", json!({"path": "moved.md", "content": "mine now\n"}))
        .await
        .unwrap();
    assert_eq!(integrity(read("moved.md").await.unwrap()), None);
}

#[test]
fn versions_go_when_they_are_too_old_or_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let limits = VersionLimits {
        bytes: 5000,
        age: Duration::from_secs(1000),
    };
    let versions = FolderVersions::open(folder.path(), limits).unwrap();
    let state = |byte: u8| State {
        bytes: vec![byte; 1000],
        mode: 0o644,
    };
    let keep = |name: &str, byte: u8, at: i64| {
        let (before, after) = (state(byte), state(byte + 1));
        let change = Change {
            path: Path::new(name),
            before: Some(&before),
            after: Some(&after),
            label: &Label::of_nothing(),
            at: Time(at * 1000),
        };
        versions.keep(&change).unwrap();
    };
    let last = |name: &str| {
        versions
            .last(Path::new(name))
            .unwrap()
            .map(|kept| kept.before.unwrap().bytes[0])
    };
    keep("/old", 1, 0);
    keep("/same", 1, 1);
    assert_eq!(names(&folder.path().join("objects")).len(), 1);
    keep("/young", 2, 5000);
    assert_eq!([last("/old"), last("/same"), last("/young")], [None, None, Some(2)]);
    for at in 0..20 {
        keep("/many", 10 + u8::try_from(at).unwrap(), 5001 + at);
    }
    assert_eq!([last("/young"), last("/many")], [None, Some(29)]);
    assert!(names(&folder.path().join("objects")).len() <= 6);
    let again = FolderVersions::open(folder.path(), limits).unwrap();
    assert_eq!(again.last(Path::new("/many")).unwrap().unwrap().before, Some(state(29)));
}

#[tokio::test]
async fn the_person_reads_it_in_their_language() {
    let place = Place::new();
    let output = place
        .run("write", json!({"path": "a.md", "content": "x"}))
        .await
        .unwrap();
    assert_eq!(output.summary.unwrap().render(Lang::ZhTw), "已寫入 a.md");
}
