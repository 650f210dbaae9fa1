//! A conversation made to fit a smaller window for one answer.

use yabby_core::{Message, ModelRequest};
use yabby_route::{DropOldest, Refit};

use super::narrow::narrowed;
use crate::render::{IN_SHORT, brief};

/// Shortens what stands before the conversation where that takes most of the window, then shows old results and pictures as
/// stubs, the oldest first; when that does not do, the oldest turns go, but not the
/// summary of what came before them. It is for one answer: nothing of it is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shorten;

impl Refit for Shorten {
    fn refit(&self, request: &ModelRequest, fits: &dyn Fn(&ModelRequest) -> bool) -> Option<ModelRequest> {
        let request = &narrowed(request, fits);
        if fits(request) {
            return Some(request.clone());
        }
        let long = long(request);
        let with = |count: usize| {
            let mut request = request.clone();
            for index in long.iter().take(count) {
                if let Some(message) = request.messages.get_mut(*index) {
                    *message = brief(message, None);
                }
            }
            request
        };
        // In blocks, so that what is sent begins the same for some turns.
        let block = (long.len() / 4).checked_ilog2().map_or(1, |power| 1 << power);
        let counts: Vec<usize> = (1..=long.len())
            .filter(|count| count % block == 0 || *count == long.len())
            .collect();
        // Each look counts tokens, so that not every one is taken.
        let first = counts.partition_point(|count| !fits(&with(*count)));
        if let Some(count) = counts.get(first) {
            return Some(with(*count));
        }
        let short = with(long.len());
        with_summary(&short, fits).or_else(|| DropOldest.refit(&short, fits))
    }
}

/// The results and pictures that may be left out: those that the model has read. Where they stand.
fn long(request: &ModelRequest) -> Vec<usize> {
    let messages = &request.messages;
    let is_of = |wanted: fn(&Message) -> bool| messages.iter().rposition(wanted);
    let read = is_of(|message| matches!(message, Message::Assistant { .. })).unwrap_or(0);
    let newest = is_of(|message| matches!(message, Message::User { .. })).unwrap_or(0);
    let is_long = |(index, message): &(usize, &Message)| match message {
        Message::ToolResult { content, .. } => *index < read && content.len() > 2 * brief_len(message),
        Message::User { images, .. } => *index < newest && !images.is_empty(),
        Message::Assistant { .. } => false,
    };
    let found = messages.iter().enumerate().filter(is_long);
    found.map(|(index, _)| index).collect()
}

fn brief_len(message: &Message) -> usize {
    match brief(message, None) {
        Message::ToolResult { content, .. } => content.len(),
        _ => 0,
    }
}

/// Without the oldest turns, but with the first message when it holds a summary.
fn with_summary(request: &ModelRequest, fits: &dyn Fn(&ModelRequest) -> bool) -> Option<ModelRequest> {
    let Some(Message::User { text: summary, .. }) = request.messages.first() else {
        return None;
    };
    if !summary.starts_with(IN_SHORT) {
        return None;
    }
    let with = |request: &ModelRequest| {
        let mut request = request.clone();
        if let Some(Message::User { text, .. }) = request.messages.first_mut() {
            *text = format!("{summary}\n\n[what came then was left out]\n\n{text}");
        }
        request
    };
    let smaller = DropOldest.refit(request, &|request| fits(&with(request)))?;
    Some(with(&smaller))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Map;
    use yabby_core::ToolCall;

    use super::*;

    fn call(id: usize) -> ToolCall {
        ToolCall {
            id: format!("c{id}"),
            name: "read".to_owned(),
            arguments: Map::new(),
        }
    }

    /// Turns with one call each, and a last question.
    fn request(turns: usize, summary: bool) -> ModelRequest {
        let mut messages: Vec<Message> = (0..turns)
            .flat_map(|turn| {
                [
                    Message::user(format!("question {turn}")),
                    Message::calling("", vec![call(turn)]),
                    Message::result(&call(turn), "x".repeat(1000)),
                    Message::assistant("answer"),
                ]
            })
            .chain([Message::user("last")])
            .collect();
        if let (true, Some(Message::User { text, .. })) = (summary, messages.first_mut()) {
            *text = format!("{IN_SHORT}\nthe gist\n\n{text}");
        }
        ModelRequest {
            messages,
            ..ModelRequest::default()
        }
    }

    fn length(request: &ModelRequest) -> usize {
        let of = |message: &Message| match message {
            Message::User { text, .. } | Message::Assistant { text, .. } => text.len() + 10,
            Message::ToolResult { content, .. } => content.len() + 10,
        };
        request.messages.iter().map(of).sum()
    }

    #[test]
    fn results_go_first_and_then_turns_but_not_the_summary() {
        let request = request(4, true);
        let shown = |most: usize| {
            let smaller = Shorten.refit(&request, &|request| length(request) <= most);
            smaller.map(|request| {
                serde_json::to_string_pretty(&request.messages)
                    .unwrap()
                    .replace(&"x".repeat(1000), "x…")
            })
        };
        insta::assert_snapshot!(shown(3000).unwrap());
        insta::assert_snapshot!(shown(300).unwrap());
        assert_eq!(shown(10), None);
    }

    proptest! {
        #[test]
        fn what_fits_is_whole(turns in 0_usize..12, summary: bool, most in 0_usize..14_000) {
            let request = request(turns, summary);
            let fits = |request: &ModelRequest| length(request) <= most;
            if let Some(smaller) = Shorten.refit(&request, &fits) {
                prop_assert!(fits(&smaller));
                let ends_so = matches!(smaller.messages.last(), Some(Message::User { text, .. }) if text.ends_with("last"));
                prop_assert!(ends_so);
                for pair in smaller.messages.windows(2) {
                    let calls = |message: &Message| match message {
                        Message::Assistant { tool_calls, .. } => !tool_calls.is_empty(),
                        _ => false,
                    };
                    let is_result = matches!(pair[1], Message::ToolResult { .. });
                    prop_assert_eq!(calls(&pair[0]), is_result);
                }
                let begins_so = matches!(smaller.messages[0], Message::User { .. });
                prop_assert!(begins_so);
            }
        }
    }
}
