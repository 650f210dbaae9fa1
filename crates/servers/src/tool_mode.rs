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

use serde_json::{Value, json};
use yabby_core::{ErrorKind, ModelError, ModelRequest, ToolChoice, ToolMode};
use yabby_wire::Dialect;

use crate::{Endpoint, Http, Reach, ServerKind, probe};

/// How long a request may be held up. What is not known then is asked again with the next one.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let asked = tokio::time::timeout(PATIENCE, knows_tools(http, self, model));
        if let Ok(Some(knows)) = asked.await {
            let mode = if knows { ToolMode::Native } else { ToolMode::Constrained };
            self.tool_modes.set(model, mode);
        }
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
        let entry = self.listed_model(model);
        entry.is_some_and(|entry| entry.compat.0.get("supportsTools").is_some_and(Value::is_boolean))
    }
}

fn offers_none(request: &ModelRequest) -> bool {
    request.tools.is_empty() || request.tool_choice == ToolChoice::None
}

/// Whether tools can be offered to the model with the server's own fields; also where the server does not say. `None`
/// when it could not be asked.
async fn knows_tools(http: &Http, endpoint: &Endpoint, model: &str) -> Option<bool> {
    let kind = match endpoint.dialect {
        Dialect::Ollama => Some(ServerKind::Ollama),
        Dialect::Chat | Dialect::Responses | Dialect::Messages => {
            let page = match probe::models(http, endpoint, PATIENCE).await {
                Ok(page) => page,
                Err(error) => return says_nothing(&error).then_some(true),
            };
            let kind = probe::fingerprint(endpoint, &page);
            if kind.is_none() && page.body["data"].get(0).is_none() {
                // A server without models yet may be any.
                return None;
            }
            kind
        }
    };
    let root = endpoint.root();
    let client = http.client(endpoint).ok()?;
    let request = match kind {
        Some(ServerKind::LlamaCpp) => {
            // In router mode the model is named, and a question does not load it.
            let asked = [("model", model), ("autoload", "false")];
            client.get(reqwest::Url::parse_with_params(&format!("{root}/props"), asked).ok()?)
        }
        Some(ServerKind::Ollama) => client
            .post(format!("{root}/api/show"))
            .header("content-type", "application/json")
            .body(json!({"model": model}).to_string()),
        Some(ServerKind::LmStudio) => client.get(format!("{root}/api/v1/models")),
        _ => return Some(true),
    };
    let said = match probe::fetch(endpoint, request, PATIENCE).await {
        Ok(page) => page.body,
        Err(error) => return says_nothing(&error).then_some(true),
    };
    let no_tools = match kind {
        Some(ServerKind::LlamaCpp) => said.pointer("/chat_template_caps/supports_tools") == Some(&Value::Bool(false)),
        Some(ServerKind::Ollama) => {
            let capabilities = said["capabilities"].as_array();
            capabilities.is_some_and(|list| !list.iter().any(|item| item == "tools"))
        }
        _ => lm_studio(&said, model).is_some_and(|entry| entry["capabilities"]["trained_for_tool_use"] == false),
    };
    Some(!no_tools)
}

/// Whether the server refuses the question itself, so that it will not answer it later either.
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

/// The entry of a model, which is named by its key or by the id of a loaded instance.
fn lm_studio<'a>(said: &'a Value, model: &str) -> Option<&'a Value> {
    let instance = |entry: &Value| {
        let loaded = entry["loaded_instances"].as_array();
        loaded.is_some_and(|loaded| loaded.iter().any(|instance| instance["id"] == model))
    };
    let mut entries = said["models"].as_array()?.iter();
    entries.find(|entry| entry["key"] == model || instance(entry))
}

// === impl ToolModes ===

impl ToolModes {
    /// What is known of a model.
    pub(crate) fn of(&self, model: &str) -> ToolMode {
        self.get(model).unwrap_or_default()
    }

    fn get(&self, model: &str) -> Option<ToolMode> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(model).copied()
    }

    fn set(&self, model: &str, mode: ToolMode) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(model.to_owned(), mode);
    }
}

#[cfg(test)]
mod tests {
    use yabby_config::{Environment, load_text};
    use yabby_core::{Message, Tool};
    use yabby_testkit::{Fault, ModelServer, ServerKind as Played};

    use super::*;
    use crate::EndpointOrigin;

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
