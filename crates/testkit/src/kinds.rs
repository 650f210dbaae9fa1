//! The servers that can be played, and what they say about themselves.
//!
//! Sources: llama.cpp `wire/llama-server-b11669-smollm2/get_*.txt` and vLLM `wire/vllm-0.32.0-cpu/get_*.txt`, both
//! recorded. LM Studio, Ollama, `OpenRouter` and Anthropic are from documentation and issues (wire-facts.md, 7.3 to
//! 7.7; LM Studio's 200 for unknown paths: lmstudio-bug-tracker issue 618): not proved against the real servers.

use serde_json::{Value, json};

use crate::http::{Answer, Request};

/// A kind of model server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerKind {
    /// Nothing but `/v1/models` and the three APIs, under any prefix.
    #[default]
    Plain,
    /// llama.cpp's `llama-server` with one model.
    LlamaCpp {
        /// The window of a slot.
        window: u64,
        /// How many answers at once.
        slots: usize,
    },
    /// vLLM.
    Vllm {
        /// Its window.
        max_model_len: u64,
    },
    /// LM Studio.
    LmStudio {
        /// The window it was loaded with, if it is loaded.
        loaded: Option<u64>,
        /// The window of the model.
        max: u64,
    },
    /// Ollama, with its `OpenAI` endpoints and its own `/api/chat`.
    Ollama {
        /// The allocated window, if the model is loaded.
        allocated: Option<u64>,
        /// The window of the model.
        trained: u64,
    },
    /// `OpenRouter`, under `/api/v1`.
    OpenRouter {
        /// The window of every model.
        context_length: u64,
    },
    /// Anthropic: Messages only, and every request must name the API's version once.
    Anthropic,
}

impl ServerKind {
    /// Headers of its good answers and of its errors.
    pub(crate) fn headers(&self, status: u16) -> Vec<(&'static str, String)> {
        match self {
            Self::LlamaCpp { .. } if status < 400 => {
                vec![
                    ("Server", "llama.cpp".to_owned()),
                    ("Keep-Alive", "timeout=5, max=100".to_owned()),
                ]
            }
            Self::LlamaCpp { .. } => vec![("Server", "llama.cpp".to_owned()), ("Connection", "close".to_owned())],
            Self::Vllm { .. } => vec![("server", "uvicorn".to_owned())],
            Self::LmStudio { .. } => vec![("X-Powered-By", "Express".to_owned())],
            _ => Vec::new(),
        }
    }

    /// The window that it serves, where it has one.
    pub(crate) fn window(&self) -> Option<u64> {
        match self {
            Self::LlamaCpp { window, .. } => Some(*window),
            Self::Vllm { max_model_len } => Some(*max_model_len),
            Self::LmStudio { loaded, max } => Some(loaded.unwrap_or(*max)),
            Self::Ollama { allocated, trained } => Some(allocated.unwrap_or(*trained)),
            Self::OpenRouter { context_length } => Some(*context_length),
            Self::Plain | Self::Anthropic => None,
        }
    }

    /// An error body in its shape.
    pub(crate) fn error(&self, status: u16, kind: &str, message: &str) -> Value {
        match self {
            Self::Anthropic => json!({
                "type": "error", "error": {"type": kind, "message": message}, "request_id": "req_testkit",
            }),
            Self::OpenRouter { .. } => json!({
                "error": {"code": status, "message": message, "metadata": {"error_type": kind}},
            }),
            Self::LlamaCpp { .. } => json!({"error": {"message": message, "type": kind, "code": status}}),
            Self::Vllm { .. } => json!({
                "error": {"message": message, "type": kind, "param": null, "code": status},
            }),
            _ => json!({"error": {"message": message, "type": kind, "param": null, "code": null}}),
        }
    }

    /// Anthropic's refusal of a request that does not say exactly once which version of the API it means. That the
    /// header is required is documented (docs.claude.com/en/api/versioning); the words are not proved.
    pub(crate) fn no_version(&self, request: &Request) -> Option<Answer> {
        if !matches!(self, Self::Anthropic) {
            return None;
        }
        // Headers of the same name are joined by commas.
        let message = match request.headers.get("anthropic-version") {
            Some(version) if !version.contains(',') => return None,
            Some(version) => format!("anthropic-version: \"{version}\" is not a valid version"),
            None => "anthropic-version: header is required".to_owned(),
        };
        Some(Answer::json(400, &self.error(400, "invalid_request_error", &message)))
    }

    /// The refusal of a model that it does not have; llama.cpp, LM Studio and a plain server take any name.
    pub(crate) fn unknown_model(&self, asked: &str, models: &[String]) -> Option<Answer> {
        if models.iter().any(|model| model == asked) || asked.is_empty() {
            return None;
        }
        match self {
            Self::Vllm { .. } | Self::Ollama { .. } | Self::Anthropic => Some(self.model_not_found(asked, models)),
            _ => None,
        }
    }

    /// 404 in its words.
    pub(crate) fn model_not_found(&self, asked: &str, models: &[String]) -> Answer {
        let body = match self {
            Self::Vllm { .. } => {
                let message = format!(
                    "The model `{asked}` does not exist. Valid aliases: {}.",
                    models.join(", ")
                );
                let mut body = self.error(404, "NotFoundError", &message);
                body["error"]["param"] = json!("model");
                body
            }
            Self::Ollama { .. } => self.error(
                404,
                "not_found_error",
                &format!("model \"{asked}\" not found, try pulling it first"),
            ),
            Self::Anthropic => self.error(404, "not_found_error", &format!("model: {asked}")),
            _ => self.error(
                404,
                "invalid_request_error",
                &format!("The model `{asked}` does not exist"),
            ),
        };
        Answer::json(404, &body)
    }

    /// What it says on a path that it does not have.
    fn unknown_path(&self, request: &Request) -> Answer {
        let (method, path) = (&request.method, &request.path);
        match self {
            Self::LlamaCpp { .. } => Answer::json(404, &self.error(404, "not_found_error", "File Not Found")),
            Self::Vllm { .. } => Answer::json(404, &json!({"detail": "Not Found"})),
            Self::LmStudio { .. } => Answer::json(
                200,
                &json!({"error": format!("Unexpected endpoint or method. ({method} {path})")}),
            ),
            Self::Ollama { .. } => Answer::new(404, "text/plain", "404 page not found"),
            _ => Answer::json(404, &self.error(404, "not_found_error", "Not Found")),
        }
    }
}

/// What a server knows about itself when it is asked.
pub(crate) struct Facts<'a> {
    pub(crate) kind: &'a mut ServerKind,
    pub(crate) models: &'a [String],
    /// Model calls being answered.
    pub(crate) busy: usize,
    /// What a token count answers.
    pub(crate) input_tokens: u64,
}

impl Facts<'_> {
    /// The answer to anything that is not a model call.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let (method, path) = (request.method.as_str(), request.path.as_str());
        let found = match self.kind.clone() {
            ServerKind::LlamaCpp { window, slots } => llama_cpp(self, window, slots, method, path),
            ServerKind::Vllm { max_model_len } => vllm(self, max_model_len, method, path),
            ServerKind::LmStudio { loaded, max } => lm_studio(self, loaded, max, method, request),
            ServerKind::Ollama { allocated, trained } => ollama(self, allocated, trained, method, path),
            ServerKind::OpenRouter { context_length } => {
                let extra = json!({"context_length": context_length, "supported_parameters": ["tools"]});
                ((method, path) == ("GET", "/api/v1/models")).then(|| json!({"data": self.list("openrouter", &extra)}))
            }
            ServerKind::Anthropic => ((method, path) == ("GET", "/v1/models")).then(|| {
                let entry = |id: &String| json!({"type": "model", "id": id, "display_name": id});
                let data: Vec<Value> = self.models.iter().map(entry).collect();
                json!({"data": data, "has_more": false})
            }),
            ServerKind::Plain => (method == "GET" && path.ends_with("/models"))
                .then(|| json!({"object": "list", "data": self.list("system", &json!({}))})),
        };
        match found {
            // An empty 200, as vLLM's `/health`.
            Some(Value::Null) => Answer::new(200, "", ""),
            Some(body) => Answer::json(200, &body),
            None => self.kind.unknown_path(request),
        }
    }

    /// The model list of `/v1/models`, each entry with the extra fields.
    fn list(&self, owner: &str, extra: &Value) -> Vec<Value> {
        let entry = |id: &String| {
            let mut entry = json!({"id": id, "object": "model", "created": crate::shape::CREATED, "owned_by": owner});
            if let (Value::Object(entry), Value::Object(extra)) = (&mut entry, extra) {
                entry.extend(extra.clone());
            }
            entry
        };
        self.models.iter().map(entry).collect()
    }

    fn first_model(&self) -> &str {
        self.models.first().map_or("test-model", String::as_str)
    }
}

fn llama_cpp(facts: &Facts<'_>, window: u64, slots: usize, method: &str, path: &str) -> Option<Value> {
    Some(match (method, path) {
        ("GET", "/health" | "/v1/health") => json!({"status": "ok"}),
        ("GET", "/v1/models" | "/models") => {
            let meta = json!({"vocab_type": 2, "n_ctx": window, "n_ctx_train": window * 2, "n_params": 134_515_008});
            json!({"object": "list", "data": facts.list("llamacpp", &json!({"meta": meta}))})
        }
        ("GET", "/props") => json!({
            "default_generation_settings": {"params": {"n_predict": -1}, "n_ctx": window},
            "total_slots": slots,
            "model_alias": facts.first_model(),
            "model_path": format!("models/{}.gguf", facts.first_model()),
            "modalities": {"vision": false, "video": false, "audio": false},
            "endpoint_slots": true, "endpoint_props": true, "endpoint_metrics": false,
            "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
            "chat_template_caps": {
                "supports_object_arguments": false, "supports_parallel_tool_calls": true,
                "supports_preserve_reasoning": false, "supports_reasoning_effort": false,
                "supports_string_content": true, "supports_system_role": true, "supports_tool_calls": true,
                "supports_tools": true, "supports_typed_content": false,
            },
            "build_info": "b11669", "is_sleeping": false,
        }),
        ("GET", "/slots") => {
            let slot =
                |id: usize| json!({"id": id, "n_ctx": window, "speculative": false, "is_processing": id < facts.busy});
            json!((0..slots).map(slot).collect::<Vec<_>>())
        }
        ("POST", "/v1/chat/completions/input_tokens" | "/v1/responses/input_tokens") => {
            json!({"input_tokens": facts.input_tokens, "object": "response.input_tokens"})
        }
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": facts.input_tokens}),
        ("POST", "/tokenize") => json!({"tokens": (0..facts.input_tokens).collect::<Vec<_>>()}),
        _ => return None,
    })
}

fn vllm(facts: &Facts<'_>, max_model_len: u64, method: &str, path: &str) -> Option<Value> {
    Some(match (method, path) {
        ("GET", "/v1/models") => {
            let extra = json!({"root": facts.first_model(), "parent": null, "max_model_len": max_model_len});
            json!({"object": "list", "data": facts.list("vllm", &extra)})
        }
        ("GET", "/health" | "/ping") => Value::Null,
        ("GET", "/version") => json!({"version": "0.32.0"}),
        ("GET", "/load") => json!({"server_load": facts.busy}),
        ("POST", "/tokenize") => json!({
            "count": facts.input_tokens, "max_model_len": max_model_len,
            "tokens": (0..facts.input_tokens).collect::<Vec<_>>(), "token_strs": null,
        }),
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": facts.input_tokens}),
        _ => return None,
    })
}

fn lm_studio(facts: &mut Facts<'_>, loaded: Option<u64>, max: u64, method: &str, request: &Request) -> Option<Value> {
    let loaded_state = if loaded.is_some() { "loaded" } else { "not-loaded" };
    Some(match (method, request.path.as_str()) {
        ("GET", "/v1/models") => json!({"object": "list", "data": facts.list("organization_owner", &json!({}))}),
        ("GET", "/api/v0/models") => {
            let mut extra = json!({
                "type": "llm", "compatibility_type": "gguf", "state": loaded_state, "max_context_length": max,
                "capabilities": ["tool_use"],
            });
            if let Some(loaded) = loaded {
                extra["loaded_context_length"] = json!(loaded);
            }
            json!({"object": "list", "data": facts.list("organization_owner", &extra)})
        }
        ("GET", "/api/v1/models") => {
            let model = |key: &String| {
                let instance = |window| json!({"id": key, "config": {"context_length": window, "parallel": 4}});
                let instances: Vec<Value> = loaded.iter().map(instance).collect();
                json!({
                    "type": "llm", "key": key, "display_name": key, "max_context_length": max, "format": "gguf",
                    "loaded_instances": instances, "capabilities": {"vision": false, "trained_for_tool_use": true},
                })
            };
            json!({"models": facts.models.iter().map(model).collect::<Vec<_>>()})
        }
        ("POST", "/api/v1/models/load") => {
            let window = request.body["context_length"].as_u64().unwrap_or(max);
            *facts.kind = ServerKind::LmStudio {
                loaded: Some(window),
                max,
            };
            json!({"instance_id": request.body["model"], "status": "loaded", "load_time_seconds": 0.1})
        }
        ("POST", "/api/v1/models/unload") => {
            *facts.kind = ServerKind::LmStudio { loaded: None, max };
            json!({"instance_id": request.body["instance_id"]})
        }
        _ => return None,
    })
}

fn ollama(facts: &Facts<'_>, allocated: Option<u64>, trained: u64, method: &str, path: &str) -> Option<Value> {
    let entry = |name: &String| json!({"name": name, "model": name, "size": 96_576_768});
    Some(match (method, path) {
        ("GET", "/v1/models") => json!({"object": "list", "data": facts.list("library", &json!({}))}),
        ("GET", "/api/version") => json!({"version": "0.13.5"}),
        ("GET", "/api/tags") => json!({"models": facts.models.iter().map(entry).collect::<Vec<_>>()}),
        ("GET", "/api/ps") => {
            let running = |name: &String| {
                allocated.map(|window| {
                    let mut entry = entry(name);
                    entry["context_length"] = json!(window);
                    entry["expires_at"] = json!("2318-01-29T02:38:24Z");
                    entry["size_vram"] = json!(0);
                    entry
                })
            };
            json!({"models": facts.models.iter().filter_map(running).collect::<Vec<_>>()})
        }
        ("POST", "/api/show") => json!({
            "parameters": "", "capabilities": ["completion", "tools"],
            "model_info": {"general.architecture": "llama", "llama.context_length": trained},
        }),
        // A generate without a prompt loads the model.
        ("POST", "/api/generate") => {
            json!({"model": facts.first_model(), "response": "", "done": true, "done_reason": "load"})
        }
        _ => return None,
    })
}
