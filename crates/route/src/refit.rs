//! A conversation made to fit a smaller window.

use yabby_core::{Message, ModelRequest};

/// Makes a conversation fit. Whoever owns it knows best what may go; [`DropOldest`] is for those who do not care.
pub trait Refit: Send + Sync {
    /// The same request, smaller; `fits` says whether it is small enough. `None` when it cannot be made to fit. What the
    /// person said last is never left out.
    fn refit(&self, request: &ModelRequest, fits: &dyn Fn(&ModelRequest) -> bool) -> Option<ModelRequest>;
}

/// Leaves out the oldest exchanges, whole ones: each begins with what the person said. They go in blocks, so that the
/// beginning of what is sent stays the same for some turns and the server's prefix cache serves it.
#[derive(Clone, Copy, Debug, Default)]
pub struct DropOldest;

impl Refit for DropOldest {
    fn refit(&self, request: &ModelRequest, fits: &dyn Fn(&ModelRequest) -> bool) -> Option<ModelRequest> {
        let is_user = |message: &Message| matches!(message, Message::User { .. });
        let starts = request
            .messages
            .iter()
            .enumerate()
            .filter(|(_, message)| is_user(message));
        let starts: Vec<usize> = starts.map(|(at, _)| at).filter(|at| *at > 0).collect();
        let from = |start: usize| ModelRequest {
            messages: request.messages.get(start..).unwrap_or_default().to_vec(),
            ..request.clone()
        };
        // A quarter at once, rounded down to a power of two: a longer conversation is cut at the same places.
        let quarter = (starts.len() + 1) / 4;
        let block = quarter.checked_ilog2().map_or(1, |power| 1 << power);
        let blocks: Vec<usize> = starts.iter().copied().skip(block - 1).step_by(block).collect();
        // The first place that will do; each look counts tokens, so that not every place is looked at.
        let first = |places: &[usize]| {
            let place = places.partition_point(|start| !fits(&from(*start)));
            places.get(place).map(|start| from(*start))
        };
        first(&blocks).or_else(|| first(&starts))
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::ToolCall;

    use super::*;

    #[test]
    fn whole_exchanges_go() {
        let call = ToolCall {
            id: "c".to_owned(),
            name: "t".to_owned(),
            arguments: serde_json::Map::new(),
        };
        let messages = vec![
            Message::user("1"),
            Message::calling("", vec![call.clone()]),
            Message::result(&call, "r"),
            Message::assistant("2"),
            Message::user("3"),
            Message::assistant("4"),
            Message::user("5"),
        ];
        let request = ModelRequest {
            system: Some("s".to_owned()),
            messages: messages.clone(),
            ..ModelRequest::default()
        };
        let left = |most: usize| {
            let fits = |request: &ModelRequest| request.messages.len() <= most;
            DropOldest.refit(&request, &fits).map(|request| request.messages)
        };
        assert_eq!(left(6), Some(messages[4..].to_vec()));
        assert_eq!(left(3), Some(messages[4..].to_vec()));
        assert_eq!(left(1), Some(messages[6..].to_vec()));
        assert_eq!(left(0), None);
    }

    #[test]
    fn a_longer_conversation_is_cut_at_the_same_places() {
        let begins = |exchanges: usize, most: usize| {
            let said = |number| [Message::user(format!("{number}")), Message::assistant("a")];
            let request = ModelRequest {
                messages: (0..exchanges).flat_map(said).chain([Message::user("last")]).collect(),
                ..ModelRequest::default()
            };
            let fits = |request: &ModelRequest| request.messages.len() <= most;
            let smaller = DropOldest.refit(&request, &fits).unwrap();
            (request.messages.len() - smaller.messages.len()) / 2
        };
        let cuts: Vec<usize> = (10..18).map(|exchanges| begins(exchanges, 20)).collect();
        assert_eq!(cuts, [2, 2, 4, 4, 6, 8, 8, 8]);
        assert_eq!(begins(16, 2), 16, "nothing else will do");
    }
}
