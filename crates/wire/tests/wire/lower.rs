//! Schemas in the subset that local servers take: one row for each rule.

use serde_json::{Map, Value, json};
use yabby_wire::{lower_output, lower_parameters};

/// The union that stands for anything.
fn anything() -> Value {
    json!([{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "object"}, {"type": "array"}])
}

/// Lowers `property` as the only, required, property `a`, with definitions `$defs` beside it.
fn lowered(property: &Value, defs: &Value) -> (Value, bool) {
    let schema = json!({"type": "object", "properties": {"a": property}, "required": ["a"], "$defs": defs});
    let found = lower_parameters(&schema);
    assert_eq!(found, lower_parameters(&found), "not stable: {schema}");
    (found["properties"]["a"].clone(), found.get("required").is_some())
}

#[test]
fn rules() {
    let defs = json!({
        "Name": {"type": "string", "description": "a name", "title": "Name"},
        "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]},
        "Nothing": {"type": "null"},
    });
    let rows = [
        (
            "a local reference is put in place",
            json!({"$ref": "#/$defs/Name"}),
            json!({"type": "string", "description": "a name"}),
        ),
        (
            "what stands beside a reference goes first",
            json!({"$ref": "#/$defs/Name", "description": "mine"}),
            json!({"type": "string", "description": "mine"}),
        ),
        (
            "a cycle ends at its second turn",
            json!({"$ref": "#/$defs/Node"}),
            json!({"type": "object", "properties": {"next": {"type": "object"}}, "required": ["next"]}),
        ),
        (
            "the root within itself is a cycle",
            json!({"$ref": "#"}),
            json!({"type": "object"}),
        ),
        (
            "a reference that leads nowhere allows anything",
            json!({"$ref": "https://x/y"}),
            json!({"anyOf": anything()}),
        ),
        (
            "single branches are merged",
            json!({"anyOf": [{"type": "integer"}], "title": "T"}),
            json!({"type": "integer"}),
        ),
        (
            "parts come together",
            json!({"allOf": [{"properties": {"x": {"type": "string"}}, "required": ["x"]}, {"properties": {"y": {"type": "null"}, "x": {"maxLength": 3}}}]}),
            json!({"type": "object", "properties": {"x": {"type": "string", "maxLength": 3}, "y": {"type": "null"}}, "required": ["x"]}),
        ),
        (
            "alternatives are `anyOf`",
            json!({"oneOf": [{"type": "string"}, {"type": "array"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "array"}]}),
        ),
        (
            "equal alternatives are one",
            json!({"anyOf": [{"type": "string", "format": "uri"}, {"type": "string"}]}),
            json!({"type": "string"}),
        ),
        (
            "constants side by side are an enum (TypeBox)",
            json!({"anyOf": [{"const": "x"}, {"const": "y"}]}),
            json!({"type": "string", "enum": ["x", "y"]}),
        ),
        (
            "several types are alternatives",
            json!({"type": ["string", "integer", "number"], "minimum": 1}),
            json!({"anyOf": [{"type": "string"}, {"type": "number", "minimum": 1.0}]}),
        ),
        (
            "a constant is an enum",
            json!({"const": 5}),
            json!({"type": "integer", "enum": [5]}),
        ),
        (
            "an empty enum is not one",
            json!({"type": "string", "enum": []}),
            json!({"type": "string"}),
        ),
        (
            "keywords beyond the subset go",
            json!({"type": "string", "pattern": "\\d", "format": "date", "default": "x", "examples": ["y"], "title": "T", "$schema": "s",
                   "$id": "i", "not": {}, "if": {}, "then": {}, "else": {}, "contentEncoding": "base64", "description": "d"}),
            json!({"type": "string", "description": "d"}),
        ),
        (
            "objects with patterns stay open",
            json!({"type": "object", "patternProperties": {"x": {}}, "dependentRequired": {"x": ["y"]}, "additionalProperties": false}),
            json!({"type": "object"}),
        ),
        (
            "only a boolean closes an object",
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object"}),
        ),
        (
            "closed stays closed",
            json!({"type": "object", "additionalProperties": false}),
            json!({"type": "object", "additionalProperties": false}),
        ),
        (
            "lengths from 2000 go (llama.cpp#25746)",
            json!({"type": "string", "minLength": 1, "maxLength": 2000}),
            json!({"type": "string", "minLength": 1}),
        ),
        (
            "counts from 2000 go (llama.cpp#27859)",
            json!({"type": "array", "items": {"type": "string", "maxLength": 1999}, "maxItems": 65536}),
            json!({"type": "array", "items": {"type": "string", "maxLength": 1999}}),
        ),
        (
            "lengths that exclude each other go",
            json!({"type": "string", "minLength": 5, "maxLength": 2}),
            json!({"type": "string"}),
        ),
        (
            "large numbers go",
            json!({"type": "integer", "minimum": -9_007_199_254_740_991_i64, "maximum": 10}),
            json!({"type": "integer", "maximum": 10}),
        ),
        (
            "limits that exclude become limits that include",
            json!({"type": "integer", "exclusiveMinimum": 0, "maximum": 9.5}),
            json!({"type": "integer", "minimum": 1, "maximum": 9}),
        ),
        (
            "draft 4 wrote a boolean",
            json!({"type": "integer", "exclusiveMinimum": true, "minimum": 3}),
            json!({"type": "integer", "minimum": 3}),
        ),
        (
            "limits of other types go",
            json!({"type": "boolean", "minimum": 3, "maxLength": 3}),
            json!({"type": "boolean"}),
        ),
        (
            "an unknown type is an object (recordings `chat_bad_schema`)",
            json!({"type": "nonsense"}),
            json!({"type": "object"}),
        ),
        (
            "types of other languages are known",
            json!({"type": "List", "items": {"type": "int"}}),
            json!({"type": "array", "items": {"type": "integer"}}),
        ),
        (
            "a value without type may be anything",
            json!({"description": "d"}),
            json!({"anyOf": anything(), "description": "d"}),
        ),
        (
            "items that may be anything go",
            json!({"type": "array", "items": {}}),
            json!({"type": "array"}),
        ),
        (
            "a tuple is a list of its kinds",
            json!({"prefixItems": [{"type": "string"}, {"type": "null"}]}),
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        (
            "properties beside alternatives take theirs",
            json!({"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"],
                   "anyOf": [{"properties": {"x": {"type": "string"}, "z": {"const": 1}}, "required": ["x", "z"]},
                             {"properties": {"y": {"type": "string"}, "z": {"const": 2}}, "required": ["y", "z"]}]}),
            json!({"type": "object",
                   "properties": {"k": {"type": "string"}, "x": {"type": "string"}, "z": {"type": "integer", "enum": [1, 2]}, "y": {"type": "string"}},
                   "required": ["k", "z"]}),
        ),
    ];
    for (reason, property, expected) in rows {
        let (found, required) = lowered(&property, &defs);
        assert_eq!(found, expected, "{reason}");
        assert!(required, "{reason}");
    }
}

/// Each value of an enum becomes a rule of the grammar.
#[test]
fn a_long_enum_is_told_in_the_description() {
    let words = |count: usize| (0..count).map(|n| format!("word{n}")).collect::<Vec<_>>();
    let lowered = |count| lowered(&json!({"enum": words(count), "description": "Which."}), &json!({})).0;
    assert_eq!(
        lowered(64),
        json!({"type": "string", "enum": words(64), "description": "Which."})
    );
    let told = format!("Which.\nOne of: {}", words(65).join(", "));
    assert_eq!(lowered(65), json!({"type": "string", "description": told}));
    let text = lowered(1000)["description"].as_str().unwrap().to_owned();
    assert!(text.len() < 700 && text.ends_with(", …"), "{text}");
}

#[test]
fn what_may_be_null_is_not_required() {
    let defs = json!({"Nothing": {"type": "null"}, "Maybe": {"type": ["string", "null"]}});
    let string = json!({"type": "string"});
    for property in [
        json!({"type": ["string", "null"]}),
        json!({"type": "string", "nullable": true}),
        json!({"anyOf": [{"type": "string"}, {"type": "null"}], "default": null}),
        json!({"oneOf": [{"type": "null"}, {"type": "string"}]}),
        json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Nothing"}]}),
        json!({"anyOf": [{"type": "string"}, {"enum": [null]}, {"const": null}]}),
        json!({"$ref": "#/$defs/Maybe"}),
    ] {
        assert_eq!(lowered(&property, &defs), (string.clone(), false), "{property}");
    }
    let (found, required) = lowered(&json!({"enum": ["x", null]}), &defs);
    assert_eq!((found, required), (json!({"type": "string", "enum": ["x"]}), false));
    let property = json!({"anyOf": [{"type": "null"}, {"type": "string"}, {"type": "integer"}]});
    let both = json!({"anyOf": [{"type": "string"}, {"type": "integer"}]});
    assert_eq!(lowered(&property, &defs), (both, false));
}

#[test]
fn the_root_is_an_object() {
    let empty = json!({"type": "object", "properties": {}});
    for root in [
        json!({}),
        json!(true),
        json!(null),
        json!({"type": "object"}),
        json!({"type": "string"}),
        json!({"$ref": "#"}),
    ] {
        assert_eq!(lower_parameters(&root), empty, "{root}");
    }
    let union = json!({"anyOf": [
        {"type": "object", "properties": {"action": {"const": "get"}}, "required": ["action"]},
        {"type": "object", "properties": {"action": {"const": "set"}, "value": {"type": "number"}}, "required": ["action", "value"]},
    ]});
    let found = lower_parameters(&union);
    assert_eq!(
        found,
        json!({"type": "object",
               "properties": {"action": {"type": "string", "enum": ["get", "set"]}, "value": {"type": "number"}},
               "required": ["action"]})
    );
    assert_eq!(lower_parameters(&found), found);
    // An answer need not be one.
    let list = json!({"type": "array", "items": {"type": "string", "format": "date"}});
    assert_eq!(
        lower_output(&list),
        json!({"type": "array", "items": {"type": "string"}})
    );
    assert_eq!(lower_output(&json!({"type": "object"})), empty);
    assert_eq!(lower_output(&json!({"anyOf": [{"type": "odd"}]})), empty);
}

/// Levels of properties below the root.
fn depth(schema: &Value) -> usize {
    let below = |name: &str| schema.get(name).map_or(0, |below| 1 + depth(below));
    let properties = schema.get("properties").and_then(Value::as_object);
    let deepest = properties
        .into_iter()
        .flat_map(Map::values)
        .map(|below| 1 + depth(below))
        .max();
    below("items").max(deepest.unwrap_or(0))
}

#[test]
fn depth_and_growth_have_an_end() {
    let mut deep = json!({"type": "string"});
    for level in 0..40 {
        deep = match level % 2 {
            0 => json!({"type": "object", "properties": {"x": deep}, "required": ["x"], "additionalProperties": false}),
            _ => json!({"type": "array", "items": deep}),
        };
    }
    let found = lower_parameters(&json!({"properties": {"a": deep}}));
    assert_eq!(depth(&found), 8);
    assert_eq!(lower_parameters(&found), found);
    // Each definition uses the next twice, in each way there is.
    for word in ["allOf", "anyOf", "properties"] {
        let mut defs = Map::new();
        for n in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            let body = if word == "properties" {
                json!({"x": next, "y": next, "z": next})
            } else {
                json!([next, next, next])
            };
            defs.insert(format!("d{n}"), json!({word: body}));
        }
        let found = lower_parameters(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
        assert!(
            found.to_string().len() < 1_000_000,
            "{word}: {}",
            found.to_string().len()
        );
    }
}

#[test]
fn a_tuple_has_room_for_its_branches_or_no_items() {
    let tuple = |outside: usize| {
        let tuple = json!({"type": "array", "items": [{"type": "string"}, {"type": "number"}]});
        let nested = (0..outside).fold(tuple, |inside, _| json!({"type": "array", "items": inside}));
        let (mut found, _) = lowered(&nested, &json!({}));
        for _ in 0..outside {
            found = found["items"].take();
        }
        found
    };
    let both = json!({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "number"}]}});
    assert_eq!((tuple(0), tuple(5)), (both.clone(), both));
    assert_eq!(tuple(6), json!({"type": "array"}));
}

#[test]
fn the_original_stays_as_it_is() {
    let schema = json!({"type": "object", "properties": {"x": {"type": ["string", "null"], "pattern": "x"}}});
    let before = schema.clone();
    lower_parameters(&schema);
    assert_eq!(schema, before);
}
