//! One session that goes from a hosted model to a local one and back: the same transcript, and nothing in it that a
//! server would refuse, now or ever after.

use serde_json::{Value, json};
use yabby_core::{Message, ModelRequest, Tool};
use yabby_route::Answer;
use yabby_testkit::{Documented, Fault, ModelServer, ServerKind, script};

use super::{SERVICES, provider, service};
use crate::scene::{Scene, saying};

/// The words that only a service of these can read.
const SEALED: [&str; 5] = [
    "signature",
    "encrypted_content",
    "reasoning_details",
    "thinking",
    "gAAAA",
];

struct Session {
    scene: Scene,
    request: ModelRequest,
}

impl Session {
    fn new(scene: Scene) -> Self {
        let request = ModelRequest {
            tools: vec![Tool {
                name: "weather".to_owned(),
                description: "Tells the weather".to_owned(),
                parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
            }],
            messages: Vec::new(),
            ..saying("")
        };
        Self { scene, request }
    }

    /// What a person says, and what comes of it, which becomes part of the transcript.
    async fn says(&mut self, words: &str) -> (String, String) {
        self.request.messages.push(Message::user(words));
        self.goes_on().await
    }

    async fn goes_on(&mut self) -> (String, String) {
        let seen = self.scene.turn(self.request.clone()).await;
        let answer: Answer = seen.end.unwrap_or_else(|failure| panic!("{:?}", failure.errors));
        let said = (answer.model.to_string(), answer.text.as_str().to_owned());
        let calls = answer.tool_calls.clone();
        self.request.messages.push(Message::Assistant {
            text: answer.text.as_str().to_owned(),
            tool_calls: answer.tool_calls,
            opaque: answer.opaque,
        });
        for call in calls {
            self.request.messages.push(Message::ToolResult {
                call_id: call.id,
                name: call.name,
                content: "rain".to_owned(),
            });
        }
        said
    }
}

fn last_call(server: &ModelServer) -> Value {
    server.model_calls().last().unwrap().body.clone()
}

#[tokio::test]
async fn from_hosted_to_local_and_back() {
    for (kind, api) in SERVICES {
        let hosted = service(kind.clone()).await;
        hosted.accept_key("k");
        let local = service(ServerKind::LlamaCpp { window: 8192, slots: 2 }).await;
        let mut session = Session::new(Scene::of(&[
            provider(&hosted, api, &["k"]),
            format!("baseUrl: '{}'", local.base_url()),
        ]));
        // Hosted: thoughts, a call, thoughts, an answer.
        hosted.reply(script![reasoning("Look."), tool_call("toolu_1", "weather", "{}")]);
        hosted.reply(script![reasoning("It rains."), text("Rain.")]);
        session.says("How is the weather?").await;
        assert_eq!(
            session.goes_on().await,
            ("p0/m".to_owned(), "Rain.".to_owned()),
            "{kind:?}"
        );
        // Local, with thoughts and a call of its own.
        hosted.fault(Fault::Documented(Documented::Overloaded));
        local.reply(script![reasoning("Call."), tool_call("c1", "weather", "{}")]);
        local.reply(script![reasoning("Hm."), text("Still rain.")]);
        assert_eq!(session.says("And now?").await.0, "p1/m");
        assert_eq!(session.goes_on().await, ("p1/m".to_owned(), "Still rain.".to_owned()));
        for call in local.model_calls() {
            let body = call.body.to_string();
            assert!(SEALED.iter().all(|word| !body.contains(word)), "{kind:?}: {body}");
            assert!(body.contains("Rain."), "the same transcript: {body}");
        }
        // Back, to a server that refuses what it has not made itself.
        hosted.clear_faults();
        hosted.reply("Rain, as I said.");
        let before = hosted.model_calls().len();
        assert_eq!(
            session.says("And tomorrow?").await,
            ("p0/m".to_owned(), "Rain, as I said.".to_owned()),
            "{kind:?}"
        );
        assert_eq!(hosted.model_calls().len(), before + 1, "{kind:?}: taken as it was");
        let body = last_call(&hosted).to_string();
        // Its own are there again, and nothing of what the other one thought.
        let own = match kind {
            ServerKind::Anthropic => "c2lnbmF0dXJl",
            ServerKind::OpenAi => "gAAAA-openai-",
            _ => "reasoning_details",
        };
        assert!(body.contains(own), "{kind:?}: {body}");
        assert!(
            body.contains("Still rain.") && !body.contains("Hm."),
            "{kind:?}: {body}"
        );
    }
}

/// From one service to another of the same dialect: what is sealed stays with the one that sealed it.
#[tokio::test]
async fn what_is_sealed_goes_to_no_other_account() {
    for (kind, api) in SERVICES {
        let one = service(kind.clone()).await;
        let two = service(kind.clone()).await;
        let mut session = Session::new(Scene::of(&[provider(&one, api, &["k"]), provider(&two, api, &["l"])]));
        one.reply(script![reasoning("Hm."), text("Yes.")]);
        session.says("Well?").await;
        one.fault(Fault::Documented(Documented::Overloaded));
        two.reply("No.");
        assert_eq!(
            session.says("Sure?").await,
            ("p1/m".to_owned(), "No.".to_owned()),
            "{kind:?}"
        );
        let body = last_call(&two);
        let messages = body.get("messages").or_else(|| body.get("input")).unwrap().to_string();
        assert!(
            SEALED.iter().all(|word| !messages.contains(word)),
            "{kind:?}: {messages}"
        );
    }
}
