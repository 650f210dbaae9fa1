//! Is an answer held to a JSON Schema? The question says nothing of the form, so that only the schema can give it.

use serde_json::{Value, json};
use yabby_core::{ModelRequest, OutputSchema, Text, text};
use yabby_wire::Dialect;

use super::{
    asking::{Asking, Said, only_thought, question, refused},
    finding::Judged,
};
use crate::ServerKind;

/// Values that can be no longer than a word: a small model would write a string for ever.
fn sky() -> Value {
    json!({
        "type": "object",
        "properties": {
            "colour": {"type": "string", "enum": ["blue", "grey", "black"]},
            "stars": {"type": "boolean"},
        },
        "required": ["colour", "stars"],
        "additionalProperties": false,
    })
}

pub(super) async fn try_out(asking: &Asking<'_>) -> Judged {
    let request = ModelRequest {
        output_schema: Some(OutputSchema {
            name: "sky".to_owned(),
            schema: sky(),
        }),
        ..question("What does the sky look like on a clear day?", 64)
    };
    match asking.ask_with_room(request).await {
        Ok(said) => judge(&said, asking.kind, asking.dialect()),
        Err(error) => Judged {
            fix: error.hint.clone().or_else(|| Some(fix(asking.kind, asking.dialect()))),
            ..refused(&error)
        },
    }
}

fn judge(said: &Said, kind: Option<ServerKind>, dialect: Dialect) -> Judged {
    if fits(&said.text) {
        return Judged::works(None);
    }
    if said.only_thought() {
        return Judged::skipped(only_thought());
    }
    Judged::fails(
        text!("the schema was taken and the answer does not follow it"),
        Some(fix(kind, dialect)),
    )
}

fn fits(text: &str) -> bool {
    let Ok(Value::Object(said)) = serde_json::from_str(text.trim()) else {
        return false;
    };
    let colour = said.get("colour").and_then(Value::as_str);
    said.len() == 2
        && colour.is_some_and(|colour| ["blue", "grey", "black"].contains(&colour))
        && said.get("stars").is_some_and(Value::is_boolean)
}

fn fix(kind: Option<ServerKind>, dialect: Dialect) -> Text {
    match (kind, dialect) {
        // `wire-facts.md` §6.2, §7.3: in Chat alone.
        (
            Some(ServerKind::LlamaCpp | ServerKind::LmStudio | ServerKind::LiteLlm),
            Dialect::Responses | Dialect::Messages,
        ) => {
            text!("set api to openai-completions: this server holds answers to a schema in no other API")
        }
        (Some(ServerKind::Ollama), Dialect::Responses | Dialect::Messages) => {
            text!("set api to ollama: its own API holds answers to a schema in `format`")
        }
        (Some(kind), _) => text!(
            "update {server}: older ones take a schema and forget it",
            server = kind.name()
        ),
        (None, _) => text!("use a server that knows response_format with json_schema, such as llama.cpp or vLLM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Outcome;

    #[test]
    fn only_the_whole_form_will_do() {
        for (text, expected) in [
            (r#"{"colour": "blue", "stars": false}"#, Outcome::Works),
            ("\n{\"stars\":true,\"colour\":\"black\"} ", Outcome::Works),
            (r#"{"colour": "green", "stars": false}"#, Outcome::Fails),
            (r#"{"colour": "blue", "stars": "no"}"#, Outcome::Fails),
            (r#"{"colour": "blue", "stars": false, "x": 1}"#, Outcome::Fails),
            (r#"{"colour": "blue"}"#, Outcome::Fails),
            ("```json\n{\"colour\": \"blue\", \"stars\": false}\n```", Outcome::Fails),
            (r#"{"colour": "blue", "st"#, Outcome::Fails),
            ("It is blue.", Outcome::Fails),
            ("", Outcome::Fails),
        ] {
            let said = Said {
                text: text.to_owned(),
                ..Said::default()
            };
            for dialect in Dialect::ALL {
                for kind in [None, Some(ServerKind::LlamaCpp), Some(ServerKind::Ollama)] {
                    let judged = judge(&said, kind, dialect);
                    let found = (judged.verdict.outcome(), judged.fix.is_some());
                    assert_eq!(found, (expected, expected == Outcome::Fails), "{text}");
                }
            }
        }
        let thought = Said {
            reasoned: true,
            ..Said::default()
        };
        assert_eq!(judge(&thought, None, Dialect::Chat).verdict.outcome(), Outcome::Skipped);
    }
}
