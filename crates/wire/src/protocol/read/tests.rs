use proptest::prelude::*;
use serde_json::json;
use yabby_core::{EndReason, ToolMode};

use super::*;
use crate::{answer::Answer, decoder::Expectation};

fn expectation(structured: bool) -> Expectation {
    Expectation {
        tools: vec!["get_weather".into(), "f".into()],
        schemas: [(
            "get_weather".to_owned(),
            json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}),
        )]
        .into(),
        tool_mode: ToolMode::Constrained,
        structured,
        ..Expectation::default()
    }
}

/// Text, reasoning and calls, and the end; an error counts as refused.
fn read_as(structured: bool, pieces: &[&str], end: EndReason) -> (String, String, Vec<(String, Value)>, EndReason) {
    let mut answer = Answer::new(&expectation(structured));
    for piece in pieces {
        answer.text(piece);
    }
    outcome(answer, end)
}

/// The same for an answer that ends here.
fn outcome(mut answer: Answer, end: EndReason) -> (String, String, Vec<(String, Value)>, EndReason) {
    answer.ended(end);
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    let mut end = answer.finish().is_err().then_some(EndReason::Refused);
    for event in answer.events {
        match event {
            ModelEvent::Text(piece) => text.push_str(&piece),
            ModelEvent::Reasoning(piece) => reasoning.push_str(&piece),
            ModelEvent::ToolCall(call) => calls.push((call.name, Value::Object(call.arguments))),
            ModelEvent::MalformedCall(call) => calls.push((call.name, call.arguments.into())),
            ModelEvent::End(reason) => end = Some(reason),
            other => panic!("{other:?}"),
        }
    }
    (text, reasoning, calls, end.unwrap())
}

fn text(whole: &str) -> String {
    let (text, reasoning, calls, _) = read_as(false, &[whole], EndReason::Stop);
    assert!(reasoning.is_empty() && calls.is_empty(), "{whole}");
    text
}

fn calls(whole: &str) -> Vec<(String, Value)> {
    let (text, reasoning, calls, end) = read_as(false, &[whole], EndReason::Stop);
    assert_eq!(
        (text.as_str(), reasoning.as_str(), end),
        ("", "", EndReason::ToolCalls),
        "{whole}"
    );
    calls
}

#[test]
fn answers() {
    for whole in [
        r#"{"answer":"Hi \"you\""}"#,
        " \n{ \"answer\" : \"Hi \\\"you\\\"\" } \n",
        "```json\n{\"answer\": \"Hi \\\"you\\\"\"}\n```\n",
        "```\n{\"answer\": \"Hi \\\"you\\\"\"}",
    ] {
        assert_eq!(text(whole), "Hi \"you\"", "{whole}");
    }
    assert_eq!(text(r#"{"answer": 84}"#), "84");
    assert_eq!(text(r#"{"answer": {"a": "}"}}"#), r#"{"a": "}"}"#);
    assert_eq!(text(r#"{"answer": "a"} and more"#), "a and more");
    assert_eq!(text(r#"{"answer": "a", "b": 1}"#), r#"a, "b": 1}"#);
}

#[test]
fn an_answer_comes_while_it_is_written() {
    let mut answer = Answer::new(&expectation(false));
    let mut seen = Vec::new();
    for piece in [r#"{"answer": ""#, "One ", r"two \u00e", "9 ", "three", r#""}"#] {
        answer.text(piece);
        seen.push(answer.events.len());
    }
    // The white space at the end of a piece may belong to a call, and is given with what follows.
    assert!(seen[1] > 0 && seen[2] > seen[1] && seen[4] > seen[3], "{seen:?}");
}

#[test]
fn an_answer_with_a_schema_of_its_own_is_json() {
    let json = |whole| read_as(true, &[whole], EndReason::Stop).0;
    assert_eq!(json(r#"{"answer": {"a": "\u00e9"}}"#), r#"{"a": "\u00e9"}"#);
    assert_eq!(json(r#"{"answer": "a"}"#), r#""a""#);
    assert_eq!(json(r#"{"answer": [1, 2] }"#), "[1, 2]");
}

#[test]
fn calls_of_tools() {
    let expected = vec![("get_weather".to_owned(), json!({"city": "Paris", "days": 3}))];
    for whole in [
        r#"{"tool":"get_weather","arguments":{"city":"Paris","days":3}}"#,
        "{ \"tool\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": \"3\"} }\n and {more}",
        r#"{"arguments": {"city": "Paris", "days": 3}, "tool": "functions.get_weather"}"#,
        "```json\n{\"tool\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Paris\\\", \\\"days\\\": 3}\"}\n```",
    ] {
        assert_eq!(calls(whole), expected, "{whole}");
    }
    assert_eq!(calls(r#"{"tool": "f"}"#), [("f".to_owned(), json!({}))]);
}

#[test]
fn an_answer_and_a_call_in_one_object() {
    for whole in [
        r#"{"answer": "Let me look.", "tool": "f", "arguments": {}}"#,
        r#"{"tool": "f", "arguments": {}, "answer": "Let me look."}"#,
    ] {
        let (text, _, calls, end) = read_as(false, &[whole], EndReason::Stop);
        assert_eq!((text.as_str(), end), ("Let me look.", EndReason::ToolCalls));
        assert_eq!(calls, [("f".to_owned(), json!({}))]);
    }
}

#[test]
fn a_server_that_ignored_the_schema() {
    for whole in [
        "Hello!",
        "It is {\"answer\": 1}",
        r#"{"city": "Paris"}"#,
        r#"{"tool": 5, "arguments": {}}"#,
        r#"{"tool": "f", "arguments": {}, "other": 1}"#,
        r#"{"tool": "f", "argu"#,
        "```rust\nfn main() {}\n```",
        "{",
        "`",
        " \n",
    ] {
        assert_eq!(text(whole), whole);
    }
    let expected = [("get_weather".to_owned(), json!({"city": "Paris"}))];
    for whole in [
        r#"{"name": "get_weather", "arguments": {"city": "Paris"}}"#,
        "```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n```",
        "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}</tool_call>",
    ] {
        assert_eq!(calls(whole), expected, "{whole}");
    }
}

#[test]
fn reasoning_is_told_apart_before_the_object_and_in_the_string() {
    for whole in [
        "<think>secret</think>\n{\"answer\": \"Hi\"}",
        r#"{"answer": "\u003cthink\u003esecret\u003c/think\u003e\n\nHi"}"#,
        r#"{"answer": "<think>secret<\/think>Hi"}"#,
        r#"{"answer": "\n<thi\u006ek>secret</think>\nHi"}"#,
    ] {
        let (text, reasoning, calls, _) = read_as(false, &[whole], EndReason::Stop);
        assert_eq!(
            (text.trim(), reasoning.as_str(), calls.len()),
            ("Hi", "secret", 0),
            "{whole}"
        );
    }
    let (text, reasoning, ..) = read_as(false, &[r#"{"answer": "<think>sec"#], EndReason::Length);
    assert_eq!((text.as_str(), reasoning.as_str()), ("", "sec"));
}

#[test]
fn reasoning_is_told_apart_in_any_string_of_an_answer() {
    for (whole, said) in [
        (r#"{"answer": ["<think>secret</think>hi"]}"#, r#"["hi"]"#),
        (
            r#"{"answer": {"a": [1, "\u003cthink>secret</think>h\"i", "<th", null]} }"#,
            r#"{"a": [1, "h\"i", "<th", null]}"#,
        ),
        (
            r#"{"answer": "a", "answer": "<think>secret</think>b", "tool": "f", "arguments": {}}"#,
            "ab",
        ),
        (r#"{"answer": "a", "answer": "<think>secret</think>b"}"#, "ab"),
        (
            r#"{"answer": "a", "tool": "f", "answer": "<think>secret</think>b"}"#,
            "ab",
        ),
    ] {
        let chars: Vec<&str> = whole.split_inclusive(|_| true).collect();
        for pieces in [&[whole][..], &chars] {
            let (text, reasoning, ..) = read_as(false, pieces, EndReason::Stop);
            assert_eq!((text.as_str(), reasoning.as_str()), (said, "secret"), "{whole}");
        }
    }
    let (text, reasoning, ..) = read_as(false, &[r#"{"answer": ["<think>sec"#], EndReason::Length);
    assert_eq!((text.as_str(), reasoning.as_str()), ("[\"", "sec"));
}

#[test]
fn no_answer_is_no_text() {
    let whole = r#"{"answer": null, "tool": "f", "arguments": {}}"#;
    assert_eq!(calls(whole), [("f".to_owned(), json!({}))]);
    assert_eq!(text(r#"{"answer": null}"#), "");
    assert_eq!(text(r#"{"answer": nil}"#), "nil");
    assert_eq!(text(r#"{"answer": [null]}"#), "[null]");
    assert_eq!(read_as(true, &[r#"{"answer": null}"#], EndReason::Stop).0, "null");
}

#[test]
fn cuts_change_nothing() {
    let blank = " ".repeat(62);
    for (whole, said) in [
        ("``` json\n{\"answer\": \"hi\"}\n```".to_owned(), "hi".to_owned()),
        (
            format!("{{\"answer\": \"hi\"}}{blank}\u{3000}  x"),
            format!("hi{blank}x"),
        ),
    ] {
        let chars: Vec<&str> = whole.split_inclusive(|_| true).collect();
        for pieces in [&[whole.as_str()][..], &chars] {
            assert_eq!(read_as(false, pieces, EndReason::Stop).0, said, "{whole}");
        }
    }
}

#[test]
fn cut_by_the_limit() {
    let cut = |whole: &str| read_as(false, &[whole], EndReason::Length);
    assert_eq!(cut(r#"{"answer": "One tw\u00"#).0, "One tw");
    assert_eq!(cut(r#"{"answer": "One tw\ud83d"#).0, "One tw");
    for whole in [
        "{",
        r#"{"to"#,
        r#"{"tool": "get_we"#,
        r#"{"tool": "f", "arguments": {"a": 1}"#,
        r#"{"answer""#,
        "```json\n{\"",
    ] {
        let (text, _, calls, end) = cut(whole);
        assert_eq!((text.as_str(), calls.len(), end), ("", 0, EndReason::Length), "{whole}");
    }
    assert_eq!(cut(r#"{"tool": "f", "arguments": {}}"#).3, EndReason::ToolCalls);
    assert_eq!(cut("Plain te").0, "Plain te");
}

/// What comes of a text with a call of the server itself, of `f`, in it.
fn around_a_call(before: &str, after: &str) -> (String, String, Vec<(String, Value)>, EndReason) {
    let mut answer = Answer::new(&expectation(false));
    answer.text(before);
    let call = json!({"index": 0, "id": "x", "function": {"name": "f", "arguments": "{\"x\": 1}"}});
    answer.calls.chat(&call).unwrap();
    answer.text(after);
    outcome(answer, EndReason::Stop)
}

#[test]
fn calls_of_the_server_itself_win() {
    let own = vec![("f".to_owned(), json!({"x": 1}))];
    let call = r#"{"tool":"get_weather","arguments":{"city":"Rome"}}"#;
    for (before, after, text) in [
        ("{\"to", "day\"", "{\"today\""),
        (call, "", ""),
        ("", call, ""),
        (&call[..20], &call[20..], ""),
        (
            r#"{"answer": "Hi", "tool": "#,
            r#""get_weather", "arguments": {}}"#,
            "Hi",
        ),
    ] {
        let expected = (text.to_owned(), String::new(), own.clone(), EndReason::ToolCalls);
        assert_eq!(around_a_call(before, after), expected, "{before} | {after}");
    }
}

#[test]
fn an_answer_goes_on_behind_a_call_of_the_server_itself() {
    let whole = r#"{"answer": "<think>secret plan</think>h\u0069"}"#;
    for (at, _) in whole.char_indices() {
        let (text, reasoning, calls, _) = around_a_call(&whole[..at], &whole[at..]);
        let found = (text.as_str(), reasoning.as_str(), calls.len());
        assert_eq!(found, ("hi", "secret plan", 1), "{at}");
    }
}

/// JSON of an answer or a call as some model may write it, and things that are near it.
fn written() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        r#"(\[|\{|\}|\]|"|<think>|</think>|null|n|ull|5|:|,|é|\\|u003c| |x){0,10}"#,
        any::<String>().prop_map(|text| json!(text).to_string()),
        r#""([ -!#-\[\]-~]|\\n|\\"|\\\\|\\u00e9|\\ud83d\\ude00|\\u003cthink\\u003e|</think>|é|😀){0,12}"?"#,
    ];
    let object = (
        prop::sample::select(vec!["answer", "tool", "arguments", "name", "x"]),
        string,
        prop::sample::select(vec!["", ", \"arguments\": {\"city\": \"}\"}", ",\"tool\":\"f\"", ", 5"]),
        prop::sample::select(vec![
            "}",
            " }\n",
            "",
            "} more",
            "}                                  \u{3000}                                   \u{3000}more",
        ]),
    );
    let object = object.prop_map(|(key, string, more, end)| format!("{{\"{key}\": {string}{more}{end}"));
    prop_oneof![
        object.clone(),
        object.prop_map(|object| format!("```json\n{object}\n```")),
        r#"(``` ?json ?\n ?)?(\{|\}|"|answer|tool|:|,|```|json|\n| |<think>|</think>|\\|x){0,16}"#,
        Just(r#"{"tool": "get_weather", "arguments": {"city": "Paris", "days": "2"}}"#.to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same(
        whole in written(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        structured in any::<bool>(),
        end in prop::sample::select(vec![EndReason::Stop, EndReason::Length, EndReason::Unknown]),
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
        at.retain(|at| whole.is_char_boundary(*at));
        at.extend([0, whole.len()]);
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
        let expected = read_as(structured, &[&whole], end);
        prop_assert_eq!(read_as(structured, &pieces, end), expected.clone());
        let chars: Vec<&str> = whole.split_inclusive(|_| true).collect();
        prop_assert_eq!(read_as(structured, &chars, end), expected);
    }

    #[test]
    fn any_answer_comes_out_exactly(said in "[^<\\[\\p{Z}\\p{C}][^<\\[]{0,40}[^<\\[\\p{Z}\\p{C}]", cut in any::<prop::sample::Index>()) {
        let whole = json!({"answer": said}).to_string();
        let mut cut = cut.index(whole.len());
        while !whole.is_char_boundary(cut) {
            cut -= 1;
        }
        let (text, reasoning, calls, _) = read_as(false, &[&whole[..cut], &whole[cut..]], EndReason::Stop);
        prop_assert_eq!((text, reasoning, calls.len()), (said, String::new(), 0));
    }
}
