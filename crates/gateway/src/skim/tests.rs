use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn model(body: &str) -> Result<Option<String>, NotAnObject> {
    skim(body.as_bytes()).and_then(|found| Ok(found.model(body.as_bytes())?.map(Cow::into_owned)))
}

fn spliced(body: &str, model: &str, provider: Option<&str>) -> String {
    let model = Bytes::from(json!(model).to_string());
    let provider = provider.map(|text| Bytes::from(text.to_owned()));
    let body = Bytes::from(body.to_owned());
    let pieces = skim(&body).unwrap().spliced(&body, &model, provider.as_ref());
    String::from_utf8(pieces.concat()).unwrap()
}

#[test]
fn only_the_value_is_replaced() {
    for (body, wanted) in [
        (r#"{"model":"a/b","x":1}"#, r#"{"model":"m","x":1}"#),
        (
            " {\n \"x\" : {\"model\": \"no\"}, \"model\" :\t\"a\" } ",
            " {\n \"x\" : {\"model\": \"no\"}, \"model\" :\t\"m\" } ",
        ),
        // Parsers differ in which of two counts.
        (
            r#"{"model":"a","y":[],"model":"b"}"#,
            r#"{"model":"m","y":[],"model":"m"}"#,
        ),
        (r#"{"mod\u0065l":"a"}"#, r#"{"mod\u0065l":"m"}"#),
        (
            r#"{"y":"\"model\":\"z\\","model":null}"#,
            r#"{"y":"\"model\":\"z\\","model":"m"}"#,
        ),
        (r#"{"stream":true}"#, r#"{"model":"m","stream":true}"#),
        ("{ }", r#"{"model":"m" }"#),
    ] {
        assert_eq!(spliced(body, "m", None), wanted, "{body}");
    }
}

#[test]
fn limits_of_where_a_prompt_may_go_are_set() {
    let ours = Some(r#"{"only":["x"]}"#);
    for (body, wanted) in [
        (r#"{"model":"a"}"#, r#"{"provider":{"only":["x"]},"model":"m"}"#),
        (
            r#"{"provider":{"only":["theirs"]},"model":"a"}"#,
            r#"{"provider":{"only":["x"]},"model":"m"}"#,
        ),
        ("{}", r#"{"model":"m","provider":{"only":["x"]}}"#),
    ] {
        assert_eq!(spliced(body, "m", ours), wanted, "{body}");
    }
}

#[test]
fn the_model_is_the_last_one() {
    assert_eq!(model(r#"{"model":"a","model":"b\n"}"#), Ok(Some("b\n".to_owned())));
    assert_eq!(model(r#"{"model":null}"#), Ok(None));
    assert_eq!(model("{}"), Ok(None));
    assert_eq!(model(r#"{"model":7}"#), Err(NotAnObject));
}

#[test]
fn what_is_no_object_is_refused() {
    for body in [
        "",
        "[]",
        "\"x\"",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1}x",
        "{\"a\":\"",
        "{,}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":\"\\",
        "{\"a\":[}",
    ] {
        assert_eq!(skim(body.as_bytes()), Err(NotAnObject), "{body}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f32>().prop_map(|number| json!(number)),
        // Quotes, backslashes and brackets more often than elsewhere.
        "[\"\\\\{}\\[\\]:,a-c \u{0}\u{e9}\u{1f998}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("model".to_owned()), Just("stream".to_owned()), "[\"\\\\a-c]{0,4}"]
}

/// An object as somebody may write it: with spaces, with keys twice, with letters escaped.
fn written(fields: &[(String, Value)], space: &str, escape: bool) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| {
            let mut key = json!(key).to_string();
            if escape {
                key = key.replace('o', "\\u006f");
            }
            format!(
                "{space}{key}{space}:{space}{}{space}",
                serde_json::to_string_pretty(value).unwrap()
            )
        })
        .collect();
    format!("{space}{{{space}{}{space}}}{space}", fields.join(","))
}

proptest! {
    #[test]
    fn agrees_with_a_parser(
        fields in prop::collection::vec((key(), any_json()), 0..8),
        space in "[ \n\t\r]{0,2}",
        escape in any::<bool>(),
        new in ".{0,6}",
    ) {
        let body = written(&fields, &space, escape);
        let parsed: Map<String, Value> = serde_json::from_str(&body).unwrap();
        let found = skim(body.as_bytes()).unwrap();
        prop_assert_eq!(found.stream, parsed.get("stream") == Some(&Value::Bool(true)));
        let asked = found.model(body.as_bytes()).map(|model| model.map_or(Value::Null, |model| json!(model)));
        let wanted = parsed.get("model").cloned().unwrap_or_default();
        prop_assert_eq!(asked, if wanted.is_null() || wanted.is_string() { Ok(wanted) } else { Err(NotAnObject) });

        let after = spliced(&body, &new, Some("[1]"));
        let parsed_after: Map<String, Value> = serde_json::from_str(&after).unwrap();
        let mut wanted = parsed;
        wanted.insert("model".to_owned(), json!(new));
        wanted.insert("provider".to_owned(), json!([1]));
        prop_assert_eq!(parsed_after, wanted);
    }

    #[test]
    fn takes_every_object_and_never_panics(body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        "[\\{\\}\\[\\]\":,\\\\a1 ]{0,24}".prop_map(String::into_bytes),
    ]) {
        let is_object = serde_json::from_slice::<Map<String, Value>>(&body).is_ok();
        let found = skim(&body);
        prop_assert!(!is_object || found.is_ok());
    }
}
