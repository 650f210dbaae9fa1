//! The web page over a real socket.

use yabby_testkit::ModelServer;

use crate::{client::Open, scene::Scene};

#[tokio::test]
async fn the_page_and_its_files_are_served() {
    let scene = Scene::one(&ModelServer::start().await).await;
    let page = scene.get("/").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let script = page
        .text()
        .split('"')
        .find(|part| part.ends_with("/js/main.js"))
        .unwrap();
    let script = scene.get(script).await;
    assert_eq!(
        (script.status, script.header("content-type")),
        (200, "text/javascript; charset=utf-8")
    );
    let head = Open::send(scene.at, "HEAD", "/", &[], "").await.answer().await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    // It is read, and nothing is done to it.
    assert_eq!(
        Open::send(scene.at, "POST", "/", &[], "{}").await.answer().await.status,
        404
    );
}

/// H14: whatever is asked for, no file of this machine is the answer.
#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let scene = Scene::one(&ModelServer::start().await).await;
    for path in [
        "/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/assets/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/.git/config",
    ] {
        let answer = scene.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (404, ""), "{path}");
        assert!(answer.body.len() < 500, "{path}: {}", answer.text());
    }
}
