//! Does it reason before it answers, and can that be switched off? Reasoning takes time and tokens that a short question
//! is not worth.

use serde_json::{Value, json};
use yabby_core::{ErrorKind, ModelRequest, Text, Thinking, text};
use yabby_wire::{ChatThinking, Dialect};

use super::{
    asking::{Asking, Said, question, refused},
    finding::Judged,
};
use crate::{Endpoint, ServerKind};

/// A way to say that there shall be no reasoning (`wire-facts.md` §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// `chat_template_kwargs: {"enable_thinking": false}`.
    Template,
    /// `reasoning_effort: "none"`.
    Effort,
    /// `reasoning: {"effort": "none"}`, of Responses.
    NestedEffort,
    /// `thinking: {"type": "disabled"}`, of Messages.
    Thinking,
    /// `think: false`, of Ollama's own API. A model that cannot think refuses it.
    Think,
}

pub(super) async fn try_out(asking: &Asking<'_>) -> Judged {
    match asking.ask(sum()).await {
        Ok(said) if said.reasoned => {}
        Ok(_) => return Judged::works(Some(text!("it does not reason"))),
        Err(error) => return refused(&error),
    }
    for switch in switches(asking.kind, asking.dialect()) {
        let mut request = sum();
        let (name, value) = switch.field(asking.extra_body.get("chat_template_kwargs"));
        request.extra_body.insert(name.to_owned(), value);
        match asking.ask(request).await {
            Ok(said) if is_off(&said) => {
                return Judged::works(Some(text!("it reasons, and {field} switches that off", field = name)));
            }
            Ok(_) => {}
            Err(error) if may_be_the_switch(error.kind) => {}
            Err(error) => return refused(&error),
        }
    }
    Judged::partly(text!("it always reasons before it answers"), Some(fix(asking.kind)))
}

fn sum() -> ModelRequest {
    question("What is 17 + 25? Answer with the number alone.", 64)
}

/// With reasoning left out by the server alone there would be nothing but silence.
fn is_off(said: &Said) -> bool {
    !said.reasoned && !said.text.trim().is_empty()
}

/// Whether a server that does not take the switch would say so.
fn may_be_the_switch(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnsupportedField | ErrorKind::UnsupportedFeature | ErrorKind::BadRequest | ErrorKind::Template
    )
}

/// What to try, likeliest first.
fn switches(kind: Option<ServerKind>, dialect: Dialect) -> &'static [Switch] {
    match (dialect, kind) {
        (Dialect::Ollama, _) => &[Switch::Think],
        (Dialect::Responses, _) => &[Switch::NestedEffort],
        (Dialect::Messages, _) => &[Switch::Thinking],
        (Dialect::Chat, Some(ServerKind::Ollama | ServerKind::OpenRouter)) => &[Switch::Effort],
        (Dialect::Chat, Some(ServerKind::LmStudio)) => &[Switch::Effort, Switch::Template],
        (Dialect::Chat, _) => &[Switch::Template, Switch::Effort],
    }
}

/// How a Chat endpoint is told how hard to think: by the likeliest switch. What is hosted and not known has no chat
/// template that it would show.
pub(crate) fn chat_thinking(kind: Option<ServerKind>, is_near: bool) -> ChatThinking {
    match (kind, switches(kind, Dialect::Chat).first()) {
        (Some(ServerKind::OpenRouter), _) => ChatThinking::NestedEffort,
        // It passes on what its upstream takes, and refuses the rest.
        (Some(ServerKind::LiteLlm), _) => ChatThinking::Effort,
        (None, _) if !is_near => ChatThinking::Effort,
        (_, Some(Switch::Template)) => ChatThinking::Template,
        _ => ChatThinking::Effort,
    }
}

/// The fields of a request that may switch reasoning off, with their values, likeliest first. Which of them a model knows
/// shows only in its answer. One that the request has already is not among them.
pub fn reasoning_switches(
    endpoint: &Endpoint,
    model: &str,
    dialect: Dialect,
    request: &ModelRequest,
) -> Vec<(String, Value)> {
    let kind = endpoint.known().and_then(|facts| facts.kind);
    let configured = endpoint.listed_model(model).map(|entry| &entry.params);
    let template = request
        .extra_body
        .get("chat_template_kwargs")
        .or_else(|| configured?.get("chat_template_kwargs"));
    let fields = switches(kind, dialect).iter().map(|switch| switch.field(template));
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    if request.thinking != Some(Thinking::Off) {
        return fields.collect();
    }
    // What was said already has not helped.
    let said = endpoint.body(dialect, model, request);
    let again = |(name, value): &(String, Value)| {
        let mut request = ModelRequest {
            thinking: None,
            ..request.clone()
        };
        request.extra_body.insert(name.clone(), value.clone());
        endpoint.body(dialect, model, &request) == said
    };
    fields.filter(|field| !again(field)).collect()
}

fn fix(kind: Option<ServerKind>) -> Text {
    match kind {
        Some(ServerKind::LlamaCpp) => {
            text!("use a chat template that knows enable_thinking, or start llama-server with --reasoning-budget 0")
        }
        Some(ServerKind::LmStudio) => {
            text!("switch reasoning off where LM Studio shows the model's settings, if the model can do without")
        }
        _ => text!("use a model that can do without: this one does not know enable_thinking or reasoning_effort"),
    }
}

// === impl Switch ===

impl Switch {
    /// The field of the body and its value; other arguments of the chat template stay.
    fn field(self, template: Option<&Value>) -> (&'static str, Value) {
        match self {
            Self::Template => {
                let mut arguments = template.and_then(Value::as_object).cloned().unwrap_or_default();
                arguments.insert("enable_thinking".to_owned(), false.into());
                ("chat_template_kwargs", Value::Object(arguments))
            }
            Self::Effort => ("reasoning_effort", "none".into()),
            Self::NestedEffort => ("reasoning", json!({"effort": "none"})),
            Self::Thinking => ("thinking", json!({"type": "disabled"})),
            Self::Think => ("think", false.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_switch_of_its_dialect() {
        let kinds = [
            None,
            Some(ServerKind::LlamaCpp),
            Some(ServerKind::Vllm),
            Some(ServerKind::LmStudio),
            Some(ServerKind::Ollama),
            Some(ServerKind::SgLang),
            Some(ServerKind::LiteLlm),
            Some(ServerKind::OpenRouter),
        ];
        let chat = kinds.map(|kind| switches(kind, Dialect::Chat));
        let both: &[Switch] = &[Switch::Template, Switch::Effort];
        assert_eq!(
            chat,
            [
                both,
                both,
                both,
                &[Switch::Effort, Switch::Template],
                &[Switch::Effort],
                both,
                both,
                &[Switch::Effort]
            ]
        );
        for kind in kinds {
            assert_eq!(switches(kind, Dialect::Ollama), [Switch::Think]);
            assert_eq!(switches(kind, Dialect::Responses), [Switch::NestedEffort]);
            assert_eq!(switches(kind, Dialect::Messages), [Switch::Thinking]);
        }
    }

    #[test]
    fn who_can_be_switched_off_by_its_template_is_told_there() {
        let near = [
            ServerKind::LlamaCpp,
            ServerKind::Vllm,
            ServerKind::SgLang,
            ServerKind::LmStudio,
            ServerKind::Ollama,
            ServerKind::LiteLlm,
            ServerKind::OpenRouter,
        ];
        assert_eq!(
            near.map(|kind| chat_thinking(Some(kind), true)),
            [
                ChatThinking::Template,
                ChatThinking::Template,
                ChatThinking::Template,
                ChatThinking::Effort,
                ChatThinking::Effort,
                ChatThinking::Effort,
                ChatThinking::NestedEffort,
            ]
        );
        assert_eq!(
            [true, false].map(|near| chat_thinking(None, near)),
            [ChatThinking::Template, ChatThinking::Effort]
        );
    }

    #[test]
    fn what_was_said_already_is_no_switch() {
        let endpoint = Endpoint::loopback("p", 1, crate::EndpointOrigin::Discovered);
        let names = |thinking| {
            let request = ModelRequest {
                thinking,
                ..ModelRequest::default()
            };
            let switches = reasoning_switches(&endpoint, "m", Dialect::Chat, &request);
            switches.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["chat_template_kwargs", "reasoning_effort"]);
        assert_eq!(
            names(Some(Thinking::High)),
            ["chat_template_kwargs", "reasoning_effort"]
        );
        assert_eq!(names(Some(Thinking::Off)), ["reasoning_effort"]);
    }

    #[test]
    fn other_arguments_of_the_template_stay() {
        let configured = json!({"style": "short", "enable_thinking": true});
        assert_eq!(
            Switch::Template.field(Some(&configured)),
            (
                "chat_template_kwargs",
                json!({"style": "short", "enable_thinking": false})
            )
        );
        assert_eq!(
            Switch::Template.field(None),
            ("chat_template_kwargs", json!({"enable_thinking": false}))
        );
    }

    #[test]
    fn silence_is_not_off() {
        let said = |text: &str, reasoned| Said {
            text: text.to_owned(),
            reasoned,
            ..Said::default()
        };
        let all = [said("42", false), said("42", true), said("", true), said(" ", false)];
        assert_eq!(all.map(|said| is_off(&said)), [true, false, false, false]);
    }
}
