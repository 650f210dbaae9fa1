//! Windows that are smaller than was thought: M16, M25, M26, M31.

use yabby_core::{ErrorKind, FactSource};
use yabby_testkit::{Dialect, Fault, ServerKind, dead_url};

use super::world::{World, conversation, lengths, playing, seconds};
use crate::{live::clock::fast, scene::hello};

/// Its window, and who says so.
fn window(world: &World, provider: &str, model: &str) -> Option<(u32, FactSource)> {
    let window = world.endpoint(provider).window(model)?;
    Some((window.value, window.source))
}

/// Ollama says nothing of what it left out, and here its list of running models hangs too.
#[tokio::test]
async fn m16_a_prompt_that_was_cut_without_a_word_is_told_and_not_sent_again() {
    fast(async {
        let server = playing(ServerKind::Ollama {
            allocated: Some(4096),
            trained: 32_768,
        })
        .await;
        server.fault(Fault::HangPath("/api/ps"));
        let world = World::of(&[&server], "");
        let turn = world.turn(conversation(20, 500)).await;
        assert_eq!(turn.whole(), "ok");
        let [told] = turn.notices.clone().try_into().unwrap();
        assert!(told.starts_with("p0/m read only 4096 of about 1"), "{told}");
        assert!(
            told.ends_with(
                "its server cuts what does not fit into a window of about 4096 tokens; give it a larger one, or shorten the input"
            ),
            "{told}"
        );
        assert_eq!(window(&world, "p0", "m"), Some((4096, FactSource::Learned)));
        // The same conversation goes on with what fits, and the person is told that instead.
        let turn = world.turn(conversation(20, 500)).await;
        assert_eq!(turn.whole(), "ok");
        assert_eq!(
            turn.notices,
            ["the conversation does not fit the window of p0/m (3072 tokens of input); its beginning is left out for this answer"]
        );
        let [whole, fitting] = lengths(&server).try_into().unwrap();
        assert!(whole == 41 && fitting < 20 && fitting > 1, "{whole} {fitting}");
    })
    .await;
}

#[tokio::test]
async fn m25_a_server_that_comes_back_with_a_smaller_window_goes_on_with_what_fits() {
    fast(async {
        let server = playing(ServerKind::LlamaCpp {
            window: 16_384,
            slots: 1,
        })
        .await;
        let other = playing(ServerKind::Plain).await;
        let world = World::of(&[&server, &other], "");
        world.look().await;
        assert_eq!(world.turn(conversation(8, 500)).await.whole(), "ok");
        assert_eq!(lengths(&server), [17]);

        server.kind(ServerKind::LlamaCpp { window: 2048, slots: 1 });
        server.fault_once(Fault::Overflow {
            dialect: Dialect::LlamaCpp,
            prompt: 6000,
            window: 0,
        });
        let turn = world.turn(conversation(8, 500)).await;
        assert_eq!(turn.whole(), "ok");
        assert_eq!(
            (turn.outcomes(), turn.tried.as_slice()),
            (
                vec!["context_overflow".to_owned(), "answered".to_owned()],
                &["p0/m".to_owned()][..]
            )
        );
        assert_eq!(turn.notices.len(), 1, "{:?}", turn.notices);
        let [_, refused, smaller] = lengths(&server).try_into().unwrap();
        assert!(refused == 17 && smaller < 17, "{refused} {smaller}");
        assert!(world.is_closed("p0"));
        // The next turn fits at once.
        let turn = world.turn(conversation(8, 500)).await;
        assert_eq!((turn.whole(), turn.outcomes()), ("ok", vec!["answered".to_owned()]));
        // And the server itself confirms it when it is asked again.
        tokio::time::sleep(seconds(31)).await;
        assert_eq!(world.turn(hello()).await.whole(), "ok");
        world.look().await;
        assert_eq!(window(&world, "p0", "m"), Some((2048, FactSource::Probe)));
        assert_eq!(other.model_calls().len(), 0);
    })
    .await;
}

/// Two instances of one model, which are models of their own in the config.
#[tokio::test]
async fn m26_the_instance_that_serves_the_request_decides() {
    fast(async {
        let server = playing(ServerKind::LmStudio {
            loaded: None,
            max: 32_768,
        })
        .await;
        assert_eq!([server.load("m", 32_768), server.load("m", 2048)], ["m", "m:2"]);
        let world = World::with_config(&format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m:2', fallbacks: ['p0/m'] }} }} }}, models: {{ providers: {{
                p0: {{ baseUrl: '{}', models: [{{ id: 'm' }}, {{ id: 'm:2' }}] }} }} }} }}",
            server.base_url()
        ));
        world.look().await;
        assert_eq!(
            [window(&world, "p0", "m"), window(&world, "p0", "m:2")],
            [Some((32_768, FactSource::Probe)), Some((2048, FactSource::Probe))]
        );
        // The small one fails; the large one gets all of it.
        server.fault_once(Fault::Status(500, "{}".to_owned()));
        let turn = world.turn(conversation(8, 500)).await;
        assert_eq!(
            (turn.whole(), turn.kinds(), turn.tried.as_slice()),
            ("ok", vec![ErrorKind::Server], &["p0/m:2", "p0/m"].map(String::from)[..])
        );
        let [small, large] = lengths(&server).try_into().unwrap();
        assert!(small < 17 && large == 17, "{small} {large}");
        // What the small one says of its window is not held against the large one.
        server.fault_once(Fault::Overflow {
            dialect: Dialect::LmStudio,
            prompt: 1500,
            window: 1024,
        });
        let turn = world.turn(conversation(8, 500)).await;
        assert_eq!((turn.whole(), turn.tried.len()), ("ok", 1));
        assert_eq!(
            [window(&world, "p0", "m"), window(&world, "p0", "m:2")],
            [Some((32_768, FactSource::Probe)), Some((1024, FactSource::Learned))]
        );
    })
    .await;
}

#[tokio::test]
async fn m31_a_fallback_with_a_smaller_window_gets_what_fits() {
    let small = playing(ServerKind::LlamaCpp { window: 2048, slots: 1 }).await;
    let large = playing(ServerKind::LlamaCpp {
        window: 32_768,
        slots: 1,
    })
    .await;
    let world = World::at(&[dead_url(), small.base_url(), large.base_url()], "");
    for provider in ["p1", "p2"] {
        let endpoint = world.endpoint(provider);
        endpoint.refresh(&world.http, seconds(0), seconds(4)).await;
    }
    let turn = world.turn(conversation(8, 500)).await;
    assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![ErrorKind::Refused]));
    assert_eq!(
        turn.notices[1..],
        [
            "the conversation does not fit the window of p1/m (1536 tokens of input); its beginning is left out for this answer"
        ]
    );
    // Sent once, and so that it fits by the estimate.
    let [sent] = lengths(&small).try_into().unwrap();
    assert!((1..17).contains(&sent), "{sent}");
    let [call] = small.model_calls().try_into().unwrap();
    assert_eq!(call.body["messages"][sent - 1]["content"], "And now?");
    assert_eq!(call.body["messages"][0]["role"], "user");
    // The one behind it gets all of it again.
    small.fault(Fault::Status(500, "{}".to_owned()));
    let turn = world.turn(conversation(8, 500)).await;
    assert_eq!((turn.whole(), turn.tried.last().unwrap().as_str()), ("ok", "p2/m"));
    assert_eq!(lengths(&large), [17]);
    // What cannot be made to fit is not sent.
    let calls = small.model_calls().len();
    small.clear_faults();
    let turn = world.turn(conversation(0, 0)).await;
    assert_eq!(turn.whole(), "ok");
    let huge = crate::scene::saying(&"word ".repeat(8000));
    let turn = world.turn(huge).await;
    assert_eq!(turn.whole(), "ok");
    assert!(turn.kinds().contains(&ErrorKind::ContextOverflow), "{:?}", turn.kinds());
    assert_eq!(small.model_calls().len(), calls + 1);
}

/// It was there a moment ago, and the list of then still names it.
#[tokio::test]
async fn m25_a_model_that_disappears_is_looked_for_anew() {
    fast(async {
        let (server, other) = (
            playing(ServerKind::Vllm { max_model_len: 8192 }).await,
            playing(ServerKind::Plain).await,
        );
        let world = World::of(&[&server, &other], "");
        world.look().await;
        assert_eq!(world.turn(hello()).await.whole(), "ok");
        for (models, hint) in [
            (
                &["gemma", "qwen"][..],
                "p0 has gemma, qwen: correct the name in the config",
            ),
            (&[], "see `yabby models` for what p0 has"),
        ] {
            server.models(models);
            let turn = world.turn(hello()).await;
            assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![ErrorKind::ModelNotFound]));
            let told = turn.errors()[0].hint.as_ref().unwrap().english();
            assert_eq!(told, hint);
            assert!(turn.took < seconds(1) && world.is_closed("p0"), "{:?}", turn.took);
        }
        // Also where the list hangs: two seconds, and then the next.
        server.fault(Fault::HangPath("/v1/models"));
        let turn = world.turn(hello()).await;
        assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![ErrorKind::ModelNotFound]));
        assert!(turn.took < seconds(3), "{:?}", turn.took);
        server.clear_faults();
        server.models(&["m"]);
        assert_eq!(world.turn(hello()).await.tried, ["p0/m"]);
    })
    .await;
}
