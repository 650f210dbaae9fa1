//! Does it see? It is shown a picture of one colour, where somebody says that it takes pictures.

use yabby_core::{Image, Message, ModelRequest, Text, text};

use super::{
    asking::{Asking, Said, only_thought, question, refused},
    finding::Judged,
};
use crate::ServerKind;

/// 64 by 64 points of one red: some models refuse smaller ones.
const RED: &[u8] = include_bytes!("red.png");

/// What of an answer is shown, in characters.
const SHOWN: usize = 40;

pub(super) async fn try_out(asking: &Asking<'_>) -> Judged {
    let request = ModelRequest {
        messages: vec![Message::User {
            text: "What colour is this picture? Answer with one word.".to_owned(),
            images: Image::new(RED).into_iter().collect(),
        }],
        ..question("", 64)
    };
    match asking.ask_with_room(request).await {
        Ok(said) => judge(&said, asking.kind, asking.model),
        Err(error) => refused(&error).with_fix(Some(fix(asking.kind, asking.model))),
    }
}

fn judge(said: &Said, kind: Option<ServerKind>, model: &str) -> Judged {
    let words = said.text.to_lowercase();
    if words
        .split(|letter: char| !letter.is_alphabetic())
        .any(|word| word == "red")
        || words.contains('紅')
    {
        return Judged::works(None);
    }
    if said.only_thought() {
        return Judged::skipped(only_thought());
    }
    let shown: String = said.text.trim().chars().take(SHOWN).collect();
    Judged::partly(
        text!("a red picture was taken, and the answer was: {answer}", answer = shown),
        Some(fix(kind, model)),
    )
}

fn fix(kind: Option<ServerKind>, model: &str) -> Text {
    match kind {
        Some(ServerKind::LlamaCpp) => {
            text!("start llama-server with --mmproj FILE, the projector that belongs to the model")
        }
        Some(ServerKind::LmStudio) => text!("load a model with vision in LM Studio"),
        Some(ServerKind::Ollama) => text!(
            "use a model with the capability vision; `ollama show {model}` lists what this one has",
            model = model
        ),
        _ => text!("serve a model that takes pictures, or take image out of models[].input in the config"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Outcome;

    #[test]
    fn the_colour_tells() {
        assert!(Image::new(RED).is_some());
        for (text, expected) in [
            ("Red", Outcome::Works),
            ("**red**.", Outcome::Works),
            ("這是紅色", Outcome::Works),
            ("It is rendered in blue.", Outcome::Partly),
            ("I cannot see pictures.", Outcome::Partly),
            ("", Outcome::Partly),
        ] {
            let said = Said {
                text: text.to_owned(),
                ..Said::default()
            };
            for kind in [
                None,
                Some(ServerKind::LlamaCpp),
                Some(ServerKind::LmStudio),
                Some(ServerKind::Ollama),
            ] {
                let judged = judge(&said, kind, "m");
                let found = (judged.verdict.outcome(), judged.fix.is_some());
                assert_eq!(found, (expected, expected != Outcome::Works), "{text}");
            }
        }
    }
}
