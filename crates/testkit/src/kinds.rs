//! The servers that can be played: their headers, and the form of their errors. What they say about themselves is in
//! `emulate`.

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
    /// llama.cpp's `llama-server` as a router: it loads the models that are asked for.
    LlamaCppRouter {
        /// The window of a slot of each model.
        window: u64,
        /// How many answers at once each model gives.
        slots: usize,
        /// How many models are loaded at once (`--models-max`).
        most: usize,
    },
    /// vLLM.
    Vllm {
        /// Its window.
        max_model_len: u64,
    },
    /// SGLang.
    SgLang {
        /// Its window.
        window: u64,
        /// How many answers at once.
        slots: usize,
    },
    /// LM Studio.
    LmStudio {
        /// The window with which all models are loaded at the start, if they are, and on demand.
        loaded: Option<u64>,
        /// The window of each model.
        max: u64,
    },
    /// Ollama, with its `OpenAI` endpoints and its own `/api/chat`.
    Ollama {
        /// The window with which all models are loaded at the start, if they are, and by a call.
        allocated: Option<u64>,
        /// The window of each model.
        trained: u64,
    },
    /// The LiteLLM proxy.
    LiteLlm {
        /// The window that its config states for every model.
        window: Option<u64>,
    },
    /// `OpenRouter`, under `/api/v1`.
    OpenRouter {
        /// The window of every model.
        context_length: u64,
    },
    /// Anthropic: Messages only, and every request must name the API's version once.
    Anthropic,
    /// `OpenAI`: Responses and Chat Completions.
    OpenAi,
}

impl ServerKind {
    /// Headers of its good answers and of its errors.
    pub(crate) fn headers(&self, status: u16) -> Vec<(&'static str, String)> {
        match self {
            Self::LlamaCpp { .. } | Self::LlamaCppRouter { .. } if status < 400 => {
                vec![
                    ("Server", "llama.cpp".to_owned()),
                    ("Keep-Alive", "timeout=5, max=100".to_owned()),
                ]
            }
            Self::LlamaCpp { .. } | Self::LlamaCppRouter { .. } => {
                vec![("Server", "llama.cpp".to_owned()), ("Connection", "close".to_owned())]
            }
            Self::Vllm { .. } | Self::SgLang { .. } => vec![("server", "uvicorn".to_owned())],
            // No `Server`, as recorded.
            Self::LiteLlm { .. } => vec![("x-frame-options", "DENY".to_owned())],
            Self::LmStudio { .. } => vec![("X-Powered-By", "Express".to_owned())],
            // platform.claude.com, "Errors", "Request id".
            Self::Anthropic => vec![("request-id", "req_testkit".to_owned())],
            // developers.openai.com, "API reference", "Debugging requests".
            Self::OpenAi => vec![
                ("openai-version", "2020-10-01".to_owned()),
                ("x-request-id", "req_testkit".to_owned()),
            ],
            // openrouter.ai, "Streaming".
            Self::OpenRouter { .. } if status < 400 => vec![("X-Generation-Id", "gen-testkit".to_owned())],
            _ => Vec::new(),
        }
    }

    /// The window that it serves, where it has one.
    pub(crate) fn window(&self) -> Option<u64> {
        match self {
            Self::LlamaCpp { window, .. } | Self::LlamaCppRouter { window, .. } | Self::SgLang { window, .. } => {
                Some(*window)
            }
            Self::LiteLlm { window } => *window,
            Self::Vllm { max_model_len } => Some(*max_model_len),
            Self::LmStudio { loaded, max } => Some(loaded.unwrap_or(*max)),
            Self::Ollama { allocated, trained } => Some(allocated.unwrap_or(*trained)),
            Self::OpenRouter { context_length } => Some(*context_length),
            Self::Plain | Self::Anthropic | Self::OpenAi => None,
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
            Self::LlamaCpp { .. } | Self::LlamaCppRouter { .. } => {
                json!({"error": {"message": message, "type": kind, "code": status}})
            }
            Self::SgLang { .. } => json!({
                "object": "error", "message": message, "type": kind, "param": null, "code": status,
            }),
            Self::LiteLlm { .. } => json!({
                "error": {"message": message, "type": kind, "param": null, "code": status.to_string()},
            }),
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

    /// The refusal of a model that it does not have; llama.cpp, SGLang and a plain server take any name;
    /// those that load models say it themselves.
    pub(crate) fn unknown_model(&self, asked: &str, models: &[String]) -> Option<Answer> {
        if models.iter().any(|model| model == asked) || asked.is_empty() {
            return None;
        }
        match self {
            Self::Vllm { .. } | Self::Ollama { .. } | Self::LiteLlm { .. } | Self::Anthropic | Self::OpenAi => {
                Some(self.model_not_found(asked, models))
            }
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
            Self::OpenAi => json!({"error": {
                "message": format!("The model `{asked}` does not exist or you do not have access to it."),
                "type": "invalid_request_error", "param": null, "code": "model_not_found",
            }}),
            // As recorded, but for the path before it: it is no 404.
            Self::LiteLlm { .. } => {
                let message = format!(
                    "Invalid model name passed in model={asked}. Call `/v1/models` to view available models for your key."
                );
                return Answer::json(400, &self.error(400, "invalid_request_error", &message));
            }
            _ => self.error(
                404,
                "invalid_request_error",
                &format!("The model `{asked}` does not exist"),
            ),
        };
        Answer::json(404, &body)
    }

    /// What it says on a path that it does not have.
    pub(crate) fn unknown_path(&self, request: &Request) -> Answer {
        let (method, path) = (&request.method, &request.path);
        match self {
            Self::LlamaCpp { .. } | Self::LlamaCppRouter { .. } => {
                Answer::json(404, &self.error(404, "not_found_error", "File Not Found"))
            }
            Self::Vllm { .. } | Self::SgLang { .. } | Self::LiteLlm { .. } => {
                Answer::json(404, &json!({"detail": "Not Found"}))
            }
            Self::LmStudio { .. } => Answer::json(
                200,
                &json!({"error": format!("Unexpected endpoint or method. ({method} {path})")}),
            ),
            Self::Ollama { .. } => Answer::new(404, "text/plain", "404 page not found"),
            _ => Answer::json(404, &self.error(404, "not_found_error", "Not Found")),
        }
    }
}
