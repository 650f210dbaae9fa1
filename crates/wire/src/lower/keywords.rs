//! Taking named keywords out of a schema.

use serde_json::{Map, Value};

/// The keywords whose value maps names to schemas.
const MAPS: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];

/// The keywords whose value is data.
const DATA: [&str; 5] = ["enum", "const", "default", "examples", "required"];

/// The schema without these keywords, at any depth. Properties that have such a name stay.
pub(crate) fn without(schema: &Value, names: &[String]) -> Value {
    match schema {
        Value::Object(schema) => schema
            .iter()
            .filter(|(name, _)| !names.contains(name))
            .map(|(name, value)| (name.clone(), below(name, value, names)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(schemas) => schemas.iter().map(|schema| without(schema, names)).collect(),
        other => other.clone(),
    }
}

fn below(keyword: &str, value: &Value, names: &[String]) -> Value {
    match value {
        Value::Object(schemas) if MAPS.contains(&keyword) => schemas
            .iter()
            .map(|(name, schema)| (name.clone(), without(schema, names)))
            .collect::<Map<_, _>>()
            .into(),
        value if DATA.contains(&keyword) => value.clone(),
        value => without(value, names),
    }
}
