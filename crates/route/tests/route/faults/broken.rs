//! Answers that break off: M13.

use serde_json::json;
use yabby_core::{ErrorKind, Message, ModelEvent, ModelRequest, Tool};
use yabby_servers::Http;
use yabby_testkit::{Reply, ServerKind, Step, script};

use super::{calls, kinds, seconds, two};
use crate::scene::Process;

const SAID: &str = "The tide comes in twice a day. The second tide follows the first";

/// The ways in which a stream ends too early.
fn ends() -> [(&'static str, Vec<Step>); 5] {
    use yabby_testkit::step::{close, end, headers, raw, rst};
    [
        ("reset", vec![headers(), rst()]),
        ("half a JSON", vec![raw(&b"data: {\"choices\":[{\"del"[..]), close()]),
        (
            "half a JSON and an orderly end",
            vec![raw(&b"data: {\"choices\":[{\"del"[..]), end()],
        ),
        ("no last chunk", vec![headers(), close()]),
        ("no finish and no [DONE]", vec![headers(), end()]),
    ]
}

fn request() -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user("Tell me of the tides.")],
        tools: vec![Tool {
            name: "look_up".to_owned(),
            description: "Looks it up".to_owned(),
            parameters: json!({"type": "object", "properties": {}}),
        }],
        ..ModelRequest::default()
    }
}

fn script(begins: Vec<Step>, ends: Vec<Step>) -> Reply {
    Reply::from([begins, ends].concat())
}

#[tokio::test]
async fn m13_before_a_word() {
    for (name, end) in ends() {
        let (server, other) = two().await;
        for _ in 0..2 {
            server.chat(script(vec![], end.clone()));
        }
        let process = Process::of(&[&server, &other], "");
        let seen = process.turn(request()).await;
        assert_eq!((seen.text(), seen.shown().as_str()), ("ok", "ok"), "{name}");
        assert!(
            matches!(
                kinds(&seen)[..],
                [ErrorKind::Interrupted | ErrorKind::Malformed | ErrorKind::Empty]
            ),
            "{name}: {:?}",
            kinds(&seen)
        );
        let [first, second] = calls([&server, &other]);
        assert!((1..=2).contains(&first) && second == 1, "{name}: {first} {second}");
        assert!(server.wait_closed(seconds(5)).await, "{name}");
    }
}

#[tokio::test]
async fn m13_after_some_words() {
    let whole = format!("{SAID} by about twelve hours.");
    let anew = format!("{SAID} Tides are made by the moon.");
    let replies = [
        ("goes on", " by about twelve hours.".to_owned(), &whole, true),
        ("says all of it again", whole.clone(), &whole, false),
        (
            "says the last sentence again",
            "The second tide follows the first by about twelve hours.".to_owned(),
            &whole,
            false,
        ),
        ("begins anew", "Tides are made by the moon.".to_owned(), &anew, false),
    ];
    for (name, end) in ends() {
        for (how, reply, expected, exact) in &replies {
            let (server, other) = two().await;
            if *exact {
                other.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
                other.models(&["m"]);
            }
            let begins = script![text(&SAID[..20]), text(&SAID[20..]), tool_call("c", "look_up", "{}")];
            server.chat(script(begins.steps().to_vec(), end.clone()));
            // In small pieces, so that a seam is held where it must be.
            let pieces = reply
                .as_bytes()
                .chunks(7)
                .map(|piece| String::from_utf8(piece.to_vec()).unwrap());
            other.chat(Reply::from(pieces.map(Step::Text).collect::<Vec<_>>()));
            let process = Process::of(&[&server, &other], "");
            process.fleet.refresh(&Http::default(), seconds(0)).await;
            let seen = process.turn(request()).await;
            assert_eq!(
                (seen.text(), seen.shown().as_str()),
                (expected.as_str(), expected.as_str()),
                "{name}, {how}"
            );
            assert!(
                !seen.events.iter().any(|event| matches!(event, ModelEvent::ToolCall(_))),
                "{name}, {how}"
            );
            assert_eq!(seen.end.as_ref().unwrap().tool_calls, [], "{name}, {how}");
            assert!(
                matches!(kinds(&seen)[..], [ErrorKind::Interrupted | ErrorKind::Malformed]),
                "{name}, {how}"
            );
            assert_eq!(calls([&server, &other]), [1, 1], "{name}, {how}");
            let [told] = seen.notices.clone().try_into().unwrap();
            assert!(
                told.starts_with("p0/m broke off (") && told.ends_with("; p1/m goes on from here"),
                "{told}"
            );
            let asked = other.model_calls();
            let messages = asked[0].body["messages"].as_array().unwrap();
            assert_eq!(
                messages[1],
                json!({"role": "assistant", "content": SAID}),
                "{name}, {how}"
            );
            assert_eq!(messages.len(), if *exact { 2 } else { 3 }, "{name}, {how}");
            assert!(server.wait_closed(seconds(5)).await, "{name}, {how}");
        }
    }
}

/// What says that it is finished is whole, with or without `[DONE]`.
#[tokio::test]
async fn m13_no_done() {
    let (server, other) = two().await;
    server.chat(script![text(SAID), finish("stop"), end()]);
    let seen = Process::of(&[&server, &other], "").turn(request()).await;
    assert_eq!((seen.text(), seen.shown().as_str()), (SAID, SAID));
    assert_eq!((calls([&server, &other]), seen.notices.len()), ([1, 0], 0));
    // The other way round nothing says so.
    server.chat(script![text(SAID), done(), end()]);
    let seen = Process::of(&[&server, &other], "").turn(request()).await;
    assert_eq!((seen.text(), seen.shown().as_str()), (SAID, SAID));
    assert_eq!((calls([&server, &other]), seen.notices.len()), ([2, 0], 0));
}

/// Anthropic's protocol ends each call by itself: a whole one stands before the break.
#[tokio::test]
async fn m13_a_whole_call_before_the_break() {
    let (server, other) = two().await;
    let begins = script![text(SAID), tool_call("c", "look_up", "{}"), text(" "), rst()];
    server.messages(begins);
    other.messages(script![text(" by about twelve hours."), finish("stop")]);
    let provider = |url: String| format!("baseUrl: '{url}', api: 'anthropic-messages'");
    let process = Process::with(&[provider(server.base_url()), provider(other.base_url())], "");
    let seen = process.turn(request()).await;
    assert_eq!(seen.text(), format!("{SAID} by about twelve hours."));
    assert!(!seen.events.iter().any(|event| matches!(event, ModelEvent::ToolCall(_))));
    assert_eq!(seen.end.as_ref().unwrap().tool_calls, []);
    assert_eq!(calls([&server, &other]), [1, 1]);
}
