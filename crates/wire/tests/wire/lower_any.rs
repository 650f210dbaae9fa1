//! What holds for any schema that is lowered.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use yabby_wire::{SUBSET, lower_output, lower_parameters};

/// Checks keywords and shapes of a lowered schema.
fn assert_subset(schema: &Value) {
    for (name, value) in schema.as_object().expect("a schema is an object") {
        assert!(SUBSET.contains(&name.as_str()), "{name} in {schema}");
        match name.as_str() {
            "type" => {
                let known = ["object", "array", "string", "number", "integer", "boolean", "null"];
                assert!(known.contains(&value.as_str().unwrap()), "{schema}");
            }
            "properties" => value.as_object().unwrap().values().for_each(assert_subset),
            "items" => assert_subset(value),
            "anyOf" => {
                assert!(value.as_array().unwrap().len() > 1, "{schema}");
                value.as_array().unwrap().iter().for_each(assert_subset);
            }
            "required" => {
                let names = value.as_array().unwrap();
                assert!(!names.is_empty(), "{schema}");
                for name in names {
                    assert!(schema["properties"].get(name.as_str().unwrap()).is_some(), "{schema}");
                }
            }
            "enum" => assert!((1..=64).contains(&value.as_array().unwrap().len()), "{schema}"),
            "additionalProperties" => assert!(value.is_boolean(), "{schema}"),
            "description" => assert!(value.is_string(), "{schema}"),
            "minimum" | "maximum" => assert!(value.as_f64().unwrap().abs() <= 2_147_483_648.0, "{schema}"),
            _ => assert!(value.as_u64().unwrap() < 2000, "{schema}"),
        }
    }
    assert!(
        ["type", "anyOf", "enum"].iter().any(|name| schema.get(*name).is_some()),
        "{schema}"
    );
}

/// The smallest value that a lowered schema allows.
fn instance(schema: &Value) -> Value {
    if let Some(values) = schema["enum"].as_array() {
        return values[0].clone();
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        return instance(&branches[0]);
    }
    match schema["type"].as_str().unwrap() {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.map(|name| name.as_str().unwrap());
            fields
                .map(|name| (name.to_owned(), instance(&schema["properties"][name])))
                .collect::<Map<_, _>>()
                .into()
        }
        "array" => {
            let count = usize::try_from(schema["minItems"].as_u64().unwrap_or(0))
                .unwrap()
                .min(3);
            let item = schema.get("items").map_or(json!(1), instance);
            vec![item; count].into()
        }
        "string" => "x".into(),
        "boolean" => true.into(),
        "null" => Value::Null,
        _ => 1.into(),
    }
}

/// Whether a value has the types and required properties of a schema.
fn fits(value: &Value, schema: &Value) -> bool {
    if let Some(branches) = schema["anyOf"].as_array() {
        return branches.iter().any(|branch| fits(value, branch));
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.contains(value);
    }
    match schema["type"].as_str().unwrap() {
        "object" => value.as_object().is_some_and(|fields| {
            let required = schema["required"].as_array().into_iter().flatten();
            required
                .map(|name| name.as_str().unwrap())
                .all(|name| fields.contains_key(name))
                && fields
                    .iter()
                    .all(|(name, field)| schema["properties"].get(name).is_none_or(|below| fits(field, below)))
        }),
        "array" => value.as_array().is_some_and(|items| {
            schema
                .get("items")
                .is_none_or(|below| items.iter().all(|item| fits(item, below)))
        }),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => value.is_number(),
    }
}

/// JSON that often looks like a schema.
fn schema() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "object", "array", "string", "number", "integer", "boolean", "null", "any", "odd",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        // Quarters come back from text as they were.
        (-20_000..20_000_i32).prop_map(|number| Value::from(f64::from(number) / 4.0)),
        (-3..5000_i64).prop_map(Value::from),
        name.clone().prop_map(|name| json!({"type": name})),
        name.prop_map(Value::from),
        prop::sample::select(vec!["#", "#/$defs/a", "#/properties/b", "#/anyOf/0", "x"])
            .prop_map(|to| json!({"$ref": to})),
    ];
    let word = prop::sample::select(vec![
        "type",
        "description",
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "items",
        "prefixItems",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "$defs",
        "$ref",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "nullable",
        "a",
        "b",
        "format",
        "default",
    ]);
    leaf.prop_recursive(9, 120, 5, move |inner| {
        prop_oneof![
            3 => prop::collection::hash_map(word.clone(), inner.clone(), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            2 => (prop::collection::vec(inner.clone(), 0..4), prop::sample::select(vec!["anyOf", "oneOf", "allOf", "prefixItems", "enum"]))
                .prop_map(|(list, word)| json!({word: list})),
            3 => (inner.clone(), inner, prop::sample::subsequence(vec!["a", "b"], 0..=2))
                .prop_map(|(a, b, required)| json!({"type": "object", "properties": {"a": a, "b": b}, "required": required, "$defs": {"a": {"type": "string"}}})),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_becomes_a_portable_schema(schema in schema()) {
        let before = schema.clone();
        let found = lower_parameters(&schema);
        prop_assert_eq!(&schema, &before);
        assert_subset(&found);
        prop_assert_eq!(&found["type"], "object");
        prop_assert!(found["properties"].is_object());
        prop_assert_eq!(&lower_parameters(&found), &found);
        let smallest: Value = serde_json::from_str(&instance(&found).to_string()).unwrap();
        prop_assert!(fits(&smallest, &found), "{} {}", smallest, found);
        let output = lower_output(&schema);
        assert_subset(&output);
        prop_assert_eq!(&lower_output(&output), &output);
    }
}
