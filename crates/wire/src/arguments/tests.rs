use serde_json::json;

use super::*;

fn tools(schema: Value) -> Tools {
    Tools {
        names: vec!["f".into()],
        schemas: [("f".to_owned(), schema)].into(),
        ..Tools::default()
    }
}

/// The arguments as the tool gets them, or the place and what is wrong there.
fn fit(schema: &Value, arguments: &Value) -> Result<Value, String> {
    let tool = Tool {
        name: "f".to_owned(),
        description: String::new(),
        parameters: schema.clone(),
    };
    let fitted = fit_arguments(&tool, arguments.as_object().unwrap().clone());
    fitted.map(Value::Object).map_err(|problem| {
        let what = problem.strip_prefix("the arguments of the tool `f` do not fit: ");
        what.unwrap_or(&problem).to_owned()
    })
}

#[test]
fn values_are_made_to_fit() {
    let schema = json!({
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "share": {"type": "number"},
            "yes": {"type": "boolean"},
            "zip": {"type": "string"},
            "list": {"type": "array", "items": {"type": "integer"}},
            "pair": {"prefixItems": [{"type": "string"}, {"type": "integer"}]},
            "level": {"enum": [1, 2, 3]},
            "either": {"anyOf": [{"type": "integer"}, {"enum": ["auto"]}]},
            "maybe": {"type": ["integer", "null"]},
            "must": {"type": ["string", "null"]},
            "place": {"$ref": "#/$defs/place"},
            "any": {},
        },
        "required": ["must"],
        "$defs": {"place": {"type": "object", "properties": {
            "x": {"type": "integer"}, "next": {"$ref": "#/$defs/place"},
            "form": {"anyOf": [
                {"type": "object", "properties": {"r": {"type": "number"}}, "required": ["r"]},
                {"type": "object", "properties": {"w": {"type": "number"}}, "required": ["w"]},
            ]},
        }}},
    });
    for (given, expected) in [
        (
            json!({"count": "3", "share": "0.5", "yes": "True"}),
            json!({"count": 3, "share": 0.5, "yes": true}),
        ),
        (
            json!({"count": 3.0, "share": 3.0, "zip": 123}),
            json!({"count": 3, "share": 3.0, "zip": "123"}),
        ),
        (
            json!({"list": ["1", 2, "3"], "pair": [1, "2"]}),
            json!({"list": [1, 2, 3], "pair": ["1", 2]}),
        ),
        (
            json!({"list": "[\"1\"]", "level": "2"}),
            json!({"list": [1], "level": 2}),
        ),
        (json!({"either": "5"}), json!({"either": 5})),
        (json!({"either": "auto"}), json!({"either": "auto"})),
        (
            json!({"maybe": null, "zip": null, "any": null}),
            json!({"maybe": null, "any": null}),
        ),
        (
            json!({"place": {"x": "1", "next": "{\"x\": \"2\"}"}}),
            json!({"place": {"x": 1, "next": {"x": 2}}}),
        ),
        (
            json!({"place": {"form": {"w": "2"}}}),
            json!({"place": {"form": {"w": 2}}}),
        ),
        (
            json!({"any": "5", "other": "true"}),
            json!({"any": "5", "other": "true"}),
        ),
    ] {
        let mut expected = expected;
        expected["must"] = Value::Null;
        assert_eq!(fit(&schema, &given), Ok(expected.clone()), "{given}");
        assert_eq!(fit(&schema, &expected), Ok(expected), "once is enough");
    }
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    for (schema, arguments, problem) in [
        (
            json!({"properties": {"a": {"type": "string"}}}),
            json!({"a": {}}),
            "/a: must be a string, but is an object",
        ),
        (
            json!({"properties": {"a": {"type": ["integer", "null"]}}}),
            json!({"a": "x"}),
            "/a: must be an integer or null, but is a string",
        ),
        (
            json!({"properties": {"a": {"type": "integer"}}}),
            json!({"a": 1.5}),
            "/a: must be an integer, but is a number",
        ),
        (
            json!({"properties": {"u": {"enum": ["c", "f"]}}}),
            json!({"u": "k"}),
            "/u: must be one of \"c\", \"f\"",
        ),
        (
            json!({"properties": {"u": {"const": 1}}}),
            json!({"u": 2}),
            "/u: must be 1",
        ),
        (json!({"required": ["a/b"]}), json!({}), "/a~1b: is required"),
        (
            json!({"properties": {"a": {}}, "additionalProperties": false}),
            json!({"b": 1}),
            "/b: is not known; allowed are: a",
        ),
        (
            json!({"additionalProperties": {"type": "boolean"}}),
            json!({"b": [1]}),
            "/b: must be a boolean, but is an array",
        ),
        (
            json!({"properties": {"a": {"items": {"type": "integer"}}}}),
            json!({"a": [1, "x"]}),
            "/a/1: must be an integer, but is a string",
        ),
        (
            json!({"properties": {"a": {"minimum": 1}}}),
            json!({"a": 0}),
            "/a: must be at least 1, but is 0",
        ),
        (
            json!({"properties": {"a": {"exclusiveMaximum": 1}}}),
            json!({"a": 1}),
            "/a: must be less than 1, but is 1",
        ),
        (
            json!({"properties": {"a": {"multipleOf": 5}}}),
            json!({"a": 7}),
            "/a: must be a multiple of 5",
        ),
        (
            json!({"properties": {"a": {"maxLength": 2}}}),
            json!({"a": "äöü"}),
            "/a: must have at most 2 characters, but has 3",
        ),
        (
            json!({"properties": {"a": {"minItems": 1}}}),
            json!({"a": []}),
            "/a: must have at least 1 elements, but has 0",
        ),
        (
            json!({"minProperties": 1}),
            json!({}),
            "/: must have at least 1 properties, but has 0",
        ),
        (
            json!({"properties": {"a": false}}),
            json!({"a": 1}),
            "/a: must be left out",
        ),
        (json!({"allOf": [{"required": ["a"]}]}), json!({}), "/a: is required"),
        (
            json!({"properties": {"a": {"anyOf": [{"type": "boolean"}, {"type": "array"}]}}}),
            json!({"a": "x"}),
            "/a: must be a boolean or an array, but is a string",
        ),
        (
            json!({"properties": {"a": {"oneOf": [
                {"properties": {"kind": {"const": "x"}}, "required": ["kind"]},
                {"properties": {"kind": {"const": "y"}, "n": {"type": "integer"}}, "required": ["kind", "n"]},
            ]}}}),
            json!({"a": {"kind": "y"}}),
            "/a/n: is required",
        ),
        (
            json!({"$ref": "#/definitions/a", "definitions": {"a": {"required": ["q"]}}}),
            json!({}),
            "/q: is required",
        ),
    ] {
        assert_eq!(fit(&schema, &arguments), Err(problem.to_owned()), "{schema}");
    }
}

/// A mistake in the schema is no mistake of the model.
#[test]
fn what_is_no_schema_rejects_nothing() {
    for schema in [
        json!(true),
        json!(null),
        json!("object"),
        json!({"type": "nonsense", "required": "city", "properties": [], "enum": "x", "minimum": "low"}),
        json!({"properties": {"a": {"type": ["nonsense", "integer"]}}}),
        json!({"properties": {"a": {"type": 5, "pattern": "(", "enum": [], "anyOf": []}}}),
        json!({"properties": {"a": {"$ref": "https://example.com/a.json"}}}),
        json!({"properties": {"a": {"$ref": "#/$defs/none"}}}),
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}], "anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
        json!({"properties": {"a": {"not": {}, "if": {}, "then": false, "format": "date", "pattern": "^b$"}}}),
        json!({"patternProperties": {"^a": {}}, "additionalProperties": false}),
    ] {
        let arguments = json!({"a": "x"});
        assert_eq!(fit(&schema, &arguments), Ok(arguments), "{schema}");
    }
}

#[test]
fn deep_values_and_wide_alternatives_end() {
    let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {
        "anyOf": [{"properties": {"n": {"$ref": "#/$defs/n"}}}, {"properties": {"n": {"$ref": "#/$defs/n"}, "m": {"$ref": "#/$defs/n"}}}],
        "properties": {"x": {"type": "integer"}},
    }}});
    for depth in [1, 20, 100] {
        let mut value = json!({"x": "no"});
        for _ in 0..depth {
            value = json!({ "n": value });
        }
        let start = std::time::Instant::now();
        let fitted = fit(&schema, &value);
        assert!(start.elapsed().as_secs() < 10, "{depth}");
        assert!(depth > 1 || fitted.is_err(), "{fitted:?}");
    }
}

#[test]
fn what_is_too_large_to_be_checked_does_not_fit() {
    let safe = json!({"properties": {"xs": {"items": {"type": "integer"}}, "path": {"enum": ["safe"]}}});
    for length in [100_001, 1_000_000] {
        let bad = json!({"xs": vec![0; length], "path": "/etc/passwd"});
        assert!(fit(&safe, &bad).is_err(), "{length}");
    }
    let deep = json!({"$ref": "#/$defs/n", "$defs": {"n": {
        "anyOf": [{"properties": {"n": {"$ref": "#/$defs/n"}}}, {"properties": {"n": {"$ref": "#/$defs/n"}, "m": {}}}],
        "properties": {"x": {"type": "integer"}},
    }}});
    for depth in [20, 40, 120] {
        let mut value = json!({"x": "no"});
        for _ in 0..depth {
            value = json!({ "n": value });
        }
        assert!(fit(&deep, &value).is_err(), "{depth}");
    }
    // Deeper than what is checked, with and without a schema that says something there.
    let mut value = json!({"x": "no"});
    for _ in 0..200 {
        value = json!({ "n": value });
    }
    let recursive = json!({"properties": {"n": {"$ref": "#"}, "x": {"type": "integer"}}});
    let problem = fit(&recursive, &value).unwrap_err();
    assert!(problem.starts_with("/n/n"), "{problem}");
    assert_eq!(
        fit(&json!({"properties": {"n": {"type": "object"}}}), &value),
        Ok(value.clone())
    );
    assert_eq!(fit(&json!({"additionalProperties": {}}), &value), Ok(value));
}

#[test]
fn the_calls_of_one_answer_share_their_time() {
    let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {
        "anyOf": [{"properties": {"n": {"$ref": "#/$defs/n"}}}, {"properties": {"n": {"$ref": "#/$defs/n"}, "m": {}}}],
        "properties": {"x": {"type": "integer"}},
    }}});
    let mut value = json!({"x": "no"});
    for _ in 0..40 {
        value = json!({ "n": value });
    }
    let tools = tools(schema);
    let start = std::time::Instant::now();
    for _ in 0..500 {
        assert!(tools.fit("f", value.as_object().unwrap().clone()).is_err());
    }
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn definitions_that_refer_to_each_other_tell_their_types_soon() {
    let branches = vec![json!({"$ref": "#/$defs/n"}); 10];
    let schema = json!({"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"anyOf": branches}}});
    let start = std::time::Instant::now();
    assert_eq!(fit(&schema, &json!({"a": "x"})), Ok(json!({"a": "x"})));
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn faults_of_alternatives_cost_little() {
    let schema = json!({"additionalProperties": {"items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}});
    let mut values = vec![json!(1); 40_000];
    values.push(json!([]));
    let start = std::time::Instant::now();
    let problem = fit(&schema, &json!({"k".repeat(1_000_000): values})).unwrap_err();
    assert!(start.elapsed().as_millis() < 2500, "{:?}", start.elapsed());
    assert!(
        problem.ends_with("k…/40000: must be a string or an integer, but is an array"),
        "{problem}"
    );
}

#[test]
fn what_is_not_known_is_left_as_it_is() {
    let patterns =
        json!({"patternProperties": {"^s_": {"type": "string"}}, "additionalProperties": {"type": "integer"}});
    assert_eq!(fit(&patterns, &json!({"s_a": "12"})), Ok(json!({"s_a": "12"})));
    let text = json!({"properties": {"a": {"type": "string"}}});
    let long: Value = serde_json::from_str(r#"{"a": 12345678901234567890123}"#).unwrap();
    assert_eq!(
        fit(&text, &long),
        Err("/a: must be a string, but is a number".to_owned())
    );
    for (given, expected) in [
        ("0.5", "0.5"),
        ("12345678901234567890", "12345678901234567890"),
        ("-3", "-3"),
    ] {
        let given: Value = serde_json::from_str(given).unwrap();
        assert_eq!(fit(&text, &json!({"a": given})), Ok(json!({"a": expected})));
    }
}

#[test]
fn a_problem_is_not_long() {
    let schema = json!({"properties": {"a": {"enum": vec!["x".repeat(50); 50]}}});
    let problem = fit(&schema, &json!({"a": "y"})).unwrap_err();
    assert!(
        problem.chars().count() < PROBLEM_CHARS && problem.ends_with('…'),
        "{problem}"
    );
    let long = "k".repeat(1000);
    let problem = fit(&json!({"required": [long]}), &json!({})).unwrap_err();
    assert!(problem.chars().count() <= PROBLEM_CHARS, "{problem}");
}
