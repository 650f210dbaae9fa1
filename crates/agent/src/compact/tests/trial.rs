//! A store that is only a list, and what every conversation must be.

use std::collections::BTreeSet;

use yabby_core::Message;
use yabby_store::{Content, Item};

use super::talk::NOW;
use crate::{
    Note,
    compact::{
        Action, Budget, Ruler, view,
        written::{Cut, Of},
    },
    render,
};

/// The items after an action, as a store would give them, and whether what is shown got shorter.
pub(super) fn carried_out(items: &[Item], action: &Action, budget: &Budget, ruler: &Ruler) -> (Vec<Item>, bool) {
    let of = Of {
        turn: Some("now"),
        at: NOW,
    };
    let (to, seen) = match action {
        Action::Stubs(_) => (0, 0),
        Action::Summary { to, asked } => (*to, *asked),
        Action::Drop { to } => (*to, *to),
    };
    let cut = Cut {
        items,
        to,
        seen,
        budget,
        ruler,
    };
    let new = match action {
        Action::Stubs(seqs) => {
            vec![of.item(Note::Stubs { seqs: seqs.clone() }.content(), super::talk::label())]
        }
        Action::Summary { .. } => cut.summary(of, &"It was about words. ".repeat(80), Vec::new()),
        Action::Drop { .. } => cut.drop(of, Vec::new()),
    };
    let next = items.iter().map(|item| item.seq).max().unwrap_or(0) + 1;
    let mut all: Vec<Item> = items.to_vec();
    all.extend((next..).zip(new).map(|(seq, item)| Item { seq, item }));
    let after = context(&all);
    let length = |items: &[Item]| ruler.request(&view::request(items));
    let shorter = length(&after) < length(items);
    (after, shorter)
}

/// What [`yabby_store::Store::context`] gives.
fn context(all: &[Item]) -> Vec<Item> {
    let is_summary = |item: &&Item| matches!(item.item.content, Content::Summary { .. });
    let last = all.iter().filter(is_summary).max_by_key(|item| item.seq);
    let covered = last.map(|item| match item.item.content {
        Content::Summary { to, .. } => to,
        _ => 0,
    });
    let rest = all
        .iter()
        .filter(|item| !is_summary(item) && covered.is_none_or(|to| item.seq > to));
    last.into_iter().chain(rest).cloned().collect()
}

/// Every call has exactly one result, right behind it, and roles alternate; what stands before the conversation is there.
pub(super) fn is_sound(items: &[Item]) {
    let (frozen, messages) = render(items);
    assert!(frozen.is_some(), "the prompt is lost");
    let mut open = BTreeSet::new();
    let mut before = None;
    for message in &messages {
        match message {
            Message::User { .. } => {
                assert!(open.is_empty(), "no result for {open:?}");
                assert_ne!(before, Some("user"), "{messages:#?}");
                before = Some("user");
            }
            Message::Assistant { tool_calls, .. } => {
                assert!(open.is_empty(), "no result for {open:?}");
                assert!(matches!(before, Some("user" | "tool")), "{messages:#?}");
                open = tool_calls.iter().map(|call| call.id.clone()).collect();
                before = Some("assistant");
            }
            Message::ToolResult { call_id, .. } => {
                assert!(open.remove(call_id), "a result without a call: {call_id}");
                before = Some("tool");
            }
        }
    }
    assert!(open.is_empty(), "no result for {open:?}");
}
