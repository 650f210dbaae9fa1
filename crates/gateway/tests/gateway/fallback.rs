//! The next candidate is asked before the first byte, and never after it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use yabby_core::{ErrorKind, Outcome};
use yabby_testkit::{Fault, ModelServer, dead_port, dead_url, script};

use crate::scene::{CHAT, Scene};

const ASK: &str = r#"{"model":"route/default"}"#;
const STREAM: &str = r#"{"model":"route/default","stream":true}"#;

#[tokio::test]
async fn what_fails_before_its_first_byte_is_passed_over() {
    use ErrorKind as E;
    for (fault, kind) in [
        (
            Fault::Status(500, "{\"error\":{\"message\":\"boom\"}}".to_owned()),
            E::Server,
        ),
        (Fault::Status(502, "<html>bad gateway</html>".to_owned()), E::Server),
        (
            Fault::RateLimit {
                retry_after: Some(Duration::from_secs(9)),
            },
            E::RateLimit,
        ),
        (Fault::Unauthorized, E::Auth),
        (Fault::ModelNotFound, E::ModelNotFound),
        (Fault::Overloaded, E::Overloaded),
        (Fault::HtmlWith200, E::NotAnApi),
        (Fault::JsonErrorWith200, E::Server),
        (Fault::CutAfter(0), E::Interrupted),
        (Fault::DieAfter(0), E::Interrupted),
    ] {
        // Of an answer in one piece, the first byte would have come.
        let whole = (!matches!(fault, Fault::CutAfter(_) | Fault::DieAfter(_))).then_some(ASK);
        for body in whole.into_iter().chain([STREAM]) {
            let (first, second) = (ModelServer::start().await, ModelServer::start().await);
            first.fault(fault.clone());
            second.default_reply("from the second");
            let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
            let answer = scene.post(CHAT, body).await;
            assert_eq!(
                (answer.status, answer.whole),
                (200, true),
                "{fault:?} {}",
                answer.text()
            );
            assert!(answer.text().contains("from the second"), "{fault:?} {}", answer.text());
            assert_eq!(answer.header("x-yabby-model"), "b/m");
            let failed: Vec<ErrorKind> = scene
                .attempts()
                .iter()
                .filter_map(|attempt| match attempt.outcome {
                    Outcome::Failed { error, .. } => Some(error),
                    _ => None,
                })
                .collect();
            assert!(
                !failed.is_empty() && failed.iter().all(|found| *found == kind),
                "{fault:?} {failed:?}"
            );
            assert_eq!(
                answer.header("x-yabby-attempts"),
                (failed.len() + 1).to_string(),
                "{fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_box_that_is_off_is_passed_over_at_once_and_then_not_asked() {
    let second = ModelServer::start().await;
    let scene = Scene::chain(&[dead_url(), second.base_url()]).await;
    for expected in ["2", "1", "1"] {
        let begun = std::time::Instant::now();
        let answer = scene.post(CHAT, ASK).await;
        assert_eq!((answer.status, answer.header("x-yabby-model")), (200, "b/m"));
        // The keeper's first look may have come before.
        assert!([expected, "1"].contains(&answer.header("x-yabby-attempts")));
        assert!(begun.elapsed() < Duration::from_millis(500));
    }
}

#[tokio::test]
async fn a_server_that_rests_is_not_contacted_and_comes_back() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    first.fault(Fault::Status(500, "{\"error\":\"boom\"}".to_owned()));
    for _ in 0..3 {
        assert_eq!(scene.post(CHAT, ASK).await.header("x-yabby-attempts"), "2");
    }
    let calls = first.model_calls().len();
    let answer = scene.post(CHAT, ASK).await;
    assert_eq!(
        (answer.header("x-yabby-attempts"), answer.header("x-yabby-model")),
        ("1", "b/m")
    );
    assert_eq!(first.model_calls().len(), calls);
    first.clear_faults();
    // Two or three seconds.
    let back = async {
        while scene.post(CHAT, ASK).await.header("x-yabby-model") != "a/m" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
}

#[tokio::test]
async fn the_only_one_is_asked_whatever_its_breaker_says() {
    let at = dead_port();
    let scene = Scene::chain(&[format!("http://{at}/v1")]).await;
    let answer = scene.post(CHAT, ASK).await;
    assert_eq!((answer.status, answer.header("x-yabby-attempts")), (502, "1"));
    let _server = ModelServer::start_at(at).await;
    let answer = scene.post(CHAT, ASK).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn loading_is_no_failure() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    first.wait_for(|log| !log.is_empty()).await;
    first.fault_times(
        2,
        Fault::Status(
            503,
            "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}}".to_owned(),
        ),
    );
    let answer = scene.post(CHAT, ASK).await;
    assert_eq!(
        (
            answer.status,
            answer.header("x-yabby-model"),
            answer.header("x-yabby-attempts")
        ),
        (200, "a/m", "1")
    );
    assert!(second.model_calls().is_empty());
}

#[tokio::test]
async fn after_the_first_byte_a_stream_ends_with_an_error_in_its_shape() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    first.chat(script![text("Hel"), sleep_ms(50), rst()]);
    let answer = scene.post(CHAT, STREAM).await;
    assert_eq!(
        (answer.status, answer.header("x-yabby-model"), answer.whole),
        (200, "a/m", true)
    );
    let (before, error) = answer.text().split_once("\n\n\n\ndata: ").unwrap();
    assert!(before.contains("Hel"), "{before}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(error.trim()).unwrap(),
        serde_json::json!({"error": {
            "message": format!("a/m: the connection to {} ended before the answer did", first.base_url()),
            "type": "api_error", "param": null, "code": "upstream_error",
        }})
    );
    assert!(second.model_calls().is_empty());
}

#[tokio::test]
async fn after_the_first_byte_anything_else_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let mut upstream = JoinSet::new();
    upstream.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            if buffer[..read].starts_with(b"POST") {
                let part = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":1,";
                stream.write_all(part.as_bytes()).await.unwrap();
            }
        }
    });
    let second = ModelServer::start().await;
    let scene = Scene::chain(&[url, second.base_url()]).await;
    let answer = scene.post(CHAT, ASK).await;
    assert_eq!((answer.status, answer.text(), answer.whole), (200, "{\"id\":1,", false));
    assert!(second.model_calls().is_empty());
}

#[tokio::test]
async fn a_stream_without_its_end_is_recorded() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    server.fault_once(Fault::CutAfter(2));
    server.chat(script![text("Hel"), text("lo"), text("!")]);
    let answer = scene.post(CHAT, STREAM).await;
    assert!(answer.text().contains("lo"), "{}", answer.text());
    let [attempt] = scene.attempts().try_into().unwrap();
    assert!(
        matches!(
            attempt.outcome,
            Outcome::Failed {
                error: ErrorKind::Interrupted,
                ..
            }
        ),
        "{attempt:?}"
    );
}
