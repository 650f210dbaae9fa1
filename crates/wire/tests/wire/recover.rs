//! The answer that a server could not read and put into its error.

use serde_json::{Value, json};
use yabby_core::{EndReason, ErrorKind, ModelEvent};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation, ResponseHeaders, classify};

use crate::fixtures::{Outcome, compact, decode};

/// A source, the message of an error, and the call in it.
type Told = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// What llama.cpp says, from its issues; where a report leaves something out, that is filled in. The call that it
/// holds, or none when nothing can be relied on.
const TEXTS: [Told; 8] = [
    (
        "ggml-org/llama.cpp#24644: parameters in another order",
        "Failed to parse input at pos 1360: <tool_call>\n<function=write>\n<parameter=content>\n{\n\"a\": 1\n}\n\n</parameter>\n<parameter=path>\na.json\n</parameter>\n</function>\n</tool_call>",
        Some(("write", r#"{"content":"{\n\"a\": 1\n}\n","path":"a.json"}"#)),
    ),
    (
        "ggml-org/llama.cpp#23838",
        "Failed to parse input at pos 395: <|tool_call_start|>[web_search_exa(query='current temperature in Mexico City', numResults=5)]<|tool_call_end|>",
        Some((
            "web_search_exa",
            r#"{"query":"current temperature in Mexico City","numResults":5}"#,
        )),
    ),
    (
        "pwilkin/llama.cpp#9: text before the call",
        "Failed to parse input at pos 60: <tool_call>\n<function=bash>\n<parameter=command>\ncd /home/x && git status\n</parameter>\n<parameter=description>\nCheck git status\n</parameter>\n</function>\n</tool_call>",
        Some((
            "bash",
            r#"{"command":"cd /home/x && git status","description":"Check git status"}"#,
        )),
    ),
    (
        "pwilkin/llama.cpp#9: the answer was not finished",
        "Failed to parse input at pos 0: <tool_call>\n<function=task>\n<",
        None,
    ),
    (
        "ggml-org/llama.cpp#20761",
        "Failed to parse input at pos 12: </tool_call>",
        None,
    ),
    (
        "ggml-org/llama.cpp#18675",
        "Failed to parse input at pos 0: <|channel|>",
        None,
    ),
    (
        "ggml-org/llama.cpp#18675: all was read",
        "Failed to parse input at pos 8: ",
        None,
    ),
    (
        "llama-server-b11669-smollm2-functionary/chat_tools_auto.txt",
        "The model produced output that does not match the expected peg-native format",
        None,
    ),
];

fn offered() -> Expectation {
    let text = json!({"type": "object", "properties": {"path": {"type": "string"}, "content": {"type": "string"}}});
    Expectation {
        tools: ["write", "bash", "task", "web_search_exa"].map(str::to_owned).to_vec(),
        schemas: [("write".to_owned(), text)].into(),
        ..Expectation::default()
    }
}

/// The body of an HTTP 500.
fn refused(message: &str, expect: &Expectation) -> Outcome {
    let body = json!({"error": {"code": 500, "message": message, "type": "server_error"}});
    let error = classify(500, &ResponseHeaders::default(), body.to_string().as_bytes());
    let mut events = Vec::new();
    let mut decoder = Decoder::new(Dialect::Chat, BodyKind::Json, expect);
    let error = decoder.recover(error, &mut events).err();
    assert_eq!(decoder.finish(&mut Vec::new()).err(), error, "it stays so");
    (compact(events), error)
}

/// An error in a stream after these deltas.
fn broken_off(deltas: &[Value], message: &str, expect: &Expectation) -> Outcome {
    let chunks = deltas
        .iter()
        .map(|delta| json!({"choices": [{"index": 0, "delta": delta}]}));
    let error = json!({"error": {"code": 500, "message": message, "type": "server_error"}});
    let body: Vec<String> = chunks.chain([error]).map(|data| format!("data: {data}\n\n")).collect();
    let body = body.concat();
    decode(Dialect::Chat, BodyKind::EventStream, expect, [body.as_bytes()])
}

/// The names and arguments of the calls.
fn calls(events: &[ModelEvent]) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for event in events {
        if let ModelEvent::ToolCall(call) = event {
            found.push((call.name.as_str(), json!(call.arguments).to_string()));
        }
    }
    found
}

#[test]
fn calls_are_recovered() {
    for (source, message, call) in TEXTS {
        for (events, error) in [refused(message, &offered()), broken_off(&[], message, &offered())] {
            if let Some((name, arguments)) = call {
                assert_eq!(error, None, "{source}");
                assert_eq!(calls(&events), [(name, arguments.to_owned())], "{source}");
                assert_eq!(events.last(), Some(&ModelEvent::End(EndReason::ToolCalls)), "{source}");
            } else {
                assert_eq!(
                    (events.len(), error.unwrap().kind),
                    (0, ErrorKind::ToolParser),
                    "{source}"
                );
            }
        }
        // Without tools the text of an error is only that.
        let (events, error) = refused(message, &Expectation::default());
        assert_eq!(
            (events.len(), error.unwrap().kind),
            (0, ErrorKind::ToolParser),
            "{source}"
        );
    }
}

#[test]
fn words_and_reasoning_are_recovered() {
    let message = "Failed to parse input at pos 0: <think>Hm.</think>It is 5 o'clock.";
    let expected = [
        ModelEvent::Reasoning("Hm.".into()),
        ModelEvent::Text("It is 5 o'clock.".into()),
        ModelEvent::End(EndReason::Stop),
    ];
    assert_eq!(refused(message, &offered()), (expected.to_vec(), None));
    // Reasoning that came before it stays.
    let (events, error) = broken_off(&[json!({"reasoning_content": "So."})], TEXTS[0].1, &offered());
    assert_eq!(
        (events.first(), error),
        (Some(&ModelEvent::Reasoning("So.".into())), None)
    );
    assert_eq!(calls(&events).len(), 1);
}

/// What comes behind a position that is not the first may begin inside a thought.
#[test]
fn a_thought_is_not_given_out_as_text() {
    const CALL: &str = "<tool_call>{\"name\":\"bash\",\"arguments\":{}}</tool_call>";
    for rest in [
        "the user must not know the secret plan.</think>\n\nHello.",
        "the user must not know the secret plan.",
        "I could write <tool_call>{\"name\":\"bash\",\"arguments\":{}}</tool_call>, but I will not.</think>Hello.",
    ] {
        let (events, error) = refused(&format!("Failed to parse input at pos 40: {rest}"), &offered());
        let found = (events.len(), error.unwrap().kind);
        assert_eq!(found, (0, ErrorKind::ToolParser), "{rest}");
    }
    for (rest, thought) in [
        ("secret.</think>Hello.\nTEXT", Some("secret.")),
        ("secret.\nTEXT", None),
        ("TEXT\nsecret", None),
        (" /tool_call>\nTEXT\n</tool_call>", None),
    ] {
        let rest = rest.replace("TEXT", CALL);
        let (events, error) = refused(&format!("Failed to parse input at pos 40: {rest}"), &offered());
        assert_eq!((error, calls(&events).len()), (None, 1), "{rest}");
        let thought = thought.map(|thought| ModelEvent::Reasoning(thought.into()));
        assert_eq!(
            (events.len(), events.first().filter(|_| thought.is_some())),
            (2 + usize::from(thought.is_some()), thought.as_ref()),
            "{rest}"
        );
    }
    // From the beginning words are words, unless they are a call that nobody could read.
    let from_start = |text: &str| refused(&format!("Failed to parse input at pos 0: {text}{CALL}"), &offered());
    let (events, error) = from_start("Let me look. ");
    assert_eq!(
        (events.first(), error),
        (Some(&ModelEvent::Text("Let me look.".into())), None)
    );
    let (events, error) = from_start("<tool_call>{\"name\":\"unknown\"}</tool_call>\n");
    assert_eq!((events.len(), error.unwrap().kind), (0, ErrorKind::ToolParser));
}

#[test]
fn what_was_given_out_is_not_given_twice() {
    let (events, error) = broken_off(&[json!({"content": "Let me"})], TEXTS[0].1, &offered());
    assert_eq!(events, [ModelEvent::Text("Let me".into())]);
    assert_eq!(error.unwrap().kind, ErrorKind::ToolParser);
    // A call that the server has begun to tell is the one in the text, or all is left.
    let begun =
        |name: &str| json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": name, "arguments": "{"}}]});
    let (events, error) = broken_off(&[begun("write")], TEXTS[0].1, &offered());
    assert_eq!((calls(&events).len(), error), (1, None));
    let (events, error) = broken_off(&[begun("bash")], TEXTS[0].1, &offered());
    assert_eq!((events.len(), error.unwrap().kind), (0, ErrorKind::ToolParser));
}

#[test]
fn what_a_model_wrote_is_no_error() {
    let wrote = "Failed to parse input at pos 3: maximum context length, {\"error\":{\"code\":\"context_length_exceeded\"}}, \
        jinja, try again in 5s";
    let (_, error) = refused(wrote, &Expectation::default());
    let error = error.unwrap();
    assert_eq!(
        (error.kind, error.details.numbers.retry_after),
        (ErrorKind::ToolParser, None)
    );
    // Somebody else's words around it: what follows is not only the model's.
    let (_, error) = refused(
        &format!("litellm.InternalServerError: {} Received Model Group=m", TEXTS[0].1),
        &offered(),
    );
    assert_eq!(error.unwrap().recovered, None);
}
