//! The items of a conversation, weighed, and where it may be cut.

use std::collections::{BTreeMap, BTreeSet};

use yabby_core::{Message, ToolCall};
use yabby_store::{Content, Item};

use super::Ruler;
use crate::{
    Note,
    render::{stub, stubs},
};

/// What is made a stub must be longer than it by so many tokens.
const LEAST_GAIN: u32 = 24;

/// A conversation.
pub(super) struct Scene<'a> {
    pub(super) items: &'a [Item],
    /// The tokens of each item as it is shown.
    weights: Vec<u32>,
    /// Where turns begin after something that can be cut off, as indexes.
    cuts: Vec<usize>,
    /// Where the newest turn begins, as an index.
    newest: usize,
    /// Behind the last answer of the model, as an index: nobody has read that yet.
    unread: usize,
    /// What can be shown as a stub: index, and what is won.
    long: Vec<(usize, u32)>,
    /// Which of them were repeated later.
    repeated: BTreeSet<usize>,
}

// === impl Scene ===

impl<'a> Scene<'a> {
    pub(super) fn of(items: &'a [Item], ruler: &Ruler) -> Self {
        let stubs: BTreeSet<u64> = items.iter().flat_map(stubs).collect();
        let starts = starts(items);
        let newest = starts.last().copied().unwrap_or(items.len());
        let said = |index: &usize| items.iter().take(*index).any(is_message);
        let mut scene = Self {
            items,
            weights: Vec::with_capacity(items.len()),
            cuts: starts.iter().copied().filter(said).collect(),
            newest,
            unread: items.iter().rposition(is_of_model).map_or(0, |index| index + 1),
            long: Vec::new(),
            repeated: repeated(items, &stubs),
        };
        for (index, item) in items.iter().enumerate() {
            let weight = match &item.item.content {
                Content::Message { message } => {
                    let short = stub(message, &item.item.id);
                    let (whole, short) = (ruler.message(message), ruler.message(&short));
                    if stubs.contains(&item.seq) {
                        short
                    } else {
                        let won = whole.saturating_sub(short);
                        if won >= LEAST_GAIN && scene.may_be_stub(index, message) {
                            scene.long.push((index, won));
                        }
                        whole
                    }
                }
                content => said_beside(content).map_or(0, |text| ruler.message(&Message::user(text))),
            };
            scene.weights.push(weight);
        }
        scene
    }

    /// Results that nobody has read yet are needed, and so are the pictures of the newest turn.
    fn may_be_stub(&self, index: usize, message: &Message) -> bool {
        match message {
            Message::ToolResult { .. } => index < self.unread,
            _ => index < self.newest,
        }
    }

    /// The tokens of the items from an index on.
    pub(super) fn tokens_from(&self, index: usize) -> u32 {
        let rest = self.weights.iter().skip(index);
        rest.fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// The tokens of the items before an index.
    pub(super) fn tokens_before(&self, index: usize) -> u32 {
        let first = self.weights.iter().take(index);
        first.fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// Where turns begin that have something before them; the last one is the newest turn.
    pub(super) fn cuts(&self) -> &[usize] {
        &self.cuts
    }

    /// The first of them behind which there are so many tokens at most; else the last.
    pub(super) fn cut_for(&self, keep: u32) -> Option<usize> {
        let first = self.cuts.partition_point(|cut| self.tokens_from(*cut) > keep);
        self.cuts.get(first).or(self.cuts.last()).copied()
    }

    /// Where a request ends that the server has seen: before a turn that has no answer yet, else at the end.
    pub(super) fn seen(&self) -> usize {
        if self.unread <= self.newest {
            self.newest
        } else {
            self.items.len()
        }
    }

    /// The last item before an index.
    pub(super) fn last_before(&self, index: usize) -> Option<u64> {
        Some(self.items.get(index.checked_sub(1)?)?.seq)
    }

    /// What becomes a stub between two indexes, until so many tokens are won: what was repeated later first, then the
    /// oldest. Also what is won.
    pub(super) fn stubs(&self, from: usize, to: usize, wanted: u32) -> (Vec<u64>, u32) {
        let between = self
            .long
            .iter()
            .copied()
            .filter(|(index, _)| (from..to).contains(index));
        let (repeated, other): (Vec<_>, Vec<_>) = between.partition(|(index, _)| self.repeated.contains(index));
        let mut won = 0_u32;
        let mut seqs = BTreeSet::new();
        for (index, gain) in repeated.into_iter().chain(other) {
            if won >= wanted {
                break;
            }
            won = won.saturating_add(gain);
            seqs.extend(self.items.get(index).map(|item| item.seq));
        }
        (seqs.into_iter().collect(), won)
    }

    /// What all of them between two indexes would win.
    pub(super) fn most_won(&self, from: usize, to: usize) -> u32 {
        self.stubs(from, to, u32::MAX).1
    }
}

fn is_message(item: &Item) -> bool {
    matches!(item.item.content, Content::Message { .. })
}

fn is_of_model(item: &Item) -> bool {
    match &item.item.content {
        Content::Message { message } => matches!(message, Message::Assistant { .. }),
        content => matches!(Note::of(content), Some(Note::Unanswered { .. })),
    }
}

/// What an item that is no message adds to the conversation.
fn said_beside(content: &Content) -> Option<String> {
    match content {
        Content::Summary { text, .. } => Some(text.clone()),
        content => match Note::of(content)? {
            Note::Aside { text } | Note::Hint { text } | Note::Unanswered { text, .. } => Some(text),
            Note::Prompt(_) | Note::Told { .. } | Note::Unworked { .. } | Note::Stubs { .. } | Note::Compacted(_) => {
                None
            }
        },
    }
}

/// Where turns begin: at the first message of the person in each, with the notes that belong in front of it.
fn starts(items: &[Item]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut turn: Option<&str> = None;
    for (index, item) in items.iter().enumerate() {
        let Content::Message {
            message: Message::User { .. },
        } = &item.item.content
        else {
            continue;
        };
        let new = item.item.turn.as_deref();
        if new.is_some() && new == turn {
            continue;
        }
        turn = new;
        let before = items.iter().take(index).rposition(|item| {
            let content = &item.item.content;
            let in_front = match content {
                Content::Note { .. } => !matches!(Note::of(content), Some(Note::Hint { .. } | Note::Unanswered { .. })),
                _ => false,
            };
            !in_front
        });
        starts.push(before.map_or(0, |index| index + 1));
    }
    starts
}

/// Results of calls that were made again later in the same words, so that the later result says what is true now.
fn repeated(items: &[Item], stubs: &BTreeSet<u64>) -> BTreeSet<usize> {
    let mut open: BTreeMap<&str, &ToolCall> = BTreeMap::new();
    let mut last: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        match &item.item.content {
            Content::Message {
                message: Message::Assistant { tool_calls, .. },
            } => {
                open = tool_calls.iter().map(|call| (call.id.as_str(), call)).collect();
            }
            Content::Message {
                message: Message::ToolResult { call_id, .. },
            } if !stubs.contains(&item.seq) => {
                if let Some(call) = open.get(call_id.as_str()) {
                    let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
                    repeated.extend(last.insert((&call.name, arguments), index));
                }
            }
            _ => {}
        }
    }
    repeated
}
