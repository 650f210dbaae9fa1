//! Silence, in real time: about ten seconds.

use std::time::Duration;

use tokio::time::Instant;
use yabby_testkit::{Fault, ModelServer, script};

use crate::{
    client::Open,
    scene::{CHAT, Scene},
};

const STREAM: &str = r#"{"model":"route/default","stream":true}"#;

#[tokio::test]
async fn a_server_that_hangs_on_all_paths_is_given_up() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    second.default_reply("from the second");
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    first.wait_for(|log| log.iter().any(|request| request.complete)).await;
    first.fault(Fault::HangAllPaths);
    let begun = Instant::now();
    let answer = scene.post(CHAT, STREAM).await;
    assert!(answer.text().contains("from the second"), "{}", answer.text());
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(8)..Duration::from_secs(12)).contains(&took),
        "{took:?}"
    );
    // Later ones skip it at once.
    let begun = Instant::now();
    assert_eq!(scene.post(CHAT, STREAM).await.header("x-yabby-model"), "b/m");
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_lives_beside_is_waited_for() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    first.chat(script![
        sleep(Duration::from_secs(7)),
        text("late"),
        sleep(Duration::from_secs(6)),
        text("later")
    ]);
    let answer = scene.post(CHAT, STREAM).await;
    assert_eq!(answer.header("x-yabby-model"), "a/m");
    assert!(answer.text().contains("later"), "{}", answer.text());
    assert!(second.model_calls().is_empty());
}

#[tokio::test]
async fn a_stream_that_falls_silent_for_ever_ends_with_an_error() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    server.chat(script![text("Hel"), hang()]);
    let mut open = scene.open(STREAM).await;
    open.sees("Hel").await;
    server.fault(Fault::HangAllPaths);
    let answer = open.answer().await;
    assert!(
        answer.whole && answer.text().contains("upstream_timeout"),
        "{}",
        answer.text()
    );
}

/// The same holds where the request is put into the words of another API.
#[tokio::test]
async fn who_is_asked_in_another_api_is_given_up_alike() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    first.wait_for(|log| log.iter().any(|request| request.complete)).await;
    first.fault(Fault::HangAllPaths);
    second.chat(script![text("from the "), text("second"), hang()]);
    let body = r#"{"model":"route/default","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
    let begun = Instant::now();
    let mut open = Open::send(scene.at, "POST", "/v1/messages", &[], body).await;
    open.sees("second").await;
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(8)..Duration::from_secs(12)).contains(&took),
        "{took:?}"
    );
    second.fault(Fault::HangAllPaths);
    let answer = open.answer().await;
    assert_eq!((answer.header("x-yabby-model"), answer.whole), ("b/m", true));
    assert!(
        answer.text().contains("event: error") && answer.text().contains("timeout_error"),
        "{}",
        answer.text()
    );
}
