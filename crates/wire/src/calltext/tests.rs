//! Every family of `wire-facts.md` §3, cut at every byte; and what is no call.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decoder::Expectation;

mod families;

use families::{FAMILIES, begins_line, is_whole};

fn expect() -> Expectation {
    let weather = json!({"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": ["integer", "null"]}, "ids": {"type": "array"},
        "zip": {"type": "string"}, "wet": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    }});
    Expectation {
        tools: vec!["get_weather".into(), "now".into()],
        schemas: [("get_weather".to_owned(), weather)].into(),
        ..Expectation::default()
    }
}

/// That of an assistant, for which a call counts whatever it names.
fn assistants() -> Expectation {
    Expectation {
        any_call: true,
        ..expect()
    }
}

fn recogniser(expect: &Expectation) -> Recogniser {
    Recogniser::new(Arc::new(arguments::Tools::new(expect)))
}

fn run_cut<'a>(pieces: impl IntoIterator<Item = &'a str>, cut: bool) -> (String, Vec<Found>) {
    run_with(&expect(), pieces, cut)
}

fn run_with<'a>(expect: &Expectation, pieces: impl IntoIterator<Item = &'a str>, cut: bool) -> (String, Vec<Found>) {
    let mut reader = recogniser(expect);
    let mut out = Vec::new();
    for piece in pieces {
        reader.push(piece, &mut out);
    }
    let found = reader.finish(cut, &mut out);
    let text = out.iter().map(|event| match event {
        ModelEvent::Text(text) => text.as_str(),
        other => panic!("{other:?}"),
    });
    (text.collect(), found)
}

fn run<'a>(pieces: impl IntoIterator<Item = &'a str>) -> (String, Vec<Found>) {
    run_cut(pieces, false)
}

fn paris() -> Found {
    let arguments = json!({"city": "Paris", "days": 2});
    Found {
        name: "get_weather".into(),
        arguments: arguments.as_object().unwrap().clone(),
    }
}

fn chars(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
}

#[test]
fn every_family_cut_at_every_byte() {
    for (name, source, call) in FAMILIES {
        let expected = (String::new(), vec![paris()]);
        for at in (0..=call.len()).filter(|at| call.is_char_boundary(*at)) {
            assert_eq!(run([&call[..at], &call[at..]]), expected, "{name} ({source}) at {at}");
        }
        assert_eq!(run(chars(call)), expected, "{name}");
        assert_eq!(run(["\n", call, "\n\n"]), expected, "{name}");
        // A limit that came after the call.
        if !name.contains("not closed") {
            assert_eq!(run_cut([call, "\n\n"], true), expected, "{name}");
        }
    }
}

#[test]
fn calls_between_text() {
    for (name, _, call) in FAMILIES.iter().filter(|(name, ..)| !is_whole(name)) {
        let break_ = if begins_line(name) { "\n\n" } else { " " };
        let text = format!("Let me look.{break_}{call}\nDone: 3 < 4.");
        let expected = ("Let me look.\nDone: 3 < 4.".to_owned(), vec![paris()]);
        assert_eq!(run([text.as_str()]), expected, "{name}");
        assert_eq!(run(chars(&text)), expected, "{name}");
        // Several in a row, also with white space between.
        for between in ["", "\n"] {
            let text = format!("Hm.\n{call}{between}{call}");
            let expected = ("Hm.".to_owned(), vec![paris(), paris()]);
            assert_eq!(run([text.as_str()]), expected, "{name}");
            assert_eq!(run(chars(&text)), expected, "{name}");
        }
    }
}

#[test]
fn an_assistant_is_told_of_every_call() {
    let found = |name: &str, arguments: Value| Found {
        name: name.to_owned(),
        arguments: arguments.as_object().unwrap().clone(),
    };
    let news = json!({"city": "Paris", "days": 2});
    let wrong = json!({"city": ["Paris"], "days": "soon"});
    let cases = [
        (
            r#"{"name": "get_news", "arguments": {"city": "Paris", "days": 2}}"#,
            "get_news",
            &news,
        ),
        (
            "```json\n{\"name\": \"get_news\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}\n```",
            "get_news",
            &news,
        ),
        (
            r#"{"type":"function","function":{"name":"get_news","arguments":"{\"city\":\"Paris\",\"days\":2}"}}"#,
            "get_news",
            &news,
        ),
        (
            r#"<tool_call>{"name":"get_news","arguments":{"city":"Paris","days":2}}</tool_call>"#,
            "get_news",
            &news,
        ),
        (
            r#"<function=get_news>{"city":"Paris","days":2}</function>"#,
            "get_news",
            &news,
        ),
        // The tool is there, and what it is given is wrong.
        (
            r#"{"name": "get_weather", "arguments": {"city": ["Paris"], "days": "soon"}}"#,
            "get_weather",
            &wrong,
        ),
    ];
    // Also where no tool may be called now.
    let none = Expectation {
        any_call: true,
        ..Expectation::default()
    };
    for (text, name, arguments) in cases {
        let expected = (String::new(), vec![found(name, arguments.clone())]);
        assert_eq!(run_with(&assistants(), [text], false), expected, "{text}");
        assert_eq!(run_with(&assistants(), chars(text), false), expected, "{text}");
        assert_eq!(run_with(&none, chars(text), false), expected, "{text}");
    }
    // The others are read as ever.
    for (name, _, call) in FAMILIES {
        assert_eq!(
            run_with(&assistants(), chars(call), false),
            (String::new(), vec![paris()]),
            "{name}"
        );
    }
    for text in [
        r#"{"name": "Ann Miller", "arguments": {"for": 1}}"#,
        r#"{"name": "ann", "age": 7}"#,
        r#"The call is {"name": "get_news", "arguments": {}}"#,
        r#"{"name": "get_news", "arguments": {}} is a call."#,
        "```python\nget_news(city=\"Paris\")\n```",
        "`<tool_call>{\"name\":\"get_news\",\"arguments\":{}}</tool_call>`",
        "[1, 2]",
        "{}",
    ] {
        assert_eq!(
            run_with(&assistants(), chars(text), false),
            (text.to_owned(), vec![]),
            "{text}"
        );
    }
    // A limit has cut it off.
    let cut = r#"{"name": "get_news", "argum"#;
    assert_eq!(run_with(&assistants(), [cut], true), (cut.to_owned(), vec![]));
}

/// `hello` to Qwen2.5-Coder-1.5B on llama.cpp, 2026-11-26.
#[test]
fn what_a_model_makes_up_behind_its_call_is_dropped() {
    let call = r#"{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}"#;
    for rest in [
        "\n```\n[error: there is no Paris]\n```",
        " \nIt is sunny.",
        "\n\n{\"city\": \"Paris\"}",
    ] {
        let text = format!("{call}{rest}");
        let expected = (String::new(), vec![paris()]);
        assert_eq!(run_with(&assistants(), [text.as_str()], false), expected, "{text}");
        assert_eq!(run_with(&assistants(), chars(&text), false), expected, "{text}");
        assert_eq!(run_with(&assistants(), chars(&text), true), expected, "{text}");
        // Of a program's request everything passes.
        assert_eq!(run(chars(&text)), (text.clone(), vec![]), "{text}");
    }
    let other = call.replace("get_weather", "get_news") + "\nThat is how it is called.";
    assert_eq!(run_with(&assistants(), chars(&other), false), (other.clone(), vec![]));
}

#[test]
fn what_nobody_registered_stays_text() {
    for (name, _, call) in FAMILIES {
        let text = format!(" {}\n", call.replace("get_weather", "get_news"));
        assert_eq!(run([text.as_str()]), (text.clone(), vec![]), "{name}");
        assert_eq!(run(chars(&text)), (text.clone(), vec![]), "{name}");
    }
    // No tools at all.
    for (_, _, call) in FAMILIES {
        let mut out = Vec::new();
        let mut reader = recogniser(&Expectation::default());
        reader.push(call, &mut out);
        assert_eq!(out, [ModelEvent::Text(call.to_owned())]);
    }
}

#[test]
fn in_code_it_is_an_example() {
    for (name, _, call) in FAMILIES.iter().filter(|(name, ..)| !name.starts_with("fence")) {
        for text in [
            format!("Write this:\n\n~~~~xml\n{call}\n~~~~\n\nThat is all."),
            format!("Like\n   ````\n{call}\n````\n"),
        ] {
            assert_eq!(run([text.as_str()]), (text.clone(), vec![]), "{name}");
            assert_eq!(run(chars(&text)), (text.clone(), vec![]), "{name}");
        }
        if !call.contains('\n') {
            let text = format!("Write `{call}` or ``{call}``.");
            assert_eq!(run(chars(&text)), (text.clone(), vec![]), "{name}");
        }
    }
    let hermes = FAMILIES[0].2;
    let (text, found) = run([format!("```sh\nls\n```\n{hermes}").as_str()]);
    assert_eq!((text.as_str(), found), ("```sh\nls\n```", vec![paris()]));
}

#[test]
fn prose_stays_text() {
    for text in [
        "The tag <tool_call> begins a call, </tool_call> ends it; [TOOL_CALLS] is Mistral's.",
        "Send {\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}} to the server.",
        "{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}} is what you send.",
        "```json\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}\n```\nThis calls it.",
        "Here:\n```json\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}\n```",
        "{\"name\":\"get_weather\",\"age\":20}",
        "{\"name\":\"get_weather\"}",
        "{\"name\":\"get_weather\",\"arguments\":[1]}",
        "{\"name\":\"get_weather\",\"arguments\":\"march_2022\"}",
        // What does not fit the schema.
        "{\"name\":\"get_weather\",\"arguments\":{\"city\":[\"Paris\"]}}",
        "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"days\":\"many\"}}</tool_call>",
        "<function=get_weather><parameter=days>\nmany\n</parameter></function>",
        "[get_weather(wet=\"perhaps\")] and more",
        "[1, 2, 3]",
        "[now] is the time, call: now, to=now",
        "{}",
        "[]",
        "``",
        "```",
        "<",
        "<tool_call>{\"name\":\"get_weather\",\"argu",
        "<function=get_weather><parameter=city>Par",
        " \n ",
        "a &lt; b [x](y) <b>bold</b>\n  \n",
        "<function_calls></function_calls><tool_call></tool_call>",
        "commentary to follow\nassistant\ncall:",
        // Indented code, however the indent is cut.
        "     to=now<|message|>{}",
        "Hm.\n     to=now<|message|>{}",
    ] {
        assert_eq!(run([text]), (text.to_owned(), vec![]), "{text}");
        assert_eq!(run(chars(text)), (text.to_owned(), vec![]), "{text}");
    }
}

#[test]
fn only_what_may_become_a_call_is_held() {
    let mut reader = recogniser(&expect());
    let mut push = |piece: &str| {
        let mut out = Vec::new();
        reader.push(piece, &mut out);
        out.iter()
            .map(|event| format!("{event:?}"))
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(push("Hello"), r#"Text("Hello")"#);
    assert_eq!(push(" world <"), r#"Text(" world")"#);
    assert_eq!(push("b> "), r#"Text(" <b>")"#);
    assert_eq!(push("<tool_call>{\"name\": \"get_"), "");
    assert_eq!(push("news\""), r#"Text(" <tool_call>{\"name\": \"get_news\"")"#);
    for answer in ["{\"title\":", "```rust\nfn", "[1"] {
        let mut out = Vec::new();
        recogniser(&expect()).push(answer, &mut out);
        assert_eq!(out, [ModelEvent::Text(answer.to_owned())]);
    }
}

#[test]
fn values_get_their_types() {
    let call = "<function=get_weather><parameter=city>\n12\n</parameter><parameter=days>\n 3 \n</parameter>\
        <parameter=ids>[1, {\"a\": null}]</parameter><parameter=zip>007</parameter><parameter=wet>True</parameter>\
        <parameter=other>1.5</parameter><parameter=code>\n if a:\n  x = \"</parameter>\"\n</parameter></function>";
    let (text, found) = run(chars(call));
    let expected = json!({"city": "12", "days": 3, "ids": [1, {"a": null}], "zip": "007", "wet": true,
        "other": 1.5, "code": " if a:\n  x = \"</parameter>\""});
    assert_eq!((text.as_str(), json!(found[0].arguments)), ("", expected));
    let call =
        r#"{"name":"get_weather","parameters":{"city":5,"days":"3","wet":"false","ids":"[1]","zip":null,"x":"1",}}"#;
    let expected = json!({"city": "5", "days": 3, "wet": false, "ids": [1], "x": "1"});
    assert_eq!(json!(run([call]).1[0].arguments), expected);
    let call = "[get_weather(city=\"it's \\\"x\\\"\\u00e9\\n\", ids=[(1, 2), {'k': None}], wet=False), now()]";
    let found = run(chars(call)).1;
    let expected = json!({"city": "it's \"x\"é\n", "ids": [[1, 2], {"k": null}], "wet": false});
    assert_eq!((json!(found[0].arguments), found[1].name.as_str()), (expected, "now"));
    let call = "<|tool_call>call:get_weather{city:<|\"|>a, }b<|\"|>,ids:[<|\"|>x<|\"|>,{k:true}],days:2}<tool_call|>";
    let expected = json!({"city": "a, }b", "ids": ["x", {"k": true}], "days": 2});
    assert_eq!(json!(run(chars(call)).1[0].arguments), expected);
    assert_eq!(run(["<tool_call>now</tool_call>"]).1[0].name, "now");
}

#[test]
fn a_call_that_was_cut_off_stays_text() {
    for (name, _, call) in FAMILIES {
        for at in (1..call.len() / 2).filter(|at| call.is_char_boundary(*at)) {
            let cut = &call[..at];
            assert_eq!(run_cut([cut], true), (cut.to_owned(), vec![]), "{name} at {at}");
        }
    }
    let cut = "<function=get_weather><parameter=city>Paris</parameter>";
    assert_eq!(run_cut([cut], true), (cut.to_owned(), vec![]));
    assert_eq!(run([cut]).1.len(), 1);
}

#[test]
fn long_calls_take_linear_time() {
    let body = "x = {1: [2]} # <b>\\n".repeat(30_000);
    let call = format!("<tool_call>{{\"name\":\"get_weather\",\"arguments\":{{\"city\":\"{body}\"}}}}</tool_call>");
    let (text, found) = run(chars(&call));
    assert_eq!((text.as_str(), found.len()), ("", 1));
    // Too much to hold back.
    let endless = format!("<tool_call>{{\"name\":\"get_weather\",\"x\":\"{}", "y".repeat(MAX_HELD));
    let mut out = Vec::new();
    recogniser(&expect()).push(&endless, &mut out);
    assert_eq!(out, [ModelEvent::Text(endless)]);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        before in "([a-z .]|\n|`|~~~|<|\\[|\\{|\"|to=|</?tool_call>|é){0,12}",
        family in any::<prop::sample::Index>(),
        after in "([a-z .]|\n|```|<|\\[|\\}|</parameter>|<invoke name=){0,12}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let text = format!("{before}{}{after}", FAMILIES[family.index(FAMILIES.len())].2);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        at.extend([0, text.len()]);
        at.retain(|at| text.is_char_boundary(*at));
        at.sort_unstable();
        let whole = run([text.as_str()]);
        prop_assert_eq!(&run(at.windows(2).map(|pair| &text[pair[0]..pair[1]])), &whole);
        prop_assert_eq!(&run(chars(&text)), &whole);
        if whole.1.is_empty() {
            prop_assert_eq!(&whole.0, &text);
        }
    }

    #[test]
    fn plain_text_around_calls(
        before in "[a-z ,.]{0,20}",
        family in any::<prop::sample::Index>(),
        after in "[A-Z.,]{0,20}",
    ) {
        let marked: Vec<_> = FAMILIES.iter().filter(|(name, ..)| !is_whole(name)).collect();
        let call = family.get(&marked).2;
        let (text, found) = run([format!("{before}\n{call}\n{after}").as_str()]);
        let after = if after.is_empty() { String::new() } else { format!("\n{after}") };
        prop_assert_eq!((text, found), (format!("{}{after}", before.trim_end()), vec![paris()]));
    }
}
