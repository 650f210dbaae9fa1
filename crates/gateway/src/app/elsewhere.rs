//! Paths that are described with the others and answered elsewhere: who one is, keys, and the model APIs, whose bodies are those of
//! `OpenAI` and Anthropic.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::paths::{Does, Paths, Verb, of};
use crate::{
    auth::{KeyAsked, KeyShown, KeyWanted, SignedIn},
    respond::Me,
};

/// An object of somebody else's API.
type Object = Map<String, Value>;

/// Nothing but an object.
fn empty(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

/// An error as `OpenAI` has it.
fn openai_error(_: &mut SchemaGenerator) -> Schema {
    let text = || json_schema!({"type": ["string", "null"]});
    let fields = json_schema!({
        "type": "object", "required": ["message", "type", "param", "code"],
        "properties": {"message": {"type": "string"}, "type": {"type": "string"}, "param": text(), "code": text()},
    });
    json_schema!({"type": "object", "required": ["error"], "properties": {"error": fields}})
}

/// An error as Anthropic has it.
fn anthropic_error(_: &mut SchemaGenerator) -> Schema {
    let fields = json_schema!({
        "type": "object", "required": ["type", "message"],
        "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
    });
    json_schema!({
        "type": "object", "required": ["type", "error"], "properties": {"type": {"const": "error"}, "error": fields},
    })
}

/// All of them.
pub(super) fn tell(paths: Paths) -> Paths {
    models(people(paths))
}

fn people(paths: Paths) -> Paths {
    use Verb::{Delete, Get, Post};
    let gives = Does::gives;
    paths
        .tell(
            Post,
            "/api/sign-in",
            &gives("A code or a token becomes the key of a device.", of::<SignedIn>).takes(of::<KeyAsked>),
        )
        .tell(Post, "/api/sign-out", &gives("The key that is used ends.", empty))
        .tell(Get, "/api/me", &gives("Whose key this is.", of::<Me>))
        .tell(Get, "/api/keys", &gives("The keys that count.", of::<Vec<KeyShown>>))
        .tell(
            Post,
            "/api/keys",
            &gives("A new key, whose secret is told once.", of::<KeyShown>).takes(of::<KeyWanted>),
        )
        .tell(Delete, "/api/keys/{id}", &gives("A key is taken back.", empty))
}

fn models(paths: Paths) -> Paths {
    use Verb::{Delete, Get, Post};
    let openai = |about, see| Does::gives(about, of::<Object>).as_of(see, openai_error);
    let anthropic = |about, see| Does::gives(about, of::<Object>).as_of(see, anthropic_error);
    let chat = "https://platform.openai.com/docs/api-reference/chat/create";
    let responses = "https://platform.openai.com/docs/api-reference/responses";
    let messages = "https://docs.claude.com/en/api/messages";
    let counts = "https://docs.claude.com/en/api/messages-count-tokens";
    let embeddings = "https://platform.openai.com/docs/api-reference/embeddings/create";
    let models = "https://platform.openai.com/docs/api-reference/models";
    let with_body = |does: Does| does.takes(of::<Object>);
    paths
        .tell(
            Post,
            "/v1/chat/completions",
            &with_body(openai("An answer, whole or as a stream.", chat)),
        )
        .tell(
            Post,
            "/v1/responses",
            &with_body(openai("A response, whole or as a stream.", responses)),
        )
        .tell(
            Post,
            "/v1/responses/input_tokens",
            &with_body(openai("How many tokens a response would read.", responses)),
        )
        .tell(Get, "/v1/responses/{id}", &openai("A response of an agent.", responses))
        .tell(
            Delete,
            "/v1/responses/{id}",
            &openai("A response of an agent is deleted.", responses),
        )
        .tell(
            Post,
            "/v1/responses/{id}/cancel",
            &openai("A response of an agent is cancelled.", responses),
        )
        .tell(
            Get,
            "/v1/responses/{id}/input_items",
            &openai("What a response of an agent was asked with.", responses),
        )
        .tell(
            Post,
            "/v1/messages",
            &with_body(anthropic("A message, whole or as a stream.", messages)),
        )
        .tell(
            Post,
            "/v1/messages/count_tokens",
            &with_body(anthropic("How many tokens a message would read.", counts)),
        )
        .tell(
            Post,
            "/v1/embeddings",
            &with_body(openai("What texts mean, in numbers.", embeddings)),
        )
        .tell(Get, "/v1/models", &openai("The models that may be asked.", models))
        .tell(Get, "/v1/models/{id}", &openai("One of them.", models))
}
