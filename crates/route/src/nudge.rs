//! Asking again after an answer without a word: the same request would be answered the same, where nothing is left to chance.

use yabby_core::{ErrorKind, Message, ModelRequest};

/// What the model is told, as if the person had said it.
const NUDGE: &str = "[The last answer was empty. Answer now.]";
/// A model that is colder than this says the same again.
const COLD: f64 = 0.3;
/// How warm it is then.
const WARM: f64 = 0.7;

/// Changes a request that is made again after an error: one that was answered with nothing has a word about it at its end, so
/// that all before it is still in the server's cache.
pub(crate) fn again(request: &mut ModelRequest, error: ErrorKind) {
    if error != ErrorKind::Empty {
        return;
    }
    match request.messages.last_mut() {
        Some(Message::User { text, .. }) => {
            text.push_str("\n\n");
            text.push_str(NUDGE);
        }
        _ => request.messages.push(Message::user(NUDGE)),
    }
    request.temperature = request
        .temperature
        .map(|temperature| if temperature < COLD { WARM } else { temperature });
}

#[cfg(test)]
mod tests {
    use yabby_core::ToolCall;

    use super::*;

    #[test]
    fn a_request_differs_at_its_end_and_is_not_cold() {
        let asked = |messages: Vec<Message>, temperature| ModelRequest {
            messages,
            temperature,
            ..ModelRequest::default()
        };
        let call = ToolCall {
            id: "c".to_owned(),
            name: "look".to_owned(),
            arguments: serde_json::Map::new(),
        };
        let called = vec![
            Message::user("Look."),
            Message::calling("", vec![call.clone()]),
            Message::result(&call, "Seen."),
        ];
        let after = |error, mut request: ModelRequest| {
            again(&mut request, error);
            request
        };
        let hello = asked(vec![Message::user("Hello.")], Some(0.0));
        assert_eq!(after(ErrorKind::Interrupted, hello.clone()), hello);
        assert_eq!(
            after(ErrorKind::Empty, hello),
            asked(vec![Message::user(format!("Hello.\n\n{NUDGE}"))], Some(WARM))
        );
        assert_eq!(
            after(ErrorKind::Empty, asked(called.clone(), None)),
            asked([called, vec![Message::user(NUDGE)]].concat(), None)
        );
    }
}
