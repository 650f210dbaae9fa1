use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decoder::Expectation;

fn known() -> Known {
    known_with(None)
}

/// With a schema for `get_weather`.
fn known_with(schema: Option<Value>) -> Known {
    let tools = Tools::new(&Expectation {
        tools: vec!["get_weather".into(), "say".into()],
        schemas: schema
            .map(|schema| ("get_weather".to_owned(), schema))
            .into_iter()
            .collect(),
        ..Expectation::default()
    });
    Known {
        tools: Arc::new(tools),
        ids: Vec::new(),
    }
}

fn assemble(deltas: &[Value]) -> Result<Vec<(String, String, String)>, WireError> {
    assemble_with(deltas, false, &known())
}

fn assemble_with(deltas: &[Value], cut: bool, known: &Known) -> Result<Vec<(String, String, String)>, WireError> {
    Ok(events(deltas, cut, known)?
        .into_iter()
        .map(|event| match event {
            ModelEvent::ToolCall(call) => (call.id, call.name, Value::Object(call.arguments).to_string()),
            other => panic!("{other:?}"),
        })
        .collect())
}

fn events(deltas: &[Value], cut: bool, known: &Known) -> Result<Vec<ModelEvent>, WireError> {
    let mut calls = Calls::default();
    for delta in deltas {
        calls.chat(delta)?;
    }
    let mut out = Vec::new();
    assert_eq!(calls.finish(cut, known, &mut out), out.len());
    Ok(out)
}

/// The one call of `deltas`, which cannot be run.
fn malformed(deltas: &[Value], known: &Known) -> MalformedCall {
    match events(deltas, false, known).unwrap().as_slice() {
        [ModelEvent::MalformedCall(call)] => call.clone(),
        other => panic!("{other:?}"),
    }
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.into(), name.into(), arguments.into())
}

#[test]
fn pieces_with_gaps_late_and_empty_names() {
    let deltas = [
        json!({"index": 0, "id": "", "function": {"arguments": "{\"a\""}}),
        json!({"index": 0, "function": {"name": "say", "arguments": ":1"}}),
        json!({"index": 3, "id": "x", "function": {"name": "get_weather", "arguments": ""}}),
        json!({"index": 0, "function": {"name": "", "arguments": "}"}}),
        json!({"index": 3, "id": "x", "function": {"name": "get_weather", "arguments": "{}"}}),
    ];
    assert_eq!(
        assemble(&deltas).unwrap(),
        [call("call_1", "say", "{\"a\":1}"), call("x", "get_weather", "{}")]
    );
}

#[test]
fn every_call_at_index_zero() {
    let deltas = [
        json!({"index": 0, "id": "a", "function": {"name": "say", "arguments": "{\"n\":1}"}}),
        json!({"index": 0, "id": "b", "function": {"name": "say", "arguments": "{\"n\":2}"}}),
    ];
    assert_eq!(
        assemble(&deltas).unwrap(),
        [call("a", "say", "{\"n\":1}"), call("b", "say", "{\"n\":2}")]
    );
}

#[test]
fn no_index_at_all() {
    let deltas = [
        json!({"function": {"name": "say", "arguments": "{\"n\":"}}),
        json!({"function": {"arguments": "1}"}}),
        json!({"function": {"name": "say", "arguments": {"n": 2}}}),
    ];
    assert_eq!(
        assemble(&deltas).unwrap(),
        [call("call_1", "say", "{\"n\":1}"), call("call_2", "say", "{\"n\":2}")]
    );
}

#[test]
fn ids_are_made_unique_within_the_turn() {
    let deltas = [
        json!({"index": 0, "id": "functions.say:0", "function": {"name": "functions.say", "arguments": "{}"}}),
        json!({"index": 1, "id": "functions.say:0", "function": {"name": "say"}}),
        json!({"index": 2, "function": {"name": "say"}}),
    ];
    let known = Known {
        ids: vec!["functions.say:0".into(), "call_1".into()],
        ..known()
    };
    let ids: Vec<_> = assemble_with(&deltas, false, &known)
        .unwrap()
        .into_iter()
        .map(|call| call.0)
        .collect();
    assert_eq!(ids, ["functions.say:0_2", "functions.say:0_3", "call_2"]);
}

#[test]
fn arguments_in_odd_shapes() {
    for (raw, expected) in [
        ("", Some("{}")),
        ("{}{\"city\":\"Paris\"}", Some("{\"city\":\"Paris\"}")),
        ("{\"a\":1}{\"a\":1}", Some("{\"a\":1}")),
        ("\"{\\\"a\\\":1}\"", Some("{\"a\":1}")),
        ("null", Some("{}")),
        ("\n{\n\"city\": \"Paris\"\n}", Some("{\"city\":\"Paris\"}")),
        (
            "{\"a\": [1, 2,], \"b\": \"x\ny\",}",
            Some("{\"a\":[1,2],\"b\":\"x\\ny\"}"),
        ),
        ("\"{\\\"a\\\":1,}\"", Some("{\"a\":1}")),
        ("{\"a\":1}{\"b\":1}", None),
        // vllm-0.32.0-cpu/chat_tools_required.txt
        ("\"march_2022\"", None),
        ("[1]", None),
        ("{\"a\":", None),
    ] {
        let deltas = [json!({"index": 0, "function": {"name": "say", "arguments": raw}})];
        if let Some(expected) = expected {
            assert_eq!(assemble(&deltas).unwrap()[0].2, expected, "{raw}");
        } else {
            let call = malformed(&deltas, &known());
            assert_eq!((call.name.as_str(), call.arguments.as_str()), ("say", raw));
            assert!(call.problem.contains("`say`"), "{call:?}");
        }
    }
}

#[test]
fn a_call_that_a_limit_cut_is_left_out() {
    let deltas = [
        json!({"index": 0, "id": "a", "function": {"name": "say", "arguments": "{\"a\":1}"}}),
        json!({"index": 1, "id": "b", "function": {"name": "say", "arguments": "{\"a\":"}}),
    ];
    assert_eq!(
        assemble_with(&deltas, true, &known()).unwrap(),
        [call("a", "say", "{\"a\":1}")]
    );
    // Without a limit the model has to be told; the good call stays.
    let events = events(&deltas, false, &known()).unwrap();
    assert!(
        matches!(events.as_slice(), [ModelEvent::ToolCall(_), ModelEvent::MalformedCall(broken)] if broken.id == "b"),
        "{events:?}"
    );
}

#[test]
fn a_call_that_cannot_be_run_says_what_is_wrong() {
    let weather = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let known = known_with(Some(weather));
    for (name, arguments, problem) in [
        (
            "get_wether",
            "{}",
            "the tool `get_wether` does not exist; there are: get_weather, say",
        ),
        ("", "{}", "the call does not name a tool; there are: get_weather, say"),
        (
            "get_weather",
            "{\"city\": [1]}",
            "the arguments of the tool `get_weather` do not fit: /city: must be a string, but is an array",
        ),
        (
            "get_weather",
            "",
            "the arguments of the tool `get_weather` do not fit: /city: is required",
        ),
        (
            "functions.get_weather",
            "\"march_2022\"",
            "the arguments of the tool `get_weather` are a JSON string instead of an object",
        ),
        (
            "say",
            "[1]",
            "the arguments of the tool `say` must be a JSON object, but are of type array",
        ),
        ("say", "{\"a\": ", "the arguments of the tool `say` are not valid JSON"),
    ] {
        let delta = json!({"index": 0, "id": "c", "function": {"name": name, "arguments": arguments}});
        let call = malformed(&[delta], &known);
        assert_eq!(
            (call.id.as_str(), call.arguments.as_str(), call.problem.as_str()),
            ("c", arguments, problem)
        );
    }
    // Nothing was offered.
    let delta = json!({"index": 0, "function": {"name": "x".repeat(1000)}});
    let call = malformed(&[delta], &Known::default());
    assert!(
        call.problem.ends_with("does not exist; no tools are offered"),
        "{call:?}"
    );
    assert!(call.problem.chars().count() < 300);
}

proptest! {
    #[test]
    fn arguments_may_be_cut_anywhere(value in "[ -~é]{0,12}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let whole = json!({"text": value}).to_string();
        let mut at: Vec<usize> = cuts
            .iter()
            .map(|cut| cut.index(whole.len() + 1))
            .filter(|at| whole.is_char_boundary(*at))
            .collect();
        at.extend([0, whole.len()]);
        at.sort_unstable();
        let mut deltas = vec![json!({"index": 0, "id": "a", "function": {"name": "say"}})];
        for pair in at.windows(2) {
            deltas.push(json!({"index": 0, "function": {"arguments": &whole[pair[0]..pair[1]]}}));
        }
        prop_assert_eq!(assemble(&deltas).unwrap(), [call("a", "say", &whole)]);
    }
}
