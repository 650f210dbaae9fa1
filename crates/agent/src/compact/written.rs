//! The items that stand for what was cut off.

use yabby_core::{Attempt, Label, Message, Time};
use yabby_store::{Content, Item, NewItem, new_id};

use super::{Budget, Ruler, exact, view};
use crate::{Note, Past};

/// Whose items they are.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) turn: Option<&'a str>,
    pub(super) at: Time,
}

/// What is cut off, and by what.
pub(super) struct Cut<'a> {
    /// What a model is shown now.
    pub(super) items: &'a [Item],
    /// The last item that is cut off.
    pub(super) to: u64,
    /// The last item that the writer of the summary has seen.
    pub(super) seen: u64,
    pub(super) budget: &'a Budget,
    pub(super) ruler: &'a Ruler,
}

impl Of<'_> {
    /// An item of the agent's own.
    pub(super) fn item(&self, content: Content, label: Label) -> NewItem {
        NewItem {
            id: new_id(),
            turn: self.turn.map(str::to_owned),
            at: self.at,
            content,
            label,
            attempts: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Cut<'_> {
    /// The items for a summary that a model wrote.
    pub(super) fn summary(&self, of: Of<'_>, words: &str, attempts: Vec<Attempt>) -> Vec<NewItem> {
        let most = self.budget.summary.min(self.tokens() / 2);
        let past = Past {
            body: self.ruler.beginning(words, most).trim_end().to_owned(),
            ..self.past()
        };
        self.instead(of, past, attempts)
    }

    /// The items for no summary: the earlier one, as far as there is room, and a line about what was left out.
    pub(super) fn drop(&self, of: Of<'_>, attempts: Vec<Attempt>) -> Vec<NewItem> {
        let past = self.past();
        let earlier = view::earlier(self.items).map_or("", |(text, _, _)| text);
        let body = if past.body.is_empty() { earlier } else { &past.body };
        let messages = self.covered().filter(|item| is_message(item)).count();
        let past = Past {
            body: self.ruler.beginning(body, self.budget.summary).trim_end().to_owned(),
            left_out: past.left_out + u64::try_from(messages).unwrap_or(0),
            ..past
        };
        self.instead(of, past, attempts)
    }

    /// What is cut off: the earlier summary is always a part of it.
    fn covered(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| is_summary(item) || item.seq <= self.to)
    }

    /// What stays.
    fn rest(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !is_summary(item) && item.seq > self.to)
    }

    /// The tokens of what is cut off.
    pub(super) fn tokens(&self) -> u32 {
        let weight = |item: &Item| match &item.item.content {
            Content::Message { message } => self.ruler.message(message),
            Content::Summary { text, .. } => self.ruler.text(text),
            Content::Note { .. } => 0,
        };
        self.covered().fold(0, |sum, item| sum.saturating_add(weight(item)))
    }

    /// What was left behind before, and what the person said exactly in what is cut off now.
    fn past(&self) -> Past {
        let past = view::past(self.items);
        let said = self.covered().filter_map(|item| match &item.item.content {
            Content::Message {
                message: Message::User { text, .. },
            } => Some(text),
            _ => None,
        });
        let newer = said.flat_map(|text| exact::clauses(text)).collect();
        Past {
            exact: exact::join(&past.exact, newer),
            ..past
        }
    }

    fn instead(&self, of: Of<'_>, past: Past, attempts: Vec<Attempt>) -> Vec<NewItem> {
        // Whoever wrote the words may have used all that was shown.
        let shown = self
            .items
            .iter()
            .filter(|item| is_summary(item) || item.seq <= self.to.max(self.seen));
        let label = shown.fold(Label::of_nothing(), |label, item| label.join(&item.item.label));
        let from = view::earlier(self.items).map(|(_, from, _)| from);
        let content = Content::Summary {
            text: self.text(&past),
            from: from.or(self.covered().map(|item| item.seq).min()).unwrap_or(self.to),
            to: self.to,
        };
        let summary = NewItem {
            attempts,
            ..of.item(content, label.clone())
        };
        // What stands before the conversation would be cut off too.
        let is_prompt = |item: &&Item| matches!(Note::of(&item.item.content), Some(Note::Prompt(_)));
        let prompt = match self.rest().find(is_prompt) {
            Some(_) => None,
            None => self.items.iter().rev().find(is_prompt),
        };
        let prompt = prompt.map(|item| of.item(item.item.content.clone(), item.item.label.clone()));
        let past = of.item(Note::Compacted(past).content(), label);
        [Some(summary), prompt, Some(past)].into_iter().flatten().collect()
    }

    /// What a model is shown instead.
    fn text(&self, past: &Past) -> String {
        let mut parts = Vec::new();
        if !past.body.is_empty() {
            parts.push(past.body.clone());
        }
        let lacking = exact::lacking(&past.body, &past.exact, self.ruler, self.budget.exact);
        if !lacking.is_empty() {
            parts.push(format!("[The person's own words]\n- {}", lacking.join("\n- ")));
        }
        let request = view::request(self.items);
        let recall = request.tools.iter().any(|tool| tool.name == "recall");
        match (past.left_out, recall) {
            (0, false) => {}
            (0, true) => parts.push("[recall finds the messages themselves]".to_owned()),
            (count, false) => parts.push(format!("[{count} earlier messages were left out]")),
            (count, true) => parts.push(format!("[{count} earlier messages were left out; recall finds them]")),
        }
        if parts.is_empty() {
            parts.push("[nothing]".to_owned());
        }
        parts.join("\n\n")
    }
}

fn is_summary(item: &Item) -> bool {
    matches!(item.item.content, Content::Summary { .. })
}

fn is_message(item: &Item) -> bool {
    matches!(item.item.content, Content::Message { .. })
}
