//! Every path with its handler and its description in one place, so that the document for machines (`OpenAPI` 3.1) cannot
//! say something else than what is served.

use axum::{
    Json, Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Desk, error::ProblemBody};

/// What is done with a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Get,
    Post,
    Delete,
}

/// A type, as a schema.
type Described = fn(&mut SchemaGenerator) -> Schema;

/// What one verb does at one path.
#[derive(Clone, Copy)]
pub(super) struct Does {
    about: &'static str,
    query: Option<Described>,
    body: Option<Described>,
    answer: Option<Described>,
    error: Described,
    status: &'static str,
    media: &'static str,
    /// Where somebody else says what it is.
    see: Option<&'static str>,
}

/// All paths.
pub(super) struct Paths {
    router: Router<Desk>,
    documented: Map<String, Value>,
    /// Schemas of what is sent to clients, by name.
    sent: SchemaGenerator,
    /// Of what they send: the same type may look different there.
    taken: SchemaGenerator,
}

/// The schema of a type.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

// === impl Verb ===

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

// === impl Does ===

impl Does {
    /// Something that answers with nothing.
    pub(super) const fn nothing(about: &'static str) -> Self {
        Self {
            about,
            query: None,
            body: None,
            answer: None,
            error: of::<ProblemBody>,
            status: "204",
            media: "application/json",
            see: None,
        }
    }

    /// Something that answers with a value.
    pub(super) const fn gives(about: &'static str, answer: Described) -> Self {
        Self {
            answer: Some(answer),
            status: "200",
            ..Self::nothing(about)
        }
    }

    /// It takes a body.
    pub(super) const fn takes(self, body: Described) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// It takes parameters behind a question mark.
    pub(super) const fn asks(self, query: Described) -> Self {
        Self {
            query: Some(query),
            ..self
        }
    }

    /// The answer has another status than 200.
    pub(super) const fn with_status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    /// It is as somebody else says there, and an error has their form.
    pub(super) const fn as_of(self, see: &'static str, error: Described) -> Self {
        Self {
            see: Some(see),
            error,
            ..self
        }
    }

    /// The answer is a stream of server-sent events.
    pub(super) const fn as_events(self) -> Self {
        Self {
            media: "text/event-stream",
            ..self
        }
    }
}

// === impl Paths ===

impl Paths {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            router: Router::new(),
            documented: Map::new(),
            sent: settings().for_serialize().into_generator(),
            taken: settings()
                .with(|settings| settings.inline_subschemas = true)
                .into_generator(),
        }
    }

    /// Adds what a verb does at a path.
    pub(super) fn add<H, T>(self, verb: Verb, path: &str, handler: H, does: &Does) -> Self
    where
        H: Handler<T, Desk>,
        T: 'static,
    {
        let mut paths = self.tell(verb, path, does);
        paths.router = paths.router.route(path, on(verb.filter(), handler));
        paths
    }

    /// Describes what a verb does at a path that is answered elsewhere.
    pub(super) fn tell(mut self, verb: Verb, path: &str, does: &Does) -> Self {
        let operation = self.operation(path, does);
        let at = self.documented.entry(path.to_owned()).or_insert_with(|| json!({}));
        if let Some(at) = at.as_object_mut() {
            at.insert(verb.name().to_owned(), operation);
        }
        self
    }

    fn operation(&mut self, path: &str, does: &Does) -> Value {
        let mut parameters: Vec<Value> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
            .collect();
        if let Some(query) = does.query {
            let schema = query(&mut self.taken).to_value();
            for (name, mut schema) in schema["properties"].as_object().cloned().unwrap_or_default() {
                let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
                let mut parameter = json!({"name": name, "in": "query", "required": false, "schema": schema});
                if let Some(description) = description {
                    parameter["description"] = description;
                }
                parameters.push(parameter);
            }
        }
        let mut answer = json!({"description": does.about});
        if let Some(given) = does.answer {
            answer["content"] = json!({does.media: {"schema": given(&mut self.sent)}});
        }
        let problem = (does.error)(&mut self.sent);
        let mut operation = json!({
            "summary": does.about,
            "responses": {
                does.status: answer,
                "default": {"description": "An error.", "content": {"application/json": {"schema": problem}}},
            },
        });
        if let Some(see) = does.see {
            operation["externalDocs"] = json!({"url": see});
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = does.body {
            let schema = body(&mut self.taken);
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        operation
    }

    /// The router, which serves its document too; and the document.
    pub(super) fn finish(mut self) -> (Router<Desk>, Value) {
        let about = Does::gives("This document.", of::<Map<String, Value>>);
        let operation = self.operation("", &about);
        let path = "/api/openapi.json";
        self.documented.insert(path.to_owned(), json!({"get": operation}));
        let mut paths: Vec<(String, Value)> = self.documented.into_iter().collect();
        paths.sort_by(|one, other| one.0.cmp(&other.0));
        let mut schemas: Vec<(String, Value)> = self.sent.take_definitions(true).into_iter().collect();
        schemas.sort_by(|one, other| one.0.cmp(&other.0));
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "The APIs of Yabby",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "docs/api.md says what it means.",
            },
            "paths": paths.into_iter().collect::<Map<_, _>>(),
            "components": {
                "schemas": schemas.into_iter().collect::<Map<_, _>>(),
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"key": []}],
        });
        let served = document.clone();
        let serve = move || std::future::ready(Json(served.clone()));
        let router = self.router.route(path, on(MethodFilter::GET, serve));
        (router, document)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::super::paths;

    /// The document is kept in the project, so that a change of the API is seen.
    #[test]
    fn the_document_is_the_one_that_is_kept() {
        let (_, document) = paths().finish();
        let found = serde_json::to_string_pretty(&document).unwrap() + "\n";
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let kept = fs::read_to_string(root.join("docs/openapi.json")).unwrap_or_default();
        if found != kept {
            let new = root.join("target/openapi.json");
            fs::write(&new, &found).unwrap();
            panic!("the API has changed: look at it, and copy target/openapi.json to docs/openapi.json");
        }
    }

    #[test]
    fn every_path_is_explained_to_people_too() {
        let (_, document) = paths().finish();
        let guide = include_str!("../../../../docs/api.md");
        for (path, verbs) in document["paths"].as_object().unwrap() {
            for verb in verbs.as_object().unwrap().keys() {
                let named = format!("`{} {path}", verb.to_uppercase());
                assert!(guide.contains(&named), "docs/api.md does not say {named}`");
            }
        }
    }
}
