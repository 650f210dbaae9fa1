//! What a model may be shown of what a server says of its tools.

use serde_json::Value;

use super::{McpLimits, Withheld};

/// Whether a schema can be offered. It is not changed: each wire format takes what it can.
pub(super) fn check(schema: &Value, limits: &McpLimits) -> Result<(), Withheld> {
    if is_deeper(schema, limits.schema_depth) {
        return Err(Withheld::SchemaTooDeep);
    }
    // Counting is only cheap below the limit of depth.
    if schema.to_string().len() > limits.schema_bytes {
        return Err(Withheld::SchemaTooLarge);
    }
    let kind = schema.get("type");
    if kind.is_some_and(|kind| kind != "object") {
        return Err(Withheld::SchemaOfNoObject);
    }
    Ok(())
}

fn is_deeper(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth == 0 || items.iter().any(|item| is_deeper(item, depth - 1)),
        Value::Object(fields) => depth == 0 || fields.values().any(|field| is_deeper(field, depth - 1)),
        _ => false,
    }
}

/// A description without what a person would not see, and not longer than `most` characters.
pub(super) fn description(said: &str, most: usize) -> String {
    let seen: String = said.chars().filter(|char| !is_hidden(*char)).collect();
    let seen = seen.trim();
    match seen.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", seen.get(..end).unwrap_or_default().trim_end()),
        None => seen.to_owned(),
    }
}

/// Characters that nobody sees and models read: control characters, tags, and those that change the direction.
fn is_hidden(char: char) -> bool {
    (char.is_control() && !matches!(char, '\n' | '\t'))
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_refused_for_its_size_its_depth_and_its_type() {
        let limits = McpLimits {
            schema_depth: 3,
            schema_bytes: 80,
            ..McpLimits::default()
        };
        let checked = [
            json!({}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            json!({"type": "object", "properties": {"a": {"items": {}}}}),
            json!({"type": "object", "description": "x".repeat(80)}),
            json!({"type": "array"}),
        ]
        .map(|schema| check(&schema, &limits));
        assert_eq!(
            checked,
            [
                Ok(()),
                Ok(()),
                Err(Withheld::SchemaTooDeep),
                Err(Withheld::SchemaTooLarge),
                Err(Withheld::SchemaOfNoObject)
            ]
        );
    }

    #[test]
    fn a_description_is_what_a_person_sees_of_it() {
        assert_eq!(
            description(" Adds\r\n two\u{200b} numbers\u{e0041} ", 100),
            "Adds\n two numbers"
        );
        assert_eq!(description("天氣預報查詢", 4), "天氣預報…");
    }
}
