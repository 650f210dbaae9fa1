//! Servers that refuse, fail inside, or are none: M8 to M12.

use serde_json::json;
use yabby_core::ErrorKind;
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use super::{calls, hint, is_closed, kinds, seconds, timed, two};
use crate::{
    live::clock::fast,
    scene::{Process, hello},
};

/// With one key for the first.
fn keyed(servers: &[&ModelServer]) -> Process {
    let provider = |(at, server): (usize, &&ModelServer)| {
        let key = if at == 0 { ", apiKey: 'sk-secret'" } else { "" };
        format!("baseUrl: '{}'{key}", server.base_url())
    };
    let providers: Vec<String> = servers.iter().enumerate().map(provider).collect();
    Process::with(&providers, "")
}

#[tokio::test]
async fn m08_the_key_is_refused() {
    for (status, told) in [
        (
            401,
            "check models.providers.p0.apiKey in the config: the server refused it",
        ),
        (
            403,
            "the key in models.providers.p0.apiKey may not do this: see what its account allows, or use another model",
        ),
    ] {
        let (server, other) = two().await;
        let body = json!({"error": {"message": "no, sk-secret is wrong"}}).to_string();
        server.fault(Fault::Status(status, body));
        let process = keyed(&[&server, &other]);
        let seen = process.turn(hello()).await;
        assert_eq!((seen.text(), kinds(&seen)), ("ok", vec![ErrorKind::Auth]), "{status}");
        assert_eq!(hint(&seen), told);
        assert!(!format!("{:?} {:?}", seen.notices, seen.events).contains("sk-secret"));
        // The key rests, and its server is well.
        assert_eq!(process.turn(hello()).await.tried, ["p1/m"], "{status}");
        assert_eq!(
            (calls([&server, &other]), is_closed(&process)),
            ([1, 2], true),
            "{status}"
        );
    }
}

#[tokio::test]
async fn m09_the_server_has_no_such_model() {
    for kind in [ServerKind::Plain, ServerKind::Vllm { max_model_len: 4096 }] {
        let (server, other) = two().await;
        server.kind(kind.clone());
        server.models(&["qwen", "gemma"]);
        server.fault(Fault::ModelNotFound);
        let process = Process::of(&[&server, &other], "");
        let http = yabby_servers::Http::default();
        process.fleet.refresh(&http, seconds(0)).await;
        let seen = process.turn(hello()).await;
        assert_eq!(
            (seen.text(), kinds(&seen)),
            ("ok", vec![ErrorKind::ModelNotFound]),
            "{kind:?}"
        );
        assert_eq!(hint(&seen), "p0 has qwen, gemma: correct the name in the config");
        assert_eq!(
            (calls([&server, &other]), is_closed(&process)),
            ([1, 1], true),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn m10_limited_without_a_time() {
    fast(async {
        for (fault, kind) in [
            (Fault::RateLimit { retry_after: None }, ErrorKind::RateLimit),
            (Fault::Overloaded, ErrorKind::Overloaded),
            (Fault::Status(402, "{}".to_owned()), ErrorKind::Billing),
        ] {
            let (server, other) = two().await;
            server.fault(fault.clone());
            let process = keyed(&[&server, &other]);
            let (seen, took) = timed(&process, hello()).await;
            assert_eq!((seen.text(), kinds(&seen)), ("ok", vec![kind]));
            assert!(took < seconds(1), "{kind:?}: {took:?}");
            assert_eq!((calls([&server, &other]), is_closed(&process)), ([1, 1], true));
            // A key rests; overload is no fault of it.
            process.turn(hello()).await;
            let asked = if kind == ErrorKind::Overloaded { 2 } else { 1 };
            assert_eq!(calls([&server, &other]), [asked, 2], "{kind:?}");

            // With nobody else, it is asked three times at the most.
            let alone = ModelServer::start().await;
            alone.fault(fault.clone());
            let (seen, took) = timed(&keyed(&[&alone]), hello()).await;
            let asked = if kind == ErrorKind::Billing { 1 } else { 3 };
            assert_eq!((kinds(&seen), calls([&alone])), (vec![kind], [asked]));
            assert!(took < seconds(5), "{kind:?}: {took:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn m10_limited_with_a_time() {
    fast(async {
        // So little is waited for.
        let (server, other) = two().await;
        let limited = |time| Fault::RateLimit {
            retry_after: Some(seconds(time)),
        };
        server.fault_once(limited(1));
        let process = keyed(&[&server, &other]);
        let (seen, took) = timed(&process, hello()).await;
        assert_eq!(
            (seen.text(), seen.outcomes()),
            ("ok", ["rate_limit", "answered"].map(String::from).to_vec())
        );
        assert!(took >= seconds(1) && took < seconds(3), "{took:?}");
        assert_eq!(calls([&server, &other]), [2, 0]);
        // For more, there is somebody else, as long as the server has said.
        server.fault_once(limited(30));
        for _ in 0..2 {
            let (seen, took) = timed(&process, hello()).await;
            assert_eq!((seen.text(), kinds(&seen).len()), ("ok", 1));
            assert!(took < seconds(1), "{took:?}");
        }
        assert_eq!(calls([&server, &other]), [3, 2]);
        tokio::time::sleep(seconds(31)).await;
        assert_eq!(process.turn(hello()).await.tried, ["p0/m"]);

        // With nobody else, it is waited for as long as the turn has time.
        let alone = ModelServer::start().await;
        alone.fault_once(limited(40));
        let (seen, took) = timed(&keyed(&[&alone]), hello()).await;
        assert_eq!(seen.text(), "ok");
        assert!(took >= seconds(40) && took < seconds(43), "{took:?}");
        alone.fault(limited(3600));
        let (seen, took) = timed(&keyed(&[&alone]), hello()).await;
        assert_eq!((kinds(&seen), calls([&alone])), (vec![ErrorKind::RateLimit], [3]));
        assert!(took < seconds(2), "{took:?}");
    })
    .await;
}

const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

#[tokio::test]
async fn m11_a_storm_of_failures() {
    fast(async {
        for (status, body, kind) in [
            (500, "{}", ErrorKind::Server),
            (502, PAGE, ErrorKind::Server),
            (503, PAGE, ErrorKind::Server),
            (504, PAGE, ErrorKind::Server),
            (503, "{}", ErrorKind::Overloaded),
        ] {
            let (server, other) = two().await;
            for server in [&server, &other] {
                server.fault(Fault::Status(status, body.to_owned()));
            }
            let process = Process::of(&[&server, &other], "");
            // One layer: the last one is asked again, after 1 s and 2 s, the other one is not.
            let (seen, took) = timed(&process, hello()).await;
            assert_eq!(
                (kinds(&seen), calls([&server, &other])),
                (vec![kind; 2], [1, 3]),
                "{status}"
            );
            assert!(took >= seconds(3) && took < seconds(4), "{status}: {took:?}");
            // Three failures in a row, and it rests.
            other.clear_faults();
            for turn in 2..6 {
                assert_eq!(process.turn(hello()).await.text(), "ok");
                let asked = if kind == ErrorKind::Server { 3.min(turn) } else { turn };
                assert_eq!(server.model_calls().len(), asked, "{status}");
            }
            assert_eq!(is_closed(&process), kind != ErrorKind::Server, "{status}");
            assert!(server.wait_closed(seconds(60)).await);
        }
    })
    .await;
}

#[tokio::test]
async fn m11_a_web_page() {
    fast(async {
        let (server, other) = two().await;
        server.fault(Fault::HtmlWith200);
        let told = format!(
            "check baseUrl: {} does not answer as an OpenAI-style API; it usually ends in /v1",
            server.base_url()
        );
        let (seen, took) = timed(&Process::of(&[&server, &other], ""), hello()).await;
        assert_eq!((seen.text(), kinds(&seen)), ("ok", vec![ErrorKind::NotAnApi]));
        assert_eq!((hint(&seen), calls([&server, &other])), (told.clone(), [1, 1]));
        assert!(took < seconds(1), "{took:?}");
        let seen = Process::of(&[&server], "").turn(hello()).await;
        assert_eq!((kinds(&seen), hint(&seen)), (vec![ErrorKind::NotAnApi], told));
        assert_eq!(server.model_calls().len(), 2);
    })
    .await;
}

/// In every form, as a body and as an event of a stream.
#[tokio::test]
async fn m12_an_error_under_200() {
    let forms = [
        json!({"error": "the backend failed"}),
        json!({"error": {"message": "the backend failed", "type": "server_error", "code": 500}}),
        json!({"object": "error", "message": "the backend failed", "type": "InternalServerError", "code": 500}),
    ];
    for form in forms {
        for (content_type, body) in [
            ("application/json", form.to_string()),
            ("text/event-stream", format!("data: {form}\n\n")),
            (
                "text/event-stream",
                format!("event: error\ndata: {form}\n\ndata: [DONE]\n\n"),
            ),
        ] {
            let (server, other) = two().await;
            server.answer_with(200, content_type, body.clone());
            let seen = Process::of(&[&server, &other], "").turn(hello()).await;
            assert_eq!((seen.text(), seen.shown().as_str()), ("ok", "ok"), "{body}");
            assert_eq!(kinds(&seen), [ErrorKind::Server], "{body}");
            let told = seen.notices.join(" ");
            assert!(told.contains("the backend failed"), "{body}: {told}");
            assert_eq!(calls([&server, &other]), [1, 1], "{body}");
        }
    }
    // Alone it is told, and never taken for an empty answer.
    fast(async {
        let server = ModelServer::start().await;
        server.fault(Fault::JsonErrorWith200);
        let seen = Process::of(&[&server], "").turn(hello()).await;
        assert_eq!((kinds(&seen), calls([&server])), (vec![ErrorKind::Server], [3]));
        server.clear_faults();
        let error = json!({"message": "the backend failed", "type": "server_error"});
        server.default_reply(script![error_event(error)]);
        let seen = Process::of(&[&server], "").turn(hello()).await;
        assert_eq!((kinds(&seen), calls([&server])), (vec![ErrorKind::Server], [6]));
    })
    .await;
}
