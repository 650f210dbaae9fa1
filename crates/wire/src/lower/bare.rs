//! The smallest schema that still names the arguments.

use serde_json::{Map, Value, json};

use super::lower_parameters;

/// A schema of parameters with nothing but the first level: each property with its type and description, and what is
/// required. Values inside objects and lists may be anything; the caller checks them against the original.
pub(crate) fn bare_parameters(schema: &Value) -> Value {
    let lowered = lower_parameters(schema);
    let mut properties = Map::new();
    for (name, property) in lowered["properties"].as_object().into_iter().flatten() {
        let mut bare = Map::new();
        bare.insert("type".to_owned(), kind(property).into());
        if let Some(description) = property.get("description") {
            bare.insert("description".to_owned(), description.clone());
        }
        properties.insert(name.clone(), bare.into());
    }
    let mut bare = json!({"type": "object", "properties": properties});
    if let Some(required) = lowered.get("required") {
        bare["required"] = required.clone();
    }
    bare
}

/// The one type of a lowered property. A union is a string, in which a model can write anything.
fn kind(property: &Value) -> &str {
    match property.get("type").and_then(Value::as_str) {
        Some(name) if name != "null" => name,
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_level_stays() {
        let schema = json!({
            "type": "object",
            "description": "gone",
            "properties": {
                "city": {"type": "string", "description": "The city", "pattern": "^x$", "maxLength": 5},
                "unit": {"enum": ["c", "f"]},
                "days": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                "where": {"type": "object", "properties": {"lat": {"type": "number"}}},
                "any": {},
            },
            "required": ["city", "days"],
            "additionalProperties": false,
        });
        assert_eq!(
            bare_parameters(&schema),
            json!({
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "The city"},
                    "unit": {"type": "string"},
                    "days": {"type": "array"},
                    "where": {"type": "object"},
                    "any": {"type": "string"},
                },
                "required": ["city", "days"],
            })
        );
        assert_eq!(
            bare_parameters(&json!(null)),
            json!({"type": "object", "properties": {}})
        );
    }
}
