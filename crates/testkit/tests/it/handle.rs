//! The handle: log, keys, names, clock, end.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use yabby_testkit::{Canary, Fault, ModelServer, ServerKind, dead_port, dead_url, script};

use crate::client::{LONG, ask, ask_json, chat, connect, get, post, read};

#[tokio::test]
async fn connections_are_kept_alive_and_requests_recorded() {
    let server = ModelServer::start().await;
    let mut stream = connect(&server, &chat(true)).await;
    read(&mut stream).await.unwrap();
    let request = "GET /v1/models?a=b HTTP/1.1\r\nAuthorization: Bearer k\r\nX-A: 1\r\nx-a: 2\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let (_, models) = read(&mut stream).await.unwrap();
    assert!(models.contains("\"id\":\"test-model\""), "{models}");
    let requests = server
        .wait_for(|requests| requests.iter().filter(|r| r.complete).count() == 2)
        .await;
    assert_eq!(
        requests.iter().map(yabby_testkit::Recorded::line).collect::<Vec<_>>(),
        ["POST /v1/chat/completions", "GET /v1/models"]
    );
    assert_eq!(requests[0].body["model"], "m1");
    assert_eq!(
        (requests[1].query.as_str(), requests[1].header("x-a")),
        ("a=b", Some("1, 2"))
    );
    assert_eq!(
        (
            requests[0].connection,
            requests[1].connection,
            server.accepted_connections()
        ),
        (1, 1, 1)
    );
    assert_eq!(server.model_calls().len(), 1);
}

#[tokio::test]
async fn names_keys_and_fixed_answers() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::Vllm { max_model_len: 2048 });
    assert!(ask(&server, &chat(true)).await.0.contains("404"));
    server.models(&["m1"]);
    server.served_as("another");
    assert_eq!(ask_json(&server, &chat(false)).await["model"], "another");
    server.require_key("k");
    assert!(ask(&server, &chat(false)).await.0.contains("401"));
    let keyed = chat(false).replacen("Host: x", "x-api-key: k", 1);
    assert!(ask(&server, &keyed).await.0.contains("200"));
    server.answer_with(418, "text/plain", "tea");
    assert_eq!(ask(&server, &keyed).await.1, "tea");
    server.route("/special", 201, "text/plain", "fixed");
    let special = get("/special").replacen("Host: x", "x-api-key: k", 1);
    assert_eq!(ask(&server, &special).await.1, "fixed");
}

#[tokio::test]
async fn dropping_the_server_closes_port_and_connections() {
    let server = ModelServer::start().await;
    server.chat(script![hang()]);
    let mut stream = connect(&server, &chat(true)).await;
    server.wait_for(|requests| requests.len() == 1).await;
    let addr = server.addr();
    drop(server);
    let mut rest = Vec::new();
    let ended = timeout(LONG, stream.read_to_end(&mut rest))
        .await
        .expect("the connection ends");
    assert!(ended.is_ok_and(|count| count == 0) || rest.is_empty());
    assert!(TcpStream::connect(addr).await.is_err());
    assert!(TcpStream::connect(dead_port()).await.is_err());
}

#[tokio::test]
async fn a_dead_port_stays_dead() {
    let dead = dead_port();
    // Nobody else gets it, not even who asks for it.
    assert!(std::net::TcpListener::bind(dead).is_err());
    let refused = TcpStream::connect(dead).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(dead_url().starts_with("http://127.0.0.1:") && dead_url().ends_with("/v1"));
}

#[tokio::test]
async fn anthropic_wants_its_version_once() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::Anthropic);
    server.models(&["m1"]);
    let message = json!({"model": "m1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    for request in [post("/v1/messages", &message), get("/v1/models")] {
        let (head, body) = ask(&server, &request).await;
        assert!(
            head.contains(" 401 ") && body.contains("x-api-key header is required"),
            "{head}{body}"
        );
        let request = request.replacen("Host: x", "x-api-key: k\r\nHost: x", 1);
        let (head, body) = ask(&server, &request).await;
        assert!(head.contains(" 400 "), "{head}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["type"], &body["error"]["type"], &body["error"]["message"]),
            (
                &json!("error"),
                &json!("invalid_request_error"),
                &json!("anthropic-version: header is required")
            )
        );
        let once = request.replacen("Host: x", "anthropic-version: 2023-06-01", 1);
        assert!(ask(&server, &once).await.0.contains(" 200 "));
        let twice = once.replacen("\r\n", "\r\nAnthropic-Version: 2023-06-01\r\n", 1);
        assert!(ask(&server, &twice).await.0.contains(" 400 "));
    }
    server.kind(ServerKind::Plain);
    assert!(ask(&server, &get("/v1/models")).await.0.contains(" 200 "));
}

#[tokio::test]
async fn a_server_comes_back_where_it_was() {
    let addr = dead_port();
    let server = ModelServer::start_at(addr).await;
    server.chat(script![text("a"), hang()]);
    let _stream = connect(&server, &chat(true)).await;
    server.wait_for(|requests| requests.len() == 1).await;
    assert_eq!(server.stop().await, addr);
    assert!(TcpStream::connect(addr).await.is_err());
    let server = ModelServer::start_at(addr).await;
    assert_eq!(
        ask_json(&server, &chat(false)).await["choices"][0]["message"]["content"],
        "ok"
    );
}

#[test]
fn a_server_on_a_thread_serves_blocking_tests() {
    use std::io::{Read as _, Write as _};
    let server = ModelServer::start_on_thread();
    let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
    stream.write_all(get("/v1/models").as_bytes()).unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    drop(server);
    assert_eq!(
        stream
            .read_to_end(&mut Vec::new())
            .map(|_| ())
            .map_err(|error| error.kind()),
        Ok(())
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_moves_the_server() {
    let server = ModelServer::start().await;
    server.chat(script![sleep(Duration::from_hours(1)), text("late")]);
    let mut stream = connect(&server, &chat(true)).await;
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
}

#[test]
fn a_canary_sings() {
    let (canary, other) = (Canary::new(), Canary::new());
    canary.assert_absent(other.expose());
    assert!(canary.is_in(&format!("key={}", canary.expose())));
    assert!(!canary.is_in(&format!("{canary:?}")));
}

#[tokio::test]
async fn whoever_connects_is_seen() {
    let server = ModelServer::start().await;
    server.assert_untouched().await;
    let server = ModelServer::start().await;
    server.fault(Fault::AcceptAndHang);
    // It says nothing, and is gone at once.
    drop(TcpStream::connect(server.addr()).await.unwrap());
    let mut task = tokio::task::JoinSet::new();
    task.spawn(async move { server.assert_untouched().await });
    assert!(task.join_next().await.unwrap().unwrap_err().is_panic());
}
