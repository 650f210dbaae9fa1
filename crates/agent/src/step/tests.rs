use serde_json::json;
use yabby_core::{Confidentiality, Integrity, Label, Message, Time, ToolCall};
use yabby_store::{Content, Item, NewItem};

use super::*;
use crate::{Note, Unworked};

fn item(seq: u64, turn: &str, content: Content) -> Item {
    Item {
        seq,
        item: NewItem {
            id: format!("i{seq}"),
            turn: Some(turn.to_owned()),
            at: Time(0),
            content,
            label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
            attempts: Vec::new(),
            files: Vec::new(),
        },
    }
}

fn call(id: &str, name: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: json!({}).as_object().cloned().unwrap_or_default(),
    }
}

/// Items of turn `t`, or of the turn before a colon.
fn items(messages: &[(&str, Message)]) -> Vec<Item> {
    let content = |message: &Message| Content::Message {
        message: message.clone(),
    };
    (0..)
        .zip(messages)
        .map(|(seq, (turn, message))| item(seq, turn, content(message)))
        .collect()
}

fn next(items: &[Item], approved: Option<ApprovalState>, limits: Limits, too_long: bool) -> Step {
    let facts = Facts {
        permit: &|pending| {
            if pending.call.name == "exec" {
                Permit::Ask
            } else {
                Permit::Allow
            }
        },
        approved: &|_| approved,
        too_long,
        limits,
        spent: Spent::default(),
    };
    step(&View::of(items, "t"), &facts)
}

#[test]
fn each_state_of_a_turn_has_its_step() {
    let (read, exec) = (call("r", "read"), call("e", "exec"));
    let limits = Limits::default();
    let pending = |key: &str, call: &ToolCall, late| Pending {
        key: key.to_owned(),
        call: call.clone(),
        late,
    };
    let asked = items(&[("t", Message::user("?"))]);
    let called = items(&[
        ("t", Message::user("?")),
        ("t", Message::calling("", vec![read.clone(), exec.clone()])),
    ]);
    let half = [called.clone(), vec![item(2, "t", result(&read))]].concat();
    let whole = [half.clone(), vec![item(3, "t", result(&exec))]].concat();
    let answered = [whole.clone(), vec![item(4, "t", said("done"))]].concat();
    let steered = [answered.clone(), vec![item(5, "t", asks("and now?"))]].concat();
    let gone_on = [
        half.clone(),
        vec![item(3, "u", asks("meanwhile")), item(4, "u", said("well"))],
    ]
    .concat();
    let given_up = [
        asked.clone(),
        vec![item(
            1,
            "t",
            Note::Unanswered {
                text: "[stopped]".to_owned(),
                seen: None,
            }
            .content(),
        )],
    ]
    .concat();
    let cases = [
        (&asked, None, Step::CallModel { tools: true }),
        (&called, None, Step::RunTools(vec![pending("i1/0", &read, false)])),
        (&half, None, Step::AskApproval(vec![pending("i1/1", &exec, false)])),
        (
            &half,
            Some(ApprovalState::Open),
            Step::AskApproval(vec![pending("i1/1", &exec, false)]),
        ),
        (
            &half,
            Some(ApprovalState::Granted),
            Step::RunTools(vec![pending("i1/1", &exec, false)]),
        ),
        (
            &gone_on,
            Some(ApprovalState::Denied),
            Step::RunTools(vec![pending("i1/1", &exec, true)]),
        ),
        (&whole, None, Step::CallModel { tools: true }),
        (&answered, None, Step::Done),
        (&steered, None, Step::CallModel { tools: true }),
        (&given_up, None, Step::Done),
    ];
    for (items, approved, expected) in cases {
        assert_eq!(next(items, approved, limits, false), expected, "{items:#?}");
    }
    assert_eq!(next(&whole, None, limits, true), Step::Compact);
    let once = Limits { steps: 1, ..limits };
    assert_eq!(next(&whole, None, once, false), Step::CallModel { tools: false });
    let again = [
        whole,
        vec![item(4, "t", calls(&read)), item(5, "t", result(&call("r", "read")))],
    ]
    .concat();
    assert_eq!(next(&again, None, once, false), Step::Stop(Exceeded::Steps(1)));
}

#[test]
fn a_no_is_not_asked_for_again_in_words_that_are_the_same() {
    let exec = call("e", "exec");
    let denied = Note::Unworked {
        call: exec.id.clone(),
        how: Unworked::Denied,
    };
    let tried_again = [
        items(&[
            ("t", Message::user("?")),
            ("t", Message::calling("", vec![exec.clone()])),
            ("t", Message::result(&exec, "[not run]".to_owned())),
        ]),
        vec![item(3, "t", denied.content()), item(4, "t", calls(&call("f", "exec")))],
    ]
    .concat();
    let pending = || {
        vec![Pending {
            key: "i4/0".to_owned(),
            call: call("f", "exec"),
            late: false,
        }]
    };
    let of = |approved| next(&tried_again, approved, Limits::default(), false);
    assert_eq!(of(None), Step::RunTools(pending()));
    assert_eq!(View::of(&tried_again, "t").denied, [exec]);
    // Asked before the other was denied: it waits for its own answer.
    assert_eq!(of(Some(ApprovalState::Open)), Step::AskApproval(pending()));
}

fn asks(text: &str) -> Content {
    Content::Message {
        message: Message::user(text),
    }
}

fn said(text: &str) -> Content {
    Content::Message {
        message: Message::assistant(text),
    }
}

fn calls(call: &ToolCall) -> Content {
    Content::Message {
        message: Message::calling("", vec![call.clone()]),
    }
}

fn result(call: &ToolCall) -> Content {
    Content::Message {
        message: Message::result(call, "r"),
    }
}
