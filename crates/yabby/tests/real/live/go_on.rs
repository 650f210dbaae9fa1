//! A server that is killed in the middle of its answer: another one goes on from there.

use futures_util::StreamExt;
use yabby_core::ModelEvent;
use yabby_route::{RouteEvent, Router, Wanted, plan};

use super::{Here, PROBE, config, long_answer, provider, runtime};
use crate::llama::Llama;

/// With the likeliest words, both servers say the same, so that the answer of two is that of one alone.
#[test]
fn an_answer_of_two_servers_is_that_of_one() {
    let (mut first, second) = (Llama::start(), Llama::start());
    let here = Here::of(&config(
        &[
            provider("one", first.port(), "smollm2"),
            provider("two", second.port(), "smollm2"),
        ],
        &["one/smollm2", "two/smollm2"],
    ));
    runtime().block_on(async {
        for name in ["one", "two"] {
            here.endpoint(name)
                .refresh(&here.http, std::time::Duration::ZERO, PROBE)
                .await;
        }
        let request = long_answer("Tell me a story about a fox and a river.", 120);
        let alone = here.ask(Some("two/smollm2"), request.clone()).await;
        let alone = alone.answer().text.as_str().to_owned();

        let planned = plan(&here.config, &here.fleet, &Wanted::default()).unwrap();
        let mut events = Router::new(&here.http, &here.config).answer(planned, request);
        let (mut shown, mut notices, mut pieces) = (String::new(), Vec::new(), 0);
        let answer = loop {
            match events.next().await.unwrap() {
                RouteEvent::Model(ModelEvent::Text(piece)) => {
                    shown.push_str(&piece);
                    pieces += 1;
                    if pieces == 20 {
                        first.kill();
                    }
                }
                RouteEvent::Notice(notice) => notices.push(notice.english()),
                RouteEvent::Done(answer) => break answer,
                RouteEvent::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        };
        assert_eq!(answer.text.as_str(), shown);
        assert_eq!(answer.model.to_string(), "two/smollm2");
        assert!(
            notices
                .iter()
                .any(|notice| notice.contains("two/smollm2 goes on from here")),
            "{notices:?}"
        );
        // What was shown is the same to the letter as far as the one server alone had come; the rest is as long as it likes.
        let both = alone.chars().zip(shown.chars()).take_while(|(a, b)| a == b).count();
        println!(
            "{both} of {} letters are those of one server alone",
            alone.chars().count()
        );
        assert!(both > alone.chars().count() / 2, "alone: {alone}\n\ntogether: {shown}");
        // The second half begins nowhere anew.
        let beginning: String = shown.chars().take(40).collect();
        assert_eq!(shown.matches(&beginning).count(), 1, "{shown}");
    });
}
