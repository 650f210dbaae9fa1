//! Whether a model of another server on this machine fits, before it is asked to load it.

use serde_json::{Value, json};

use super::requests::{self, Call};
use crate::{
    Endpoint, Http, Reach, ServerKind,
    fit::{FitReport, Memory, check_ollama, check_size},
};

/// The most time for a question about a model.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);

impl Endpoint {
    /// Compares what a model needs with the memory of this machine, from what the server says of it. Loads nothing.
    ///
    /// `window` is the one that it will be loaded with, in tokens, where that is known. `None` for servers elsewhere,
    /// for those that say nothing of their models' size, and when the server does not answer.
    pub async fn check_fit(
        &self,
        http: &Http,
        model: &str,
        kind: ServerKind,
        window: Option<u32>,
        memory: &Memory,
    ) -> Option<FitReport> {
        if self.reach != Reach::Loopback {
            return None;
        }
        match kind {
            ServerKind::LmStudio => {
                let list = self.told(http, "/api/v1/models").await.ok()?;
                let entry = requests::lm_studio(&list, model)?;
                let parameters = entry["params_string"].as_str();
                Some(check_size(model, parameters, entry["size_bytes"].as_u64(), memory))
            }
            ServerKind::Ollama => {
                let show = Call {
                    path: "/api/show",
                    body: json!({"model": model}),
                };
                let (show, tags) = tokio::join!(self.call(http, &show, LOOK), self.told(http, "/api/tags"));
                let size = size(&tags.ok()?, model);
                // It answers one request at a time unless it is told otherwise (OLLAMA_NUM_PARALLEL).
                Some(check_ollama(model, &show.ok()?, size, window, 1, memory))
            }
            _ => None,
        }
    }
}

/// The bytes of a model in the answer to Ollama's `GET /api/tags`.
fn size(tags: &Value, model: &str) -> Option<u64> {
    let tagged = requests::tagged(model);
    let mut entries = tags["models"].as_array()?.iter();
    let named = |entry: &&Value| entry["name"] == model || entry["name"] == *tagged;
    entries.find(named)?["size"].as_u64()
}

#[cfg(test)]
mod tests {
    use yabby_testkit::{ModelServer, ServerKind as Played};

    use super::*;
    use crate::{
        EndpointOrigin,
        fit::{Fit, Obstacle, Room},
    };

    fn memory(free: u64) -> Memory {
        let total = 64_000_000_000;
        Memory {
            ram: Some(Room { free, total }),
            vram: None,
        }
    }

    async fn playing(kind: Played) -> (ModelServer, Endpoint) {
        let server = ModelServer::start().await;
        server.kind(kind);
        let endpoint = Endpoint::loopback("p", server.addr().port(), EndpointOrigin::Discovered);
        (server, endpoint)
    }

    #[tokio::test]
    async fn ollama_is_asked_for_the_numbers() {
        let kind = Played::Ollama {
            allocated: None,
            trained: 8192,
        };
        let (server, endpoint) = playing(kind).await;
        let show = json!({"model_info": {
            "general.architecture": "llama", "llama.block_count": 32, "llama.embedding_length": 4096,
            "llama.attention.head_count": 32, "llama.attention.head_count_kv": 8, "llama.context_length": 131_072,
        }});
        server.route("/api/show", 200, "application/json", show.to_string());
        let tags = json!({"models": [{"name": "m:latest", "model": "m:latest", "size": 4_900_000_000_u64}]});
        server.route("/api/tags", 200, "application/json", tags.to_string());
        let check = |window, memory| {
            let endpoint = endpoint.clone();
            async move {
                let http = Http::default();
                let report = endpoint
                    .check_fit(&http, "m", ServerKind::Ollama, window, &memory)
                    .await;
                report.unwrap()
            }
        };
        let report = check(Some(32_768), memory(8_000_000_000)).await;
        let Fit::TooLarge { largest_window, .. } = report.fit else {
            panic!("{report:?}");
        };
        assert!(largest_window.is_some_and(|window| window < 32_768), "{report:?}");
        assert!(matches!(
            check(Some(32_768), memory(16_000_000_000)).await.fit,
            Fit::Fits { .. }
        ));
        assert_eq!(
            check(None, memory(8_000_000_000)).await.obstacle,
            Some(Obstacle::NoWindow)
        );
        let asked: Vec<String> = server.requests().iter().map(yabby_testkit::Recorded::line).collect();
        assert!(
            asked
                .iter()
                .all(|line| line.ends_with("/api/show") || line.ends_with("/api/tags")),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn lm_studio_says_the_size_alone() {
        let (server, endpoint) = playing(Played::LmStudio {
            loaded: None,
            max: 4096,
        })
        .await;
        let list = json!({"models": [
            {"key": "m", "size_bytes": 20_000_000_000_u64, "params_string": "32B", "loaded_instances": []},
        ]});
        server.route("/api/v1/models", 200, "application/json", list.to_string());
        let http = Http::default();
        let kind = ServerKind::LmStudio;
        let report = endpoint
            .check_fit(&http, "m", kind, Some(4096), &memory(8_000_000_000))
            .await
            .unwrap();
        assert_eq!((report.model.as_str(), report.is_too_large()), ("m (32B)", true));
        // Nothing is said of models that it does not have, and of servers elsewhere.
        assert_eq!(endpoint.check_fit(&http, "x", kind, None, &memory(1)).await, None);
        let mut elsewhere = endpoint;
        elsewhere.reach = Reach::Lan;
        assert_eq!(elsewhere.check_fit(&http, "m", kind, None, &memory(1)).await, None);
    }
}
