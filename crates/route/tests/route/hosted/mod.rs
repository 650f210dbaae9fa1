//! Anthropic, `OpenAI` and `OpenRouter`, played by the scripted server as they are documented: no key for them was there.

mod providers;
mod rotation;
mod sessions;

use yabby_testkit::{ModelServer, ServerKind};

/// The three, each with the dialect that Yabby speaks with it.
const SERVICES: [(ServerKind, &str); 3] = [
    (ServerKind::Anthropic, "anthropic-messages"),
    (ServerKind::OpenAi, "openai-responses"),
    (
        ServerKind::OpenRouter {
            context_length: 200_000,
        },
        "openai-completions",
    ),
];

async fn service(kind: ServerKind) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m"]);
    server
}

/// The provider of a service, with these keys.
fn provider(server: &ModelServer, api: &str, keys: &[&str]) -> String {
    // What `api.openai.com` is asked for because of its name (developers.openai.com, "Reasoning models").
    let include = if api == "openai-responses" {
        ", params: { extra_body: { include: ['reasoning.encrypted_content'] } }"
    } else {
        ""
    };
    let keys: Vec<String> = keys.iter().map(|key| format!("'{key}'")).collect();
    format!(
        "baseUrl: '{}', api: '{api}', apiKeys: [{}]{include}",
        server.base_url(),
        keys.join(", ")
    )
}

/// The key of each model call.
fn keys_of(server: &ModelServer) -> Vec<String> {
    let calls = server.model_calls();
    let shown = calls.iter().filter_map(|call| {
        let bearer = || call.header("authorization")?.strip_prefix("Bearer ");
        Some(call.header("x-api-key").or_else(bearer)?.to_owned())
    });
    shown.collect()
}
