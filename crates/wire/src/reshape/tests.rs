use serde_json::{Map, json};
use yabby_core::{Tool, ToolCall};

use super::*;

fn call(id: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "look".to_owned(),
        arguments: Map::from_iter([("at".to_owned(), id.into())]),
    }
}

fn calling(ids: &[&str]) -> Message {
    Message::calling("", ids.iter().map(|id| call(id)).collect())
}

fn result(id: &str, content: &str) -> Message {
    Message::result(&call(id), content)
}

fn repaired(messages: &[Message]) -> Vec<Message> {
    let request = ModelRequest {
        messages: messages.to_vec(),
        ..ModelRequest::default()
    };
    conversation(Cow::Owned(request), &Quirks::default())
        .into_owned()
        .messages
}

fn none(id: &str) -> Message {
    result(id, "no result was recorded")
}

#[test]
fn what_is_sound_is_not_copied() {
    let request = ModelRequest {
        system: Some("s".to_owned()),
        messages: vec![
            Message::user("hi"),
            calling(&["a", "b"]),
            result("b", "2"),
            result("a", "1"),
            calling(&["a"]),
        ],
        ..ModelRequest::default()
    };
    let quirks = Quirks::default();
    let shaped = conversation(tools(Cow::Borrowed(&request), &quirks), &quirks);
    assert!(matches!(shaped, Cow::Borrowed(_)));
}

#[test]
fn every_call_gets_a_result_and_every_result_has_a_call() {
    let orphan = |content: &str| Message::user(format!("[Result of look]\n{content}"));
    for (messages, expected) in [
        // Nothing came before the person spoke again.
        (
            vec![calling(&["a", "b"]), result("b", "2"), Message::user("well?")],
            vec![
                calling(&["a", "b"]),
                result("b", "2"),
                none("a"),
                Message::user("well?"),
            ],
        ),
        // The late result is not lost.
        (
            vec![calling(&["a"]), Message::user("well?"), result("a", "1")],
            vec![calling(&["a"]), none("a"), Message::user("well?"), orphan("1")],
        ),
        // A result that came twice waits until the others are there.
        (
            vec![
                calling(&["a", "b"]),
                result("a", "1"),
                result("a", "1"),
                result("b", "2"),
            ],
            vec![calling(&["a", "b"]), result("a", "1"), result("b", "2"), orphan("1")],
        ),
        // The beginning of the history was cut off.
        (
            vec![result("a", "1"), Message::user("b")],
            vec![orphan("1"), Message::user("b")],
        ),
        // The end may wait, and nothing that comes between is written before its time.
        (vec![calling(&["a"])], vec![calling(&["a"])]),
        (vec![calling(&["a"]), result("x", "?")], vec![calling(&["a"])]),
        (
            vec![calling(&["a"]), calling(&["b"]), result("b", "2")],
            vec![calling(&["a"]), none("a"), calling(&["b"]), result("b", "2")],
        ),
    ] {
        assert_eq!(repaired(&messages), expected, "{messages:?}");
        assert_eq!(repaired(&expected), expected);
    }
}

#[test]
fn history_as_plain_text_alternates() {
    let request = ModelRequest {
        messages: vec![
            Message::assistant("Hello."),
            Message::user("a"),
            Message::user("b"),
            Message::calling("I look.", vec![call("1"), call("2")]),
            result("1", "x"),
            result("2", "y"),
            Message::user("and?"),
            calling(&["3"]),
        ],
        ..ModelRequest::default()
    };
    let quirks = Quirks {
        tools_as_text: true,
        ..Quirks::default()
    };
    let shaped = conversation(Cow::Borrowed(&request), &quirks);
    assert_eq!(
        shaped.messages,
        [
            Message::user("Go on."),
            Message::assistant("Hello."),
            Message::user("a\n\nb"),
            Message::assistant("I look.\n\n[Called look with {\"at\":\"1\"}]\n\n[Called look with {\"at\":\"2\"}]"),
            Message::user("[Result of look]\nx\n\n[Result of look]\ny\n\nand?"),
            Message::assistant("[Called look with {\"at\":\"3\"}]"),
        ]
    );
    let empty = conversation(Cow::Owned(ModelRequest::default()), &quirks);
    assert_eq!(empty.messages, [Message::user("Go on.")]);
}

#[test]
fn the_system_prompt_begins_the_first_message() {
    let quirks = Quirks {
        fold_system: true,
        ..Quirks::default()
    };
    let folded = |messages: Vec<Message>| {
        let request = ModelRequest {
            system: Some("Be brief.".to_owned()),
            messages,
            ..ModelRequest::default()
        };
        let shaped = conversation(Cow::Owned(request), &quirks).into_owned();
        assert_eq!(shaped.system, None);
        shaped.messages
    };
    assert_eq!(folded(vec![Message::user("hi")]), [Message::user("Be brief.\n\nhi")]);
    assert_eq!(
        folded(vec![Message::assistant("hi")]),
        [Message::user("Be brief."), Message::assistant("hi")]
    );
    assert_eq!(folded(Vec::new()), [Message::user("Be brief.")]);
}

#[test]
fn a_conversation_that_ends_with_an_answer_gets_a_word_more() {
    let quirks = Quirks {
        end_with_user: true,
        ..Quirks::default()
    };
    for (message, count) in [
        (Message::assistant("a"), 2),
        (Message::user("a"), 1),
        (calling(&["a"]), 1),
    ] {
        let request = ModelRequest {
            messages: vec![message],
            ..ModelRequest::default()
        };
        assert_eq!(conversation(Cow::Owned(request), &quirks).messages.len(), count);
    }
}

#[test]
fn a_quarantined_tool_is_offered_again_when_it_has_changed() {
    let tool = |parameters| Tool {
        name: "look".to_owned(),
        description: String::new(),
        parameters,
    };
    let bad = json!({"type": "object", "properties": {"a": {"type": "nonsense"}}});
    let quirks = Quirks {
        quarantined: vec![("look".to_owned(), bad.clone())],
        ..Quirks::default()
    };
    let request = |parameters| ModelRequest {
        tools: vec![tool(parameters)],
        tool_choice: ToolChoice::Named("look".to_owned()),
        ..ModelRequest::default()
    };
    let shaped = tools(Cow::Owned(request(bad)), &quirks);
    assert_eq!((shaped.tools.len(), &shaped.tool_choice), (0, &ToolChoice::Auto));
    let shaped = tools(Cow::Owned(request(json!({"type": "object"}))), &quirks);
    assert_eq!(shaped.tools.len(), 1);
}
