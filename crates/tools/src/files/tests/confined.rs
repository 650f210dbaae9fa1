//! Nothing leads out.

use std::{
    fmt::Write as _,
    os::unix::{fs::symlink, net::UnixListener},
};

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Links, pipes and sockets of all kinds that lead out or would wait.
fn traps(place: &Place) -> UnixListener {
    let work = place.path("work");
    place.put("note.txt", "a note\n");
    fs::create_dir(work.join("folder")).unwrap();
    symlink("note.txt", work.join("inner")).unwrap();
    symlink("../outside/secret.txt", work.join("out")).unwrap();
    symlink(place.path("outside"), work.join("outdir")).unwrap();
    symlink("loop", work.join("loop")).unwrap();
    symlink("/proc/self/environ", work.join("environ")).unwrap();
    symlink("/dev/zero", work.join("zero")).unwrap();
    pipe(&work.join("pipe"));
    UnixListener::bind(work.join("socket")).unwrap()
}

fn pipe(path: &Path) {
    assert!(
        std::process::Command::new("mkfifo")
            .arg(path)
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn what_is_outside_or_no_regular_file_is_refused_and_nothing_waits() {
    let place = Place::new();
    let _socket = traps(&place);
    let outside = place.path("outside/secret.txt").to_string_lossy().into_owned();
    let paths = [
        "note.txt",
        "./folder//../note.txt",
        "inner",
        "~/work/note.txt",
        "~/books/one.txt",
        "../outside/secret.txt",
        "folder/../../outside/secret.txt",
        "%2e%2e/outside/secret.txt",
        "~/outside/secret.txt",
        "~root/x",
        &outside,
        "/etc/passwd",
        "/proc/self/environ",
        "file:///etc/passwd",
        "\\\\server\\share",
        "out",
        "outdir/secret.txt",
        "loop",
        "environ",
        "zero",
        "pipe",
        "socket",
        "folder",
        "note.txt/x",
        "a\0b",
        "",
        "missing.txt",
        &"x/".repeat(3000),
        &"x".repeat(300),
    ];
    let mut told = String::new();
    for path in paths {
        for tool in ["read", "write", "undo"] {
            let content = if tool == "write" { Some("a note\n") } else { None };
            let said = place.told(tool, json!({"path": path, "content": content})).await;
            let (path, said) = (
                path.replace(&*place.path("").to_string_lossy(), "…/"),
                if path.len() > 99 {
                    said.replace(path.trim_end_matches('/'), "PATH")
                } else {
                    said
                },
            );
            let _ = writeln!(
                told,
                "{tool} {}: {}",
                path.chars().take(40).collect::<String>().escape_debug(),
                said.chars().take(260).collect::<String>().escape_debug()
            );
        }
        told.push('\n');
    }
    insta::assert_snapshot!(told);
    assert_eq!(names(&place.path("outside")), ["secret.txt"]);
    assert_eq!(fs::read(place.path("outside/secret.txt")).unwrap(), b"the secret\n");
    assert_eq!(names(&place.path("books")), ["one.txt"]);
}

#[tokio::test]
async fn a_list_and_a_search_do_not_follow_links_or_wait() {
    let place = Place::new();
    let _socket = traps(&place);
    fs::remove_file(place.path("work/pipe")).unwrap();
    pipe(&place.path("work/.gitignore"));
    assert_eq!(
        place.told("search", json!({"pattern": "secret|note|PATH"})).await,
        "note.txt:1: a note\n"
    );
    insta::assert_snapshot!(place.told("list", json!({"depth": 3})).await);
    let refused = place.told("list", json!({"path": "outdir"})).await;
    assert_eq!(
        refused,
        "Denied: outdir leads out of the folders that can be used, by a symbolic link"
    );
}

#[test]
fn the_whole_system_is_no_root() {
    let settings = FileSettings {
        workspace: PathBuf::from("/"),
        ..FileSettings::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let versions = Arc::new(FolderVersions::open(folder.path(), VersionLimits::default()).unwrap());
    let error = Files::open(&settings, versions).err().unwrap();
    assert_eq!(error.to_string(), "the folder / holds the whole system");
    assert_eq!(
        error.hint().english(),
        "name the folders that the agent needs instead of /"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_path_leads_out(parts in prop::collection::vec(
        prop::sample::select(vec!["..", ".", "", "/", "~", "work", "books", "outside", "secret.txt", "note.txt", "inner", "out", "outdir", "loop", "folder", "ROOT", "\0", "é"]),
        0..8,
    ), any in "\\PC{0,12}", joined in any::<bool>()) {
        thread_local! {
            static PLACE: (Place, UnixListener) = {
                let place = Place::new();
                let socket = traps(&place);
                (place, socket)
            };
        }
        PLACE.with(|(place, _)| {
            let root = place.path("").to_string_lossy().into_owned();
            let path = if joined { parts.join("/") + &any } else { any };
            let path = path.replace("ROOT", &root);
            if let Ok(found) = place.files.0.roots.place(&path) {
                prop_assert!(found.path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
                if let Ok((file, _)) = super::super::disk::open(&found) {
                    let bytes = super::super::disk::read_all(file, 100).unwrap();
                    prop_assert!(bytes == b"a note\n" || bytes == b"a book\n", "{:?}", path);
                }
            }
            Ok(())
        })?;
    }
}
