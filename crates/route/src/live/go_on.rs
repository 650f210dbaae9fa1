//! How a model is asked to go on with an answer that another one, or itself, has begun.

use serde_json::Value;
use yabby_core::{ErrorKind, Message, ModelError, ModelRequest, Phase, Thinking};
use yabby_servers::ServerKind;
use yabby_wire::Dialect;

/// What a model is told that does not go on from words that are put into its mouth.
const GO_ON: &str = "Your last answer was cut off by a lost connection. Go on exactly where it ended, in the same language and \
                     form. Write only what comes next; repeat nothing, explain nothing.";

/// Puts what was said so far behind the conversation. Whether the model goes on from its last letter.
///
/// llama.cpp, vLLM, SGLang and Ollama take an assistant's message at the end for the beginning of their answer
/// (`wire-facts.md` §5.5; vLLM and SGLang want to be told). Anthropic does for models that take prefills, and refuses it for
/// others, which the ladder learns. Everybody else takes it for a finished answer, and is asked to go on.
pub(super) fn go_on(
    request: &mut ModelRequest,
    said: &str,
    dialect: Dialect,
    kind: Option<ServerKind>,
    takes_its_words: bool,
) -> bool {
    let told = matches!(kind, Some(ServerKind::Vllm | ServerKind::SgLang)) && dialect == Dialect::Chat;
    let by_itself = match dialect {
        Dialect::Chat => kind == Some(ServerKind::LlamaCpp),
        Dialect::Ollama | Dialect::Messages => true,
        Dialect::Responses => false,
    };
    let prefills = takes_its_words && (told || by_itself);
    // Anthropic refuses white space at the end; the seam puts it back.
    let said = if prefills { said.trim_end() } else { said };
    request.messages.push(Message::assistant(said));
    if !prefills {
        request.messages.push(Message::user(GO_ON));
        return false;
    }
    if request.thinking != Some(Thinking::Off) {
        // Thoughts would come before the words that are put there; llama.cpp and Anthropic refuse both together.
        request.thinking = None;
    }
    if told {
        for (name, value) in [("continue_final_message", true), ("add_generation_prompt", false)] {
            request.extra_body.insert(name.to_owned(), Value::Bool(value));
        }
    }
    true
}

/// Whether the error is that of a server that has no `/v1/responses`.
pub fn has_no_responses(dialect: Dialect, error: &ModelError) -> bool {
    dialect == Dialect::Responses && error.kind == ErrorKind::NotAnApi && error.phase < Phase::Streaming
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_its_own_words_gets_them_last() {
        let cases = [
            (Dialect::Chat, Some(ServerKind::LlamaCpp), true, true),
            (Dialect::Chat, Some(ServerKind::LlamaCpp), false, false),
            (Dialect::Chat, Some(ServerKind::Vllm), true, true),
            (Dialect::Chat, Some(ServerKind::LmStudio), true, false),
            (Dialect::Chat, None, true, false),
            (Dialect::Messages, None, true, true),
            (Dialect::Messages, None, false, false),
            (Dialect::Ollama, Some(ServerKind::Ollama), true, true),
            (Dialect::Responses, Some(ServerKind::Vllm), true, false),
        ];
        for (dialect, kind, takes, exact) in cases {
            let mut request = ModelRequest {
                messages: vec![Message::user("Hello?")],
                ..ModelRequest::default()
            };
            assert_eq!(
                go_on(&mut request, "Hi, I ", dialect, kind, takes),
                exact,
                "{dialect:?} {kind:?}"
            );
            let said = if exact { "Hi, I" } else { "Hi, I " };
            assert_eq!(request.messages.get(1), Some(&Message::assistant(said)));
            assert_eq!(request.messages.len(), if exact { 2 } else { 3 });
            let told = request.extra_body.contains_key("continue_final_message");
            assert_eq!(told, exact && kind == Some(ServerKind::Vllm));
        }
    }
}
