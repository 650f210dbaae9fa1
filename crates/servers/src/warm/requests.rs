//! What servers are asked so that they load, keep and unload a model, and how they say which they have. Bytes and
//! values alone; who sends them is [`crate::Endpoint::load`].
//!
//! | server | load | keep | unload | which are loaded |
//! |---|---|---|---|---|
//! | LM Studio | `POST /api/v1/models/load` | – | `POST /api/v1/models/unload` | `GET /api/v1/models` |
//! | Ollama | `POST /api/generate` without a prompt | the same | the same with `keep_alive: 0` | `GET /api/ps` |
//! | llama.cpp, router mode | `POST /models/load` | – | `POST /models/unload` | `GET /v1/models` |
//!
//! Sources: LM Studio's documentation (`docs/developer/rest`), Ollama's `docs/api.md`, recordings of llama.cpp b11669 in
//! router mode. A llama.cpp that sleeps, and servers that load on demand and have no request for it, are woken by a
//! request of one token.

use std::time::Duration;

use serde_json::{Value, json};
use yabby_config::KeepWarm;

use crate::ServerKind;

/// A `POST` beside the models' API.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The path from the root of the server.
    pub path: &'static str,
    /// The body.
    pub body: Value,
}

/// Whether a server has a model in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It has.
    Loaded {
        /// The window that it serves, in tokens.
        window: Option<u32>,
    },
    /// It is loading it.
    Loading,
    /// It has put it to sleep, and wakes it with the next request.
    Asleep,
    /// It has not.
    Unloaded,
    /// It has not, and its last load failed.
    Failing,
    /// It does not know the model.
    Absent,
    /// It does not say.
    Untold,
}

/// The request that loads a model; `None` for servers that have none.
///
/// A `window` is a wish: LM Studio and Ollama take it, llama.cpp has the one that it was started with. Ollama loads the
/// model again when a later request names another window, or none.
pub fn load(kind: ServerKind, model: &str, window: Option<u32>, policy: KeepWarm) -> Option<Call> {
    match kind {
        ServerKind::LmStudio => {
            let mut body = json!({"model": model});
            if let Some(window) = window {
                body["context_length"] = window.into();
            }
            Some(Call {
                path: "/api/v1/models/load",
                body,
            })
        }
        ServerKind::Ollama => {
            let mut body = json!({"model": model, "stream": false});
            if let Some(time) = keep_alive(policy) {
                body["keep_alive"] = time;
            }
            if let Some(window) = window {
                body["options"] = json!({"num_ctx": window});
            }
            Some(Call {
                path: "/api/generate",
                body,
            })
        }
        ServerKind::LlamaCpp => Some(Call {
            path: "/models/load",
            body: json!({"model": model}),
        }),
        ServerKind::Vllm | ServerKind::SgLang | ServerKind::LiteLlm | ServerKind::OpenRouter => None,
    }
}

/// The request that makes the server keep a loaded model; `None` where a request of one token has to do.
pub fn keep(kind: ServerKind, model: &str, policy: KeepWarm) -> Option<Call> {
    match kind {
        ServerKind::Ollama => load(kind, model, None, policy),
        _ => None,
    }
}

/// The request that unloads a model, by the name of the instance where the server names instances ([`instances`]);
/// `None` for servers that have none.
pub fn unload(kind: ServerKind, name: &str) -> Option<Call> {
    match kind {
        ServerKind::LmStudio => Some(Call {
            path: "/api/v1/models/unload",
            body: json!({"instance_id": name}),
        }),
        ServerKind::Ollama => Some(Call {
            path: "/api/generate",
            body: json!({"model": name, "stream": false, "keep_alive": 0}),
        }),
        ServerKind::LlamaCpp => Some(Call {
            path: "/models/unload",
            body: json!({"model": name}),
        }),
        ServerKind::Vllm | ServerKind::SgLang | ServerKind::LiteLlm | ServerKind::OpenRouter => None,
    }
}

/// Ollama's `keep_alive`, in a load and in each request of its own API: -1 for good, or a time; `None` leaves it to
/// the server, which then goes back to its own time (5 minutes).
pub fn keep_alive(policy: KeepWarm) -> Option<Value> {
    match policy {
        // 0 would unload it with each answer.
        KeepWarm::No | KeepWarm::For(Duration::ZERO) => None,
        KeepWarm::Always => Some((-1).into()),
        KeepWarm::For(time) => Some(format!("{}s", time.as_secs().max(1)).into()),
    }
}

/// Where a server says which models it has in memory, from its root.
pub fn list_path(kind: ServerKind) -> Option<&'static str> {
    match kind {
        ServerKind::LmStudio => Some("/api/v1/models"),
        ServerKind::Ollama => Some("/api/ps"),
        ServerKind::LlamaCpp => Some("/v1/models"),
        ServerKind::Vllm | ServerKind::SgLang | ServerKind::LiteLlm | ServerKind::OpenRouter => None,
    }
}

/// Whether a server has a model in memory, from the answer of [`list_path`].
pub fn held(kind: ServerKind, list: &Value, model: &str) -> Held {
    match kind {
        ServerKind::LmStudio => match (list["models"].as_array(), lm_studio(list, model)) {
            // Versions before 0.4 have no such list.
            (None, _) => Held::Untold,
            (Some(_), None) => Held::Absent,
            (Some(_), Some(entry)) => match instance(entry, model) {
                Some(instance) => Held::Loaded {
                    window: tokens(&instance["config"]["context_length"]),
                },
                None => Held::Unloaded,
            },
        },
        ServerKind::Ollama => {
            let Some(entries) = list["models"].as_array() else {
                return Held::Untold;
            };
            let tagged = tagged(model);
            let names = [model, tagged.as_str()];
            let named = |entry: &&Value| {
                names
                    .iter()
                    .any(|name| entry["name"] == *name || entry["model"] == *name)
            };
            let running = entries.iter().find(named);
            // The list has nothing but what is loaded.
            running.map_or(Held::Unloaded, |entry| Held::Loaded {
                window: tokens(&entry["context_length"]),
            })
        }
        ServerKind::LlamaCpp => llama_cpp(list, model),
        ServerKind::Vllm | ServerKind::SgLang | ServerKind::LiteLlm | ServerKind::OpenRouter => Held::Untold,
    }
}

/// The names of the loaded instances of a model, from LM Studio's list: that one alone, where `model` names one.
pub fn instances(list: &Value, model: &str) -> Vec<String> {
    let entry = lm_studio(list, model);
    let all = entry.and_then(|entry| entry["loaded_instances"].as_array());
    let names = all.into_iter().flatten().filter_map(|instance| instance["id"].as_str());
    let names: Vec<&str> = names.collect();
    let one = names.contains(&model) && entry.is_some_and(|entry| entry["key"] != model);
    names
        .into_iter()
        .filter(|name| !one || *name == model)
        .map(str::to_owned)
        .collect()
}

/// Ollama reads a name without a tag as `:latest`.
pub(crate) fn tagged(model: &str) -> String {
    let last = model.rsplit_once('/').map_or(model, |(_, last)| last);
    if last.contains(':') {
        model.to_owned()
    } else {
        format!("{model}:latest")
    }
}

/// The entry of a model in LM Studio's list: by its key, or by the name of a loaded instance.
pub(crate) fn lm_studio<'a>(list: &'a Value, model: &str) -> Option<&'a Value> {
    let entries = list["models"].as_array()?;
    let by_key = entries.iter().find(|entry| entry["key"] == model);
    by_key.or_else(|| {
        let has = |entry: &&Value| {
            let instances = entry["loaded_instances"].as_array();
            instances.is_some_and(|instances| instances.iter().any(|instance| instance["id"] == model))
        };
        entries.iter().find(has)
    })
}

/// The loaded instance that answers for `model`: that of this name, else the first.
fn instance<'a>(entry: &'a Value, model: &str) -> Option<&'a Value> {
    let instances = entry["loaded_instances"].as_array()?;
    instances
        .iter()
        .find(|instance| instance["id"] == model)
        .or_else(|| instances.first())
}

/// In router mode each entry has a `status`; a server with one model answers for every name.
fn llama_cpp(list: &Value, model: &str) -> Held {
    let Some(entries) = list["data"].as_array() else {
        return Held::Untold;
    };
    let named = |entry: &&Value| {
        let aliases = entry["aliases"].as_array();
        entry["id"] == model || aliases.is_some_and(|aliases| aliases.iter().any(|alias| alias == model))
    };
    let routed = entries.iter().any(|entry| entry["status"]["value"].is_string());
    let entry = entries.iter().find(named);
    match entry.or_else(|| entries.first().filter(|_| !routed)) {
        None => Held::Absent,
        Some(entry) => {
            let status = &entry["status"];
            match status["value"].as_str() {
                Some("loading") => Held::Loading,
                Some("sleeping") => Held::Asleep,
                Some("unloaded") if status["failed"] == true => Held::Failing,
                Some("unloaded") => Held::Unloaded,
                // A server with one model has it, unless it sleeps, which its list does not say.
                Some("loaded") | None => Held::Loaded {
                    window: tokens(&entry["meta"]["n_ctx"]),
                },
                // Being fetched, or a state of a later build.
                Some(_) => Held::Untold,
            }
        }
    }
}

fn tokens(value: &Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|tokens| u32::try_from(tokens).ok())
        .filter(|tokens| *tokens > 0)
}

#[cfg(test)]
mod tests;
