//! One slot, and who gets it.

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{join, join3},
};
use yabby_core::Progress;
use yabby_route::{Deadlines, RouteEvent};
use yabby_testkit::{ModelServer, Recorded, ServerKind, script};

use super::{clock::fast, seconds};
use crate::scene::{Scene, Seen, hello, person, saying, upkeep};

async fn one_slot() -> (ModelServer, Scene) {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    server.models(&["m"]);
    let scene = Scene::with(&[&server]);
    scene.look("p0").await;
    (server, scene)
}

/// The last message of a call.
fn words(call: &Recorded) -> &str {
    call.body["messages"][0]["content"].as_str().unwrap()
}

/// Waits until so many calls have come.
async fn calls(server: &ModelServer, count: usize) {
    let calls = |log: &[Recorded]| log.iter().filter(|request| request.method == "POST").count();
    server.wait_for(|log| calls(log) == count).await;
}

#[tokio::test]
async fn background_work_yields_to_a_person_and_is_done_afterwards() {
    // Before anything came of it, and in the middle of its answer.
    fast(async {
        for begins_with in ["", "A ti"] {
            let (server, scene) = one_slot().await;
            server.chat(script![
                headers(),
                text(begins_with),
                sleep_ms(300_000),
                text("too late")
            ]);
            server.chat(script![sleep_ms(2000), text("For you.")]);
            server.chat("A title.");
            let work = scene.turn_of(upkeep(), saying("work"));
            let wish = async {
                calls(&server, 1).await;
                tokio::time::sleep(seconds(3)).await;
                let asked = tokio::time::Instant::now();
                let seen = scene.turn_of(person("a"), saying("wish")).await;
                (seen, asked.elapsed())
            };
            let (work, (wish, took)) = join(work, wish).await;
            assert_eq!((wish.text(), work.text()), ("For you.", "A title."));
            assert!(took < seconds(3), "{took:?}");
            assert_eq!(work.outcomes(), ["preempted", "answered"]);
            assert_eq!(
                (work.tried.as_slice(), work.notices.len()),
                (&["p0/m", "p0/m"].map(String::from)[..], 0)
            );
            let queued = Progress::Queued {
                ahead: 0,
                expected: None,
            };
            assert_eq!(wish.progress(), [queued]);
            let calls = server.model_calls();
            let order: Vec<(&str, bool)> = calls.iter().map(|call| (words(call), call.closed_early)).collect();
            assert_eq!(order, [("work", true), ("wish", false), ("work", false)]);
            assert_eq!((server.busy_peak(), scene.in_queue("p0")), (1, (0, 0)));
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_take_turns_and_each_is_told_its_place() {
    fast(async {
        let (server, scene) = one_slot().await;
        server.default_reply(script![sleep_ms(10_000), text("ok")]);
        // Ten seconds are usual.
        scene.turn_of(person("c"), hello()).await;
        let asked = |session: &'static str, words: &'static str, after: u64| {
            let scene = &scene;
            async move {
                tokio::time::sleep(seconds(after)).await;
                scene.turn_of(person(session), saying(words)).await
            }
        };
        let (first, second, third) = join3(asked("a", "a1", 0), asked("a", "a2", 2), asked("b", "b1", 4)).await;
        assert_eq!([&first, &second, &third].map(Seen::text), ["ok"; 3]);
        let order: Vec<String> = server.model_calls().iter().map(|call| words(call).to_owned()).collect();
        assert_eq!(order, ["Hello?", "a1", "b1", "a2"]);
        let places = |seen: &Seen| -> Vec<(usize, u128)> {
            let told = seen.progress().into_iter().filter_map(|progress| match progress {
                Progress::Queued { ahead, expected } => Some((ahead, (expected.unwrap().as_millis() + 500) / 1000)),
                _ => None,
            });
            told.collect()
        };
        assert_eq!(places(&first), []);
        assert_eq!(places(&second), [(0, 8), (1, 16), (0, 10)]);
        assert_eq!(places(&third), [(0, 6)]);
        assert_eq!((server.busy_peak(), scene.in_queue("p0")), (1, (0, 0)));
    })
    .await;
}

/// Whoever has the answer may keep the stream for as long as it likes.
#[tokio::test]
async fn the_slot_is_free_when_the_answer_is_complete() {
    fast(async {
        let (server, scene) = one_slot().await;
        let mut first = scene.events(person("a"), hello(), Deadlines::of);
        while !matches!(first.next().await, Some(RouteEvent::Done(_))) {}
        assert_eq!(scene.in_queue("p0"), (0, 0));
        let second = scene.turn_of(person("b"), hello()).await;
        assert_eq!(second.progress(), []);
        drop(first);

        server.chat(script![text("Half"), rst()]);
        server.chat(script![rst()]);
        server.chat(script![rst()]);
        let mut broken = scene.events(person("a"), hello(), Deadlines::of);
        while !matches!(broken.next().await, Some(RouteEvent::Failed(_))) {}
        assert_eq!(scene.in_queue("p0"), (0, 0));
        assert!(broken.next().now_or_never().flatten().is_none());
    })
    .await;
}

/// The server behind it is not held while another one answers.
#[tokio::test]
async fn the_slot_is_free_before_a_fallback_begins() {
    fast(async {
        let (server, _) = one_slot().await;
        let other = ModelServer::start().await;
        let scene = Scene::with(&[&server, &other]);
        server.fault(yabby_testkit::Fault::Status(500, "{}".to_owned()));
        other.chat(script![sleep_ms(20_000), text("Other.")]);
        let turn = scene.turn(hello());
        let look = async {
            calls(&other, 1).await;
            (scene.in_queue("p0"), scene.in_queue("p1"))
        };
        let (seen, queues) = join(turn, look).await;
        assert_eq!((seen.text(), queues), ("Other.", ((0, 0), (0, 1))));
    })
    .await;
}
