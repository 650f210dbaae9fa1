//! Bytes that no well-behaved client sends.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use yabby_testkit::ModelServer;

use crate::{
    client::{OWNER, ask, raw},
    scene::{CHAT, Scene},
};

/// The status of a response that is text.
fn status(text: &str) -> Option<u16> {
    text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// A head with the owner's key, and these lines.
fn head(line: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{line}\r\n{lines}authorization: Bearer {OWNER}\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_request_says_once_and_clearly_whom_it_means() {
    let scene = Scene::with_config("{}").await;
    let get = "GET /v1/models HTTP/1.1";
    let own = format!("host: {}", scene.at);
    for (line, lines, expected) in [
        (get, &[own.as_str()][..], 200),
        (get, &[], 400),
        (get, &[&own, &own], 400),
        (get, &[&own, "host: evil.example"], 400),
        ("GET http://evil.example/v1/models HTTP/1.1", &[&own], 400),
        ("GET http://127.0.0.1/v1/models HTTP/1.1", &[&own], 400),
        (get, &["host: 127.0.0.1.nip.io"], 421),
        (get, &["host: [::ffff:127.0.0.1]"], 421),
        (get, &["host: 0.0.0.0"], 421),
        (get, &["host: rebind.evil.example"], 421),
        (get, &[&own, "origin: null"], 403),
        (
            get,
            &[&own, "origin: http://127.0.0.1", "origin: http://127.0.0.1"],
            403,
        ),
        ("GET //evil.example/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", &[&own], 404),
        ("GET /../../etc/passwd HTTP/1.1", &[&own], 404),
    ] {
        let answer = raw(scene.at, head(line, lines).as_bytes()).await;
        assert_eq!(status(&answer), Some(expected), "{line} {lines:?}\n{answer}");
        let lower = answer.to_ascii_lowercase();
        for never in ["access-control-", "set-cookie", "location:"] {
            assert!(!lower.contains(never), "{answer}");
        }
    }
}

#[tokio::test]
async fn pages_from_elsewhere_are_told_nothing_that_helps_them() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let preflight = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("authorization", ""),
    ];
    let form = [
        ("origin", "https://evil.example"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", ""),
    ];
    let simple = [("content-type", "text/plain"), ("authorization", "")];
    for (method, headers, expected) in [
        ("OPTIONS", &preflight[..], 403),
        ("POST", &form, 403),
        ("POST", &simple, 401),
        ("OPTIONS", &simple, 401),
    ] {
        let answer = ask(scene.at, method, CHAT, headers, r#"{"model":"a/m"}"#).await;
        assert_eq!(answer.status, expected, "{method} {headers:?}");
        assert!(
            answer.headers.keys().all(|name| !name.starts_with("access-control-")),
            "{answer:?}"
        );
    }
    // Nothing happens by a GET.
    assert_eq!(scene.get(CHAT).await.status, 405);
    assert!(server.model_calls().is_empty());
}

#[tokio::test]
async fn a_request_has_one_length() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let own = format!("host: {}", scene.at);
    let smuggled = format!(
        "GET /metrics HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {OWNER}\r\n\r\n",
        scene.at
    );
    let post = format!("POST {CHAT} HTTP/1.1");
    for lines in [
        &["content-length: 4", "transfer-encoding: chunked"][..],
        &["content-length: 4", "content-length: 400"],
        &["content-length: +4"],
        &["transfer-encoding: chunked, identity"],
        &["transfer-encoding: xchunked"],
    ] {
        let lines: Vec<&str> = std::iter::once(own.as_str()).chain(lines.iter().copied()).collect();
        let bytes = format!("{}0\r\n\r\n{smuggled}", head(&post, &lines));
        let answer = raw(scene.at, bytes.as_bytes()).await;
        // Whatever it says of the first one, what was behind it is not answered.
        assert!(!answer.contains("yabby_attempts_total"), "{lines:?}\n{answer}");
    }
    assert!(server.model_calls().is_empty());
}

#[tokio::test]
async fn what_is_no_request_costs_little() {
    let scene = Scene::with_config("{}").await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: {}\r\nx: {}\r\n\r\n",
        scene.at,
        "x".repeat(1 << 20)
    );
    let many: String = (0..1000).map(|number| format!("x{number}: 1\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: {}\r\n{many}\r\n", scene.at);
    for (name, bytes) in [("long", long.as_bytes()), ("many", many.as_bytes())] {
        let answer = raw(scene.at, bytes).await;
        // A client that still writes when its connection is closed may see nothing.
        assert!(matches!(status(&answer), Some(431) | None), "{name} {answer}");
    }
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\n\r\n".as_bytes(),
    ] {
        let answer = timeout(Duration::from_secs(5), raw(scene.at, bytes)).await.unwrap();
        assert!(!answer.contains(" 200 "), "{bytes:?} {answer}");
    }
    assert_eq!(scene.get("/health").await.status, 200);
}

#[tokio::test]
async fn bodies_that_are_hard_to_read_are_refused() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let deep = format!(
        "{{\"model\":\"a/m\",\"x\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for (body, expected) in [
        (r#"{"model":"a/m","model":"a/m"}"#, &[200, 400][..]),
        (deep.as_str(), &[200, 400]),
        (r#"{"model":1e999999}"#, &[400]),
        ("[]", &[400]),
    ] {
        let answer = ask(scene.at, "POST", CHAT, &[], body).await;
        let shown = body.get(..40).unwrap_or(body);
        assert!(expected.contains(&answer.status), "{shown} {}", answer.text());
    }
    let own = format!("host: {}", scene.at);
    let mut bytes = head(&format!("POST {CHAT} HTTP/1.1"), &[&own, "content-length: 13"]).into_bytes();
    bytes.extend(b"{\"model\":\"\xff\"}");
    assert_eq!(status(&raw(scene.at, &bytes).await), Some(400));
    // Compressed bodies are not unpacked, so that none can be a bomb.
    let packed = [("content-encoding", "gzip")];
    assert_eq!(ask(scene.at, "POST", CHAT, &packed, "\u{1f}\u{8b}").await.status, 400);
}

#[tokio::test]
async fn those_who_send_slowly_do_not_keep_others_out() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let mut slow = JoinSet::new();
    for _ in 0..300 {
        slow.spawn(drip(scene.at));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..20 {
        let answer = timeout(Duration::from_secs(5), scene.post(CHAT, r#"{"model":"a/m"}"#))
            .await
            .unwrap();
        assert_eq!(answer.status, 200);
    }
    slow.shutdown().await;
}

/// A head of which a byte comes now and then.
async fn drip(at: SocketAddr) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    for byte in b"GET /health HTTP/1.1\r\nx-slow: ".iter().chain([&b'x'; 1000]) {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}
