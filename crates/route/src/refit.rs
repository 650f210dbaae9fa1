//! A conversation made to fit a smaller window.

use yabby_core::{Message, ModelRequest};

/// Makes a conversation fit. Whoever owns it knows best what may go; [`DropOldest`] is for those who do not care.
pub trait Refit: Send + Sync {
    /// The same request, smaller; `fits` says whether it is small enough. `None` when it cannot be made to fit. What the
    /// person said last is never left out.
    fn refit(&self, request: &ModelRequest, fits: &dyn Fn(&ModelRequest) -> bool) -> Option<ModelRequest>;
}

/// Leaves out the oldest exchanges, whole ones: each begins with what the person said.
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
        // The fewest that must go; each look counts tokens, so that not every place is looked at.
        let place = starts.partition_point(|start| !fits(&from(*start)));
        starts.get(place).map(|start| from(*start))
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
}
