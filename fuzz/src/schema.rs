//! JSON Schemas, and JSON that is none.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde_json::{Map, Value};
use yabby_wire::{SUBSET, lower_output, lower_parameters};

/// The deepest level, counted from the root as 0. Only the union of all types has branches there.
const DEEPEST: usize = 8;
/// The longest `enum`.
const MOST_VALUES: usize = 64;
/// Lengths and counts end here.
const LENGTH_END: u64 = 2000;
/// The largest number that is a limit.
const LARGEST: f64 = 2_147_483_648.0;

const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// The names and texts of schemas that grow from bytes.
const WORDS: [&str; 40] = [
    "type",
    "properties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "required",
    "enum",
    "const",
    "additionalProperties",
    "patternProperties",
    "prefixItems",
    "nullable",
    "description",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "object",
    "array",
    "string",
    "number",
    "integer",
    "boolean",
    "null",
    "any",
    "a",
    "b",
    "#",
    "#/$defs/a",
    "#/properties/b",
    "#/anyOf/0",
    "not",
    "",
];

/// What is lowered stays inside the subset, and is not lowered further. An input that begins with `{` is JSON; from
/// any other a schema is grown.
pub fn schema(input: &[u8]) {
    let schema = match input.first() {
        Some(b'{') => serde_json::from_slice(input).ok(),
        _ => grown(&mut Unstructured::new(input), 0).ok(),
    };
    let Some(schema) = schema else { return };
    let parameters = lower_parameters(&schema);
    assert_eq!(parameters.get("type"), Some(&"object".into()), "{parameters}");
    assert!(
        parameters.get("properties").is_some_and(Value::is_object),
        "{parameters}"
    );
    check(&parameters, 0);
    assert_eq!(lower_parameters(&parameters), parameters, "not stable");
    let output = lower_output(&schema);
    check(&output, 0);
    assert_eq!(lower_output(&output), output, "not stable");
}

fn grown(from: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    // Where the bytes end, they are zeros, and so is the value.
    let kind = from.arbitrary::<u8>()?;
    let count = usize::from(kind >> 4);
    Ok(match kind % 16 {
        0 => Value::Null,
        1 => (kind > 127).into(),
        2 => from.arbitrary::<i8>()?.into(),
        3 => from.arbitrary::<i64>()?.into(),
        4 => (f64::from(from.arbitrary::<i16>()?) / 4.0).into(),
        5..=7 => word(from)?.into(),
        8 | 9 if depth < 24 => (0..count)
            .map(|_| grown(from, depth + 1))
            .collect::<Result<Vec<Value>>>()?
            .into(),
        10 => Value::Object(Map::from_iter([("type".to_owned(), word(from)?.into())])),
        _ if depth < 24 => (0..count)
            .map(|_| Ok((word(from)?.to_owned(), grown(from, depth + 1)?)))
            .collect::<Result<Map<String, Value>>>()?
            .into(),
        _ => Value::Bool(true),
    })
}

fn word(from: &mut Unstructured<'_>) -> Result<&'static str> {
    let at = usize::from(from.arbitrary::<u8>()?) % WORDS.len();
    Ok(WORDS[at])
}

/// Whether a schema says only of which type a value is.
fn is_bare(schema: &Value) -> bool {
    schema.as_object().is_some_and(|keywords| keywords.keys().eq(["type"]))
}

/// Checks the keywords of a lowered schema and the shapes of their values.
fn check(schema: &Value, depth: usize) {
    let keywords = schema.as_object();
    assert!(keywords.is_some(), "not a schema: {schema}");
    let mut says_what = false;
    for (name, value) in keywords.into_iter().flatten() {
        assert!(SUBSET.contains(&name.as_str()), "{name} in {schema}");
        says_what |= ["type", "anyOf", "enum"].contains(&name.as_str());
        let fits = match (name.as_str(), value) {
            ("type", Value::String(name)) => TYPES.contains(&name.as_str()),
            ("description", Value::String(_)) | ("additionalProperties", Value::Bool(_)) => true,
            ("properties", Value::Object(properties)) => {
                properties.values().for_each(|property| check(property, depth + 1));
                depth < DEEPEST
            }
            ("items", items) => {
                check(items, depth + 1);
                depth < DEEPEST
            }
            ("anyOf", Value::Array(branches)) => {
                for branch in branches {
                    check(branch, depth + 1);
                }
                branches.len() > 1 && (depth < DEEPEST || branches.iter().all(is_bare))
            }
            ("required", Value::Array(names)) => {
                let is_there = |name: &Value| {
                    name.as_str()
                        .is_some_and(|name| schema["properties"].get(name).is_some())
                };
                !names.is_empty() && names.iter().all(is_there)
            }
            ("enum", Value::Array(values)) => (1..=MOST_VALUES).contains(&values.len()),
            ("minimum" | "maximum", Value::Number(limit)) => limit.as_f64().is_some_and(|limit| limit.abs() <= LARGEST),
            (_, length) => length.as_u64().is_some_and(|length| length < LENGTH_END),
        };
        assert!(fits, "{name} in {schema}");
    }
    assert!(says_what, "says nothing: {schema}");
}
