//! Every family of `wire-facts.md` §3, cut at every byte; and what is no call.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decoder::Expectation;

/// Where the form of a family comes from.
const S3: &str = "wire-facts.md §3";
const QWEN: &str = "xllamacpp-b11549-qwen1.5b/chat_tools_auto.txt";

/// Texts that are the call `get_weather(city="Paris", days=2)`.
const FAMILIES: [(&str, &str, &str); 44] = [
    (
        "hermes",
        S3,
        r#"<tool_call>{"name":"get_weather","arguments":{"city":"Paris","days":2}}</tool_call>"#,
    ),
    (
        "hermes, in lines",
        S3,
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2,}}\n</tool_call>",
    ),
    (
        "hermes, not closed",
        S3,
        r#"<tool_call>{"name":"get_weather","arguments":{"city":"Paris","days":"2"}}"#,
    ),
    (
        "hermes, arguments in a string",
        S3,
        r#"<tool_call>{"name":"get_weather","arguments":"{\"city\":\"Paris\",\"days\":2}"}</tool_call>"#,
    ),
    (
        "qwen3-coder",
        S3,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
    ),
    (
        "qwen3-coder, no outer tag",
        S3,
        "<function=get_weather>\n<parameter=city>Paris</parameter><parameter=days>2</parameter></function>",
    ),
    (
        "qwen3-coder, outer closer only",
        S3,
        "<function=get_weather>\n<parameter=city>Paris</parameter><parameter=days>2</parameter></function></tool_call>",
    ),
    (
        "qwen3-coder, closer twice",
        S3,
        "<tool_call><function=get_weather><parameter=city>Paris</parameter>\n</parameter><parameter=days>2</parameter></function></tool_call>",
    ),
    (
        "llama 3.1 function tag",
        "general knowledge",
        r#"<function=get_weather>{"city":"Paris","days":2}</function>"#,
    ),
    (
        "glm",
        S3,
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>",
    ),
    (
        "harmony",
        S3,
        r#"<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city":"Paris","days":2}<|call|>"#,
    ),
    (
        "harmony, analysis channel",
        S3,
        r#"<|channel|>analysis to=get_weather<|message|>{"city":"Paris","days":2}<|call|>"#,
    ),
    (
        "harmony, recipient in the role",
        "general knowledge",
        r#"<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city":"Paris","days":2}<|call|>"#,
    ),
    (
        "harmony, marks not shown",
        S3,
        r#"commentary to=functions.get_weather json{"city":"Paris","days":2}"#,
    ),
    ("muse", S3, r#"to=get_weather<|message|>{"city":"Paris","days":2}"#),
    (
        "gemma 4",
        S3,
        r#"<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:2}<tool_call|>"#,
    ),
    (
        "gemma 4, marks not shown",
        S3,
        r#"call:get_weather{city:"Paris",days:2}"#,
    ),
    (
        "functiongemma",
        S3,
        "<start_function_call>call:get_weather{city:<escape>Paris<escape>,days:2}<end_function_call>",
    ),
    (
        "mistral",
        S3,
        r#"[TOOL_CALLS][{"name":"get_weather","arguments":{"city":"Paris","days":2}}]"#,
    ),
    (
        "mistral v11",
        S3,
        r#"[TOOL_CALLS]get_weather[ARGS]{"city":"Paris","days":2}"#,
    ),
    (
        "mistral v11 with id",
        "general knowledge",
        r#"[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]{"city":"Paris","days":2}"#,
    ),
    (
        "deepseek v3",
        S3,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\":\"Paris\",\"days\":2}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "deepseek v3.1",
        "general knowledge",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\":\"Paris\",\"days\":2}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "deepseek v3.2",
        "general knowledge",
        "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Paris</｜DSML｜parameter>\n<｜DSML｜parameter name=\"days\" string=\"false\">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
    ),
    (
        "llama 3 bare",
        S3,
        r#"{"name":"get_weather","parameters":{"city":"Paris","days":"2"}}"#,
    ),
    (
        "llama 3 python tag, json",
        S3,
        r#"<|python_tag|>{"name":"get_weather","parameters":{"city":"Paris","days":2}}<|eom_id|>"#,
    ),
    (
        "llama 3 python tag, call",
        S3,
        r#"<|python_tag|>get_weather.call(city="Paris", days=2)"#,
    ),
    ("llama pythonic", S3, "[get_weather(city='Paris', days=2)]"),
    (
        "lfm2",
        S3,
        r#"<|tool_call_start|>[get_weather(city="Paris", days=2)]<|tool_call_end|>"#,
    ),
    (
        "olmo 3",
        S3,
        "<function_calls>get_weather(city=\"Paris\", days=2)</function_calls>",
    ),
    (
        "cohere",
        S3,
        r#"<|START_ACTION|>[{"tool_call_id":"0","tool_name":"get_weather","parameters":{"city":"Paris","days":2}}]<|END_ACTION|>"#,
    ),
    (
        "invoke",
        S3,
        "<invoke name=\"get_weather\"><parameter name=\"city\">Paris</parameter><parameter name=\"days\">2</parameter></invoke>",
    ),
    (
        "anthropic wrapper",
        S3,
        "<function_calls>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter name=\"days\">2</parameter>\n</invoke>\n</function_calls>",
    ),
    (
        "minimax",
        S3,
        "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter name=\"days\">2</parameter>\n</invoke>\n</minimax:tool_call>",
    ),
    (
        "muse wrapper",
        S3,
        "<atem:function_calls><atem:invoke name=\"get_weather\"><atem:parameter name=\"city\">Paris</atem:parameter><atem:parameter name=\"days\">2</atem:parameter></atem:invoke></atem:function_calls>",
    ),
    (
        "kimi k2",
        S3,
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\":\"Paris\",\"days\":2}<|tool_call_end|><|tool_calls_section_end|>",
    ),
    (
        "lm studio",
        S3,
        "[TOOL_REQUEST]{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\",\"days\":2}}[END_TOOL_REQUEST]",
    ),
    (
        "lm studio in openclaw",
        S3,
        "[get_weather]\n{\"city\":\"Paris\",\"days\":2}\n[END_TOOL_REQUEST]",
    ),
    (
        "routellm",
        S3,
        r#"<function_call_name>get_weather</function_call_name><function_call_arguments>{"city":"Paris","days":2}</function_call_arguments>"#,
    ),
    (
        "fence",
        QWEN,
        "```json\n{\n  \"name\": \"get_weather\",\n  \"arguments\": {\n    \"city\": \"Paris\",\n    \"days\": 2\n  }\n}\n```",
    ),
    (
        "fence of python",
        S3,
        "```tool_code\nprint(get_weather(city=\"Paris\", days=2))\n```",
    ),
    (
        "fence of marks",
        S3,
        "```xml\n<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\",\"days\":2}}</tool_call>\n```",
    ),
    (
        "doubled",
        "xllamacpp-b11549-qwen1.5b/chat_tool_result.txt",
        r#"{{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}"#,
    ),
    (
        "nested",
        "general knowledge",
        r#"{"type":"function","function":{"name":"get_weather","arguments":{"city":"Paris","days":2}}}"#,
    ),
];

/// Those that count only when they are the whole message.
fn is_whole(name: &str) -> bool {
    ["llama 3 bare", "llama pythonic", "nested", "doubled"].contains(&name) || name.starts_with("fence")
}

/// Those that count only at the beginning of a line.
fn begins_line(name: &str) -> bool {
    ["harmony, marks not shown", "muse", "gemma 4, marks not shown"].contains(&name)
}

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
