//! The person stops the turn, closes the page or sends something else: M28. Whatever Yabby was doing then, within a second
//! nothing is open and no slot is taken, and nothing is sent later.

use futures_util::{StreamExt as _, stream::BoxStream};
use serde_json::json;
use tokio::time::timeout;
use yabby_core::{Message, ModelEvent, ModelRequest, Progress, Tool};
use yabby_route::RouteEvent;
use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url, script};

use super::world::{World, playing, seconds};
use crate::{
    live::clock::fast,
    scene::{hello, person},
};

const LLAMA: ServerKind = ServerKind::LlamaCpp { window: 8192, slots: 1 };

/// A turn that is about to be left.
struct Going<'a> {
    world: &'a World,
    servers: Vec<&'a ModelServer>,
    events: BoxStream<'static, RouteEvent>,
}

impl<'a> Going<'a> {
    fn of(world: &'a World, servers: &[&'a ModelServer]) -> Self {
        Self::asking(world, servers, hello())
    }

    fn asking(world: &'a World, servers: &[&'a ModelServer], request: ModelRequest) -> Self {
        Self {
            world,
            servers: servers.to_vec(),
            events: world.events(person("a"), request),
        }
    }

    /// Goes on until this happens.
    async fn until(mut self, wanted: impl Fn(&RouteEvent) -> bool) -> Self {
        while let Some(event) = self.events.next().await {
            if wanted(&event) {
                return self;
            }
        }
        panic!("it never happened")
    }

    async fn until_event(self, wanted: impl Fn(&ModelEvent) -> bool) -> Self {
        self.until(|event| matches!(event, RouteEvent::Model(event) if wanted(event)))
            .await
    }

    /// Goes on for this long; it must not end before.
    async fn during(mut self, count: u64) -> Self {
        let end = async { while self.events.next().await.is_some() {} };
        assert!(timeout(seconds(count), end).await.is_err(), "it has ended");
        self
    }

    /// Leaves, and looks at what is left, now and a minute later. The next turn is answered at once.
    async fn leaves(self) {
        let calls = || -> Vec<usize> { self.servers.iter().map(|server| server.requests().len()).collect() };
        drop(self.events);
        let queues = ["p0", "p1"]
            .iter()
            .filter(|name| self.world.fleet.endpoint(name).is_some());
        for provider in queues.clone() {
            assert_eq!(self.world.in_queue(provider), (0, 0), "{provider}");
        }
        for (at, server) in self.servers.iter().enumerate() {
            assert!(
                server.wait_closed(seconds(1)).await,
                "{} of {at} are open",
                server.open_connections()
            );
            assert_eq!(server.busy(), 0, "{at}");
        }
        let before = calls();
        tokio::time::sleep(seconds(60)).await;
        assert_eq!(calls(), before, "something was sent after the person had left");
        for provider in queues {
            assert!(
                self.world.is_closed(provider),
                "{provider}: leaving is no failure of the server"
            );
        }
        for server in &self.servers {
            server.clear_faults();
            server.default_reply("Well.");
        }
        let turn = self.world.turn_of(person("a"), hello()).await;
        assert_eq!(turn.whole(), "Well.");
        assert!(turn.took < seconds(1), "{:?}", turn.took);
    }
}

fn is_text(event: &ModelEvent) -> bool {
    matches!(event, ModelEvent::Text(_))
}

fn is_loading(event: &ModelEvent) -> bool {
    matches!(event, ModelEvent::Progress(Progress::Loading { .. }))
}

fn left_early(server: &ModelServer) -> Vec<bool> {
    server.model_calls().iter().map(|call| call.closed_early).collect()
}

#[tokio::test]
async fn m28_while_nothing_answers_at_all() {
    fast(async {
        let server = ModelServer::start().await;
        server.fault(Fault::AcceptAndHang);
        let world = World::of(&[&server], "");
        // Before and while it is asked on another connection.
        for after in [2, 7] {
            server.clear_faults();
            server.fault(Fault::AcceptAndHang);
            Going::of(&world, &[&server]).during(after).await.leaves().await;
        }
    })
    .await;
}

#[tokio::test]
async fn m28_in_the_line_for_a_slot() {
    fast(async {
        let server = playing(LLAMA).await;
        let world = World::of(&[&server], "");
        world.look().await;
        server.chat(script![headers(), text("Be"), hang()]);
        let first = Going::of(&world, &[&server]).until_event(is_text).await;
        let queued = |event: &ModelEvent| matches!(event, ModelEvent::Progress(Progress::Queued { .. }));
        let second = Going::of(&world, &[&server]).until_event(queued).await;
        assert_eq!(world.in_queue("p0"), (1, 1));
        drop(second.events);
        assert_eq!((world.in_queue("p0"), server.model_calls().len()), ((0, 1), 1));
        first.leaves().await;
        assert!(left_early(&server)[0]);
    })
    .await;
}

#[tokio::test]
async fn m28_while_the_model_is_loaded() {
    fast(async {
        // Refused and asked again; silent, and the side channel says so; woken by a request of its own.
        let refused = playing(LLAMA).await;
        let loading = r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;
        refused.fault(Fault::Status(503, loading.to_owned()));
        let world = World::of(&[&refused], "");
        Going::of(&world, &[&refused])
            .until_event(is_loading)
            .await
            .leaves()
            .await;

        let cold = playing(ServerKind::LmStudio {
            loaded: None,
            max: 8192,
        })
        .await;
        cold.load_time(seconds(1000));
        let world = World::of(&[&cold], "");
        world.look().await;
        let going = Going::of(&world, &[&cold])
            .until_event(is_loading)
            .await
            .during(10)
            .await;
        cold.load_time(seconds(0));
        cold.unload("m");
        cold.load("m", 8192);
        going.leaves().await;
    })
    .await;
}

#[tokio::test]
async fn m28_while_the_prompt_is_read() {
    fast(async {
        for script in [
            script![hang()],
            script![headers(), hang()],
            script![reasoning("Hm."), hang()],
        ] {
            let server = playing(LLAMA).await;
            let world = World::of(&[&server], "");
            world.look().await;
            server.chat(script);
            Going::of(&world, &[&server]).during(12).await.leaves().await;
            assert!(left_early(&server)[0]);
        }
    })
    .await;
}

#[tokio::test]
async fn m28_while_it_thinks_or_answers() {
    fast(async {
        for script in [
            script![text("On"), endless(" and on")],
            script![reasoning("Hm."), text("On"), hang()],
        ] {
            let server = playing(LLAMA).await;
            let world = World::of(&[&server], "");
            server.chat(script);
            Going::of(&world, &[&server]).until_event(is_text).await.leaves().await;
            assert!(left_early(&server)[0]);
        }
    })
    .await;
}

/// There is nothing open then, and nothing may come later.
#[tokio::test]
async fn m28_in_a_pause_before_it_is_asked_again() {
    fast(async {
        for fault in [
            Fault::Status(500, "{}".to_owned()),
            Fault::RateLimit {
                retry_after: Some(seconds(30)),
            },
        ] {
            let server = playing(ServerKind::Plain).await;
            server.fault(fault);
            let world = World::of(&[&server], "");
            let going = Going::of(&world, &[&server]);
            let going = going.until(|event| matches!(event, RouteEvent::Attempt(_))).await;
            drop(going.events);
            assert_eq!((world.in_queue("p0"), server.model_calls().len()), ((0, 0), 1));
            tokio::time::sleep(seconds(60)).await;
            assert_eq!(server.model_calls().len(), 1);
            server.clear_faults();
            assert_eq!(world.turn(hello()).await.whole(), "ok");
        }
    })
    .await;
}

#[tokio::test]
async fn m28_while_a_fallback_answers_or_goes_on() {
    fast(async {
        // The first one is off, or has broken off.
        for broken in [false, true] {
            let (server, other) = (playing(LLAMA).await, playing(LLAMA).await);
            let url = if broken { server.base_url() } else { dead_url() };
            let world = World::at(&[url, other.base_url()], "");
            server.chat(script![text("Half"), rst()]);
            other.chat(script![text(" and half"), hang()]);
            let half = |event: &ModelEvent| matches!(event, ModelEvent::Text(text) if text.contains("and half"));
            let going = Going::of(&world, &[&server, &other]).until_event(half).await;
            drop(going.events);
            assert_eq!(world.in_queue("p1"), (0, 0));
            assert!(other.wait_closed(seconds(1)).await && server.wait_closed(seconds(1)).await);
            assert_eq!((other.busy(), left_early(&other)), (0, vec![true]));
        }
    })
    .await;
}

/// Two are asked at once: both are left.
#[tokio::test]
async fn m28_while_two_are_asked() {
    fast(async {
        let (first, second) = (playing(LLAMA).await, playing(LLAMA).await);
        let world = World::of(&[&first, &second], "route: { hedgeAfter: 2 }");
        world.look().await;
        first.chat(script![hang()]);
        second.chat(script![reasoning("Hm."), hang()]);
        let going = Going::of(&world, &[&first, &second]).during(4).await;
        assert_eq!((first.busy(), second.busy()), (1, 1));
        going.leaves().await;
        assert_eq!((left_early(&first)[0], left_early(&second)[0]), (true, true));
    })
    .await;
}

#[tokio::test]
async fn m28_while_refused_tools_are_searched() {
    fast(async {
        let server = playing(LLAMA).await;
        let grammar = r#"{"error":{"message":"Failed to initialize samplers: failed to parse grammar","type":"x"}}"#;
        // The second one: with bare schemas.
        server.fault_times(2, Fault::Status(400, grammar.to_owned()));
        let world = World::of(&[&server], "");
        let tool = |number: usize| Tool {
            name: format!("tool{number}"),
            description: "A tool".to_owned(),
            parameters: json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}),
        };
        let request = ModelRequest {
            messages: vec![Message::user("Hello?")],
            tools: (0..4).map(tool).collect(),
            ..ModelRequest::default()
        };
        server.chat(script![hang()]);
        let going = Going::asking(&world, &[&server], request).during(3).await;
        assert_eq!(
            server.model_calls().last().unwrap().body["max_tokens"],
            1,
            "the search had begun"
        );
        going.leaves().await;
    })
    .await;
}
