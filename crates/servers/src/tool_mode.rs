//! How tools are offered to a model, where nobody says it.
//!
//! A server whose chat template knows no tools takes them and says nothing (`wire-facts.md` §6.2), so that it is asked
//! before: once for each model, when there are tools to offer, and only near by. Yabby then does without the server's
//! fields, in [`ToolMode::Constrained`]. What the caller or the config says goes before that, and so does what the
//! endpoint has taught: [`Endpoint::quirks_of`] has the mode on which the dialect, the request and the reading of the
//! answer agree.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use yabby_core::{ErrorKind, ModelError, ModelRequest, ToolChoice, ToolMode};
use yabby_wire::Dialect;

use crate::{
    Endpoint, EndpointOrigin, Http, ModelState, Reach, ServerFacts,
    capability::{Capability, Outcome, Tried},
};

/// How long a request may be held up. What is not known then is asked again with the next one.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found out so lately is believed.
const FRESH: Duration = Duration::from_secs(30);

/// The weights of the smallest models that call tools, in bytes: those of 350 million parameters with four bits each have
/// some 200 MB and hardly do, of 500 million some 400 MB and do.
const SMALLEST: u64 = 300_000_000;

/// What servers have said about their models, shared by all clones of an endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolModes {
    known: Arc<Mutex<BTreeMap<String, ToolMode>>>,
}

impl Endpoint {
    /// Finds out how tools are offered to the model, where the request has some and nobody says it.
    pub async fn find_tool_mode(&self, http: &Http, model: &str, request: &ModelRequest) {
        let stated = request.tool_mode.is_some() || self.states_tools(model) || self.reach == Reach::Hosted;
        if stated || offers_none(request) || self.tool_modes.get(model).is_some() {
            return;
        }
        // What could not be asked is asked again.
        let known = self
            .live
            .within(FRESH)
            .filter(|facts| knows_tools(facts, model).is_some());
        let facts = match known {
            Some(facts) => facts,
            None => self.refresh(http, Duration::ZERO, PATIENCE).await,
        };
        if let Some(knows) = knows_tools(&facts, model) {
            let mode = if knows { ToolMode::Native } else { ToolMode::Constrained };
            self.tool_modes.set(model, mode);
            self.note();
        }
    }

    /// How tools are offered in a request.
    pub fn tool_mode_of(&self, model: &str, request: &ModelRequest) -> ToolMode {
        self.quirks_of(model, request).tool_mode
    }

    /// The dialect for a request. llama.cpp and LM Studio hold an answer to a schema in Chat alone (`wire-facts.md`
    /// §6.3), whatever else they serve, so that constrained calls go there.
    pub fn dialect_of(&self, model: &str, request: &ModelRequest) -> Dialect {
        let mode = self.quirks_of(model, request).tool_mode;
        match self.dialect_for(model) {
            Dialect::Responses | Dialect::Messages if mode == ToolMode::Constrained && !offers_none(request) => {
                Dialect::Chat
            }
            dialect => dialect,
        }
    }

    /// Whether the config says what the model knows: `compat.supportsTools`.
    fn states_tools(&self, model: &str) -> bool {
        self.stated_tools(model).is_some()
    }

    fn stated_tools(&self, model: &str) -> Option<bool> {
        self.listed_model(model)?.compat.0.get("supportsTools")?.as_bool()
    }

    /// Whether an assistant should give the model tools. What the config says in `compat.supportsTools` counts; else a model
    /// that was tried and called none gets none, nor one that is too small to know when to call what: it would call tools
    /// instead of answering.
    pub fn uses_tools(&self, model: &str, tried: &Tried) -> bool {
        if let Some(stated) = self.stated_tools(model) {
            return stated;
        }
        if let Some(found) = tried.of(self, model).and_then(|record| record.found(Capability::Tools)) {
            return found.outcome != Outcome::Fails;
        }
        let facts = self.known();
        let facts = facts
            .as_ref()
            .and_then(|facts| facts.model(model).or(facts.only_model()));
        let said = facts.and_then(|facts| facts.size.as_ref()).map(|size| size.value);
        // What Yabby itself serves is known before it runs.
        let size = said.or_else(|| match &self.origin {
            EndpointOrigin::Managed(lease) => lease.weights(),
            _ => None,
        });
        size.is_none_or(|size| size >= SMALLEST)
    }
}

fn offers_none(request: &ModelRequest) -> bool {
    request.tools.is_empty() || request.tool_choice == ToolChoice::None
}

/// Whether tools can be offered to the model with the server's own fields; also where the server does not say. `None`
/// when it could not be asked, or will say more later.
fn knows_tools(facts: &ServerFacts, model: &str) -> Option<bool> {
    if let Some(error) = &facts.error {
        // A server that refuses the question will not answer it later either.
        return says_nothing(error).then_some(true);
    }
    if facts.kind.is_none() && facts.models.is_empty() {
        // A server without models yet may be any.
        return None;
    }
    let Some(model) = facts.model(model).or(facts.only_model()) else {
        return Some(true);
    };
    match (&model.tools, model.state) {
        (Some(tools), _) => Some(tools.value),
        // llama.cpp's router says it of models that are loaded.
        (None, ModelState::Loading | ModelState::Unloaded) if facts.router => None,
        (None, _) => Some(true),
    }
}

/// Whether the server refuses the question itself.
fn says_nothing(error: &ModelError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Auth
            | ErrorKind::NotAnApi
            | ErrorKind::ModelNotFound
            | ErrorKind::BadRequest
            | ErrorKind::UnsupportedField
            | ErrorKind::UnsupportedFeature
    )
}

// === impl ToolModes ===

impl ToolModes {
    /// The models of which something is known.
    pub(crate) fn models(&self) -> BTreeMap<String, ToolMode> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What is known of a model.
    pub(crate) fn of(&self, model: &str) -> ToolMode {
        self.get(model).unwrap_or_default()
    }

    fn get(&self, model: &str) -> Option<ToolMode> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(model).copied()
    }

    pub(crate) fn set(&self, model: &str, mode: ToolMode) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(model.to_owned(), mode);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use yabby_config::{Environment, load_text};
    use yabby_core::{Message, Tool};
    use yabby_testkit::{Fault, ModelServer, ServerKind as Played};

    use super::*;

    const MODEL: &str = "a/b c";

    fn endpoint(server: &ModelServer, api: &str, compat: &str) -> Endpoint {
        let base = if api == "ollama" {
            server.url()
        } else {
            server.base_url()
        };
        let text = format!(
            "{{models: {{providers: {{p: {{baseUrl: '{base}', api: '{api}', models: [{{id: '{MODEL}', compat: {compat}}}]}}}}}}}}"
        );
        let loaded = load_text(&text, &Environment::default());
        Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
    }

    fn request() -> ModelRequest {
        ModelRequest {
            messages: vec![Message::user("hi")],
            tools: vec![Tool {
                name: "f".to_owned(),
                description: String::new(),
                parameters: json!({}),
            }],
            ..ModelRequest::default()
        }
    }

    async fn mode(endpoint: &Endpoint, request: &ModelRequest) -> ToolMode {
        endpoint.find_tool_mode(&Http::default(), MODEL, request).await;
        endpoint.quirks_of(MODEL, request).tool_mode
    }

    async fn played(kind: Played) -> ModelServer {
        let server = ModelServer::start().await;
        server.kind(kind);
        server.models(&[MODEL]);
        server
    }

    /// Each server as it is played, and the same when it says that the model knows no tools.
    #[tokio::test]
    async fn servers_that_say_what_their_model_knows() {
        let llama = Played::LlamaCpp { window: 2048, slots: 1 };
        let lm_studio = Played::LmStudio {
            loaded: None,
            max: 2048,
        };
        let ollama = Played::Ollama {
            allocated: None,
            trained: 2048,
        };
        let untrained = json!({"models": [
            {"key": "other", "capabilities": {"trained_for_tool_use": true}},
            {"key": "key", "loaded_instances": [{"id": MODEL}], "capabilities": {"trained_for_tool_use": false}},
        ]});
        let cases = [
            (
                &llama,
                "openai-responses",
                "/props",
                json!({"chat_template_caps": {"supports_tools": false}}),
            ),
            (&lm_studio, "openai-completions", "/api/v1/models", untrained),
            (
                &ollama,
                "openai-completions",
                "/api/show",
                json!({"capabilities": ["completion"]}),
            ),
            (&ollama, "ollama", "/api/show", json!({"capabilities": ["completion"]})),
        ];
        for (kind, api, path, without) in cases {
            let server = played(kind.clone()).await;
            assert_eq!(
                mode(&endpoint(&server, api, "{}"), &request()).await,
                ToolMode::Native,
                "{path}"
            );
            server.route(path, 200, "application/json", without.to_string());
            assert_eq!(
                mode(&endpoint(&server, api, "{}"), &request()).await,
                ToolMode::Constrained,
                "{path}"
            );
            // A server that says nothing of it is taken at its word.
            server.route(path, 200, "application/json", "{}");
            assert_eq!(
                mode(&endpoint(&server, api, "{}"), &request()).await,
                ToolMode::Native,
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_is_asked_once_and_only_when_it_matters() {
        let server = played(Played::LlamaCpp { window: 2048, slots: 1 }).await;
        let without = json!({"chat_template_caps": {"supports_tools": false}});
        server.route("/props", 200, "application/json", without.to_string());
        let asked = || server.requests().len();
        let endpoint = endpoint(&server, "openai-completions", "{}");
        let plain = ModelRequest {
            tools: Vec::new(),
            ..request()
        };
        assert_eq!(mode(&endpoint, &plain).await, ToolMode::Native);
        let told = ModelRequest {
            tool_mode: Some(ToolMode::Text),
            ..request()
        };
        assert_eq!(mode(&endpoint, &told).await, ToolMode::Text);
        for (compat, expected) in [
            ("{supportsTools: true}", ToolMode::Native),
            ("{supportsTools: false}", ToolMode::None),
        ] {
            let stated = self::endpoint(&server, "openai-completions", compat);
            assert_eq!(mode(&stated, &request()).await, expected);
        }
        let mut hosted = endpoint.clone();
        hosted.reach = Reach::Hosted;
        assert_eq!((mode(&hosted, &request()).await, asked()), (ToolMode::Native, 0));

        assert_eq!(mode(&endpoint.clone(), &request()).await, ToolMode::Constrained);
        let so_far = asked();
        assert_eq!(
            (mode(&endpoint, &request()).await, asked()),
            (ToolMode::Constrained, so_far)
        );
        // What the caller wants goes before it, and a server that was started anew is not asked again.
        assert_eq!((mode(&endpoint, &told).await, asked()), (ToolMode::Text, so_far));
        let moved = Endpoint::loopback("p", 1, EndpointOrigin::Discovered).remembering(&endpoint);
        assert_eq!(
            (mode(&moved, &request()).await, asked()),
            (ToolMode::Constrained, so_far)
        );
    }

    #[tokio::test]
    async fn what_could_not_be_asked_is_asked_again() {
        let server = played(Played::LlamaCpp { window: 2048, slots: 1 }).await;
        let without = json!({"chat_template_caps": {"supports_tools": false}});
        server.route("/props", 200, "application/json", without.to_string());
        let endpoint = endpoint(&server, "openai-completions", "{}");
        server.fault(Fault::HangAllPaths);
        let start = std::time::Instant::now();
        assert_eq!(mode(&endpoint, &request()).await, ToolMode::Native);
        assert!(start.elapsed() < PATIENCE * 2);
        server.clear_faults();
        assert_eq!(mode(&endpoint, &request()).await, ToolMode::Constrained);
    }

    #[tokio::test]
    async fn a_server_that_refuses_the_question_is_not_asked_again() {
        let server = played(Played::LlamaCpp { window: 2048, slots: 1 }).await;
        for (path, status) in [
            ("/props", 404),
            ("/props", 401),
            ("/v1/models", 404),
            ("/v1/models", 400),
        ] {
            server.route(path, status, "application/json", r#"{"error":{"message":"no"}}"#);
            let endpoint = endpoint(&server, "openai-completions", "{}");
            assert_eq!(mode(&endpoint, &request()).await, ToolMode::Native);
            let asked = server.requests().len();
            assert_eq!(mode(&endpoint, &request()).await, ToolMode::Native);
            assert_eq!(server.requests().len(), asked, "{path} {status}");
        }
    }

    #[tokio::test]
    async fn a_list_tells_by_all_its_models_and_nothing_when_it_is_empty() {
        let server = ModelServer::start().await;
        let without = json!({"capabilities": ["completion"]});
        server.route("/api/show", 200, "application/json", without.to_string());
        let endpoint = endpoint(&server, "openai-completions", "{}");
        server.route("/v1/models", 200, "application/json", r#"{"data": []}"#);
        assert_eq!(mode(&endpoint, &request()).await, ToolMode::Native);
        let list = json!({"data": [{"id": "x", "owned_by": "somebody"}, {"id": MODEL, "owned_by": "library"}]});
        server.route("/v1/models", 200, "application/json", list.to_string());
        assert_eq!(mode(&endpoint, &request()).await, ToolMode::Constrained);
    }

    /// The server as it is played has a model of 97 MB.
    #[tokio::test]
    async fn a_model_that_can_do_nothing_with_tools_is_given_none() {
        let server = played(Played::LlamaCpp { window: 2048, slots: 1 }).await;
        let asked = async |compat: &str| {
            let endpoint = endpoint(&server, "openai-completions", compat);
            endpoint.refresh(&Http::default(), Duration::ZERO, PATIENCE).await;
            endpoint
        };
        let tried = |outcome: &str| -> Tried {
            let found = json!({"capability": "tools", "outcome": outcome, "words": null, "fix": null, "took_ms": 1});
            let record = json!({"at": 1, "server": null, "version": null, "tool_mode": null, "prefill": null, "decode": null, "findings": [found]});
            serde_json::from_value(json!({server.base_url(): {MODEL: record}})).unwrap()
        };
        let nothing = Tried::default();
        let small = asked("{}").await;
        assert!(!small.uses_tools(MODEL, &nothing));
        assert!(small.uses_tools(MODEL, &tried("works")) && small.uses_tools(MODEL, &tried("partly")));
        assert!(asked("{supportsTools: true}").await.uses_tools(MODEL, &tried("fails")));
        // Of what is not known nothing bad is thought.
        let unknown = endpoint(&server, "openai-completions", "{}");
        assert!(unknown.uses_tools(MODEL, &nothing) && !unknown.uses_tools(MODEL, &tried("fails")));
        let stated = endpoint(&server, "openai-completions", "{supportsTools: false}");
        assert!(!stated.uses_tools(MODEL, &tried("works")));
    }

    #[tokio::test]
    async fn a_schema_is_obeyed_in_chat() {
        let server = ModelServer::start().await;
        for (api, expected) in [
            ("openai-responses", Dialect::Chat),
            ("anthropic-messages", Dialect::Chat),
            ("openai-completions", Dialect::Chat),
            ("ollama", Dialect::Ollama),
        ] {
            let endpoint = endpoint(&server, api, "{}");
            let mut request = ModelRequest {
                tool_mode: Some(ToolMode::Constrained),
                ..request()
            };
            assert_eq!(endpoint.dialect_of(MODEL, &request), expected);
            request.tool_choice = ToolChoice::None;
            assert_eq!(endpoint.dialect_of(MODEL, &request), endpoint.dialect_for(MODEL));
            for mode in [ToolMode::Native, ToolMode::Text, ToolMode::None] {
                request = ModelRequest {
                    tool_mode: Some(mode),
                    ..self::request()
                };
                assert_eq!(endpoint.dialect_of(MODEL, &request), endpoint.dialect_for(MODEL));
            }
        }
    }
}
