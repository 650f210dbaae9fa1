//! The registered tools, and arguments that fit their schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cursor::{Cursor, Read, Stop};
use crate::decoder::Expectation;

/// What some models write before the name of a tool: gpt-oss and Kimi; Gemini's code.
const PREFIXES: [&str; 3] = ["functions.", "default_api.", "tools."];

/// A call that stood in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
}

/// The tools that a call may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools {
    names: Vec<String>,
    schemas: BTreeMap<String, Value>,
}

/// How a family writes a value.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// As text without a type.
    Text(String),
    /// With its type.
    Typed(Value),
}

// === impl Tools ===

impl Tools {
    pub(super) fn new(expect: &Expectation) -> Self {
        Self {
            names: expect.tools.clone(),
            schemas: expect.schemas.clone(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Reads a name and gives the registered one that it means; what can no longer become one is none.
    pub(super) fn name(&self, c: &mut Cursor<'_>) -> Read<&str> {
        let rest = c.rest();
        match c.name() {
            Ok(name) => self.known(name.strip_suffix(".call").unwrap_or(name)),
            Err(Stop::More) if self.may_become_known(rest) => Err(Stop::More),
            Err(_) => Err(Stop::No),
        }
    }

    fn may_become_known(&self, begun: &str) -> bool {
        let fits = |name: &str, begun: &str| name.starts_with(begun) || begun.starts_with(name);
        self.names.iter().any(|name| fits(name, begun))
            || PREFIXES.iter().any(|prefix| match begun.strip_prefix(*prefix) {
                Some(rest) => self.names.iter().any(|name| fits(name, rest)),
                None => prefix.starts_with(begun),
            })
    }

    /// The registered name that `name` means.
    pub(super) fn known(&self, name: &str) -> Read<&str> {
        let name = name.trim();
        let short = PREFIXES.iter().find_map(|prefix| name.strip_prefix(*prefix));
        let mut meant = [Some(name), short].into_iter().flatten();
        let found = meant.find_map(|name| self.names.iter().find(|known| *known == name));
        found.map(String::as_str).ok_or(Stop::No)
    }

    /// The call of a tool with what it was given.
    pub(super) fn call(&self, name: &str, given: impl IntoIterator<Item = (String, Given)>) -> Found {
        let schema = self.schemas.get(name);
        let property = |key: &str| schema.and_then(|schema| schema.get("properties")?.get(key));
        let arguments = given.into_iter().map(|(key, given)| {
            let value = fit(property(&key), given);
            (key, value)
        });
        Found {
            name: name.to_owned(),
            arguments: arguments.collect(),
        }
    }

    /// The same for an object.
    pub(super) fn call_object(&self, name: &str, arguments: Map<String, Value>) -> Found {
        self.call(
            name,
            arguments.into_iter().map(|(key, value)| (key, Given::Typed(value))),
        )
    }
}

/// The JSON types that a schema allows; none when it does not say.
fn types<'a>(schema: &'a Value, out: &mut Vec<&'a str>) {
    match schema.get("type") {
        Some(Value::String(one)) => out.push(one),
        Some(Value::Array(several)) => out.extend(several.iter().filter_map(Value::as_str)),
        _ => {}
    }
    for part in ["anyOf", "oneOf"] {
        for schema in schema.get(part).and_then(Value::as_array).into_iter().flatten() {
            types(schema, out);
        }
    }
    if out.is_empty() {
        let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        for value in values.chain(schema.get("const")) {
            out.push(kind(value));
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What `text` says as JSON, also as Python writes it.
fn parsed(text: &str) -> Option<Value> {
    match text.trim() {
        "True" => Some(Value::Bool(true)),
        "False" => Some(Value::Bool(false)),
        "None" => Some(Value::Null),
        text => serde_json::from_str(text).ok(),
    }
}

/// The value that the schema of the parameter lets it be.
fn fit(schema: Option<&Value>, given: Given) -> Value {
    let mut allowed = Vec::new();
    if let Some(schema) = schema {
        types(schema, &mut allowed);
    }
    let allows = |value: &Value| {
        let kind = kind(value);
        allowed.contains(&kind) || (kind == "integer" && allowed.contains(&"number"))
    };
    match given {
        Given::Text(text) if allowed.is_empty() => parsed(&text).unwrap_or(Value::String(text)),
        Given::Text(text) | Given::Typed(Value::String(text)) if !allowed.is_empty() => {
            if allowed.contains(&"string") {
                return Value::String(text);
            }
            match parsed(&text) {
                Some(value) if allows(&value) => value,
                _ => Value::String(text),
            }
        }
        Given::Text(text) => Value::String(text),
        Given::Typed(value @ (Value::Number(_) | Value::Bool(_))) if allowed.contains(&"string") && !allows(&value) => {
            Value::String(value.to_string())
        }
        Given::Typed(value) => value,
    }
}
