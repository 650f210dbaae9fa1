//! Does it call a tool, and who reads the call? A question is asked that only the tool can answer.
//!
//! At most four times, until it is known: with the server's own fields, first left free and then required, and with the
//! answer held to a schema, which works with any model (`ToolMode::Constrained`), free and required too. The mode that
//! works best is the result; a call that only Yabby can read out of the text is one that another model may write in a
//! way that nobody reads.

use serde_json::json;
use yabby_core::{ModelError, ModelRequest, Text, Tool, ToolChoice, ToolMode, text};

use super::{
    asking::{Asking, Said, only_thought, question},
    finding::Judged,
};
use crate::ServerKind;

const TOOL: &str = "get_weather";
const PARAMETER: &str = "city";

/// One way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Free,
    Required,
    Constrained,
    ConstrainedRequired,
}

/// What came of one way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    /// A call that can be run, read by the server, or in the form that the schema gives it.
    Call,
    /// One that stood in the text.
    InText,
    /// One that cannot be run.
    Malformed,
    /// None, and nothing else: the model was still reasoning.
    Thought,
    /// None.
    Nothing,
    /// The server refused the request.
    Refused(Text, Option<Text>),
}

/// With the mode in which tools are best offered, where the model called one.
pub(super) async fn try_out(asking: &Asking<'_>) -> (Judged, Option<ToolMode>) {
    let mut seen = Vec::new();
    while let Some(way) = next(&seen, asking.kind) {
        let came = match asking.ask_with_room(request(way)).await {
            Ok(said) => came(&said, way),
            Err(error) => Came::refused(&error),
        };
        seen.push((way, came));
    }
    judge(&seen, asking.kind, asking.model)
}

fn request(way: Way) -> ModelRequest {
    let (mode, choice) = match way {
        Way::Free => (ToolMode::Native, ToolChoice::Auto),
        Way::Required => (ToolMode::Native, ToolChoice::Required),
        Way::Constrained => (ToolMode::Constrained, ToolChoice::Auto),
        Way::ConstrainedRequired => (ToolMode::Constrained, ToolChoice::Required),
    };
    ModelRequest {
        tools: vec![Tool {
            name: TOOL.to_owned(),
            description: "The weather in a city".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {PARAMETER: {"type": "string", "description": "The city"}},
                "required": [PARAMETER],
            }),
        }],
        tool_choice: choice,
        tool_mode: Some(mode),
        ..question("What is the weather in Paris?", 96)
    }
}

fn came(said: &Said, way: Way) -> Came {
    let native = matches!(way, Way::Free | Way::Required);
    let right = |call: &yabby_core::ToolCall| call.name == TOOL && call.arguments.contains_key(PARAMETER);
    match &said.calls {
        calls if calls.iter().any(right) && native && said.called_in_text => Came::InText,
        calls if calls.iter().any(right) => Came::Call,
        _ if said.malformed > 0 => Came::Malformed,
        _ if said.only_thought() => Came::Thought,
        _ => Came::Nothing,
    }
}

/// What to try after what was seen.
fn next(seen: &[(Way, Came)], kind: Option<ServerKind>) -> Option<Way> {
    let usable = || seen.iter().any(|(_, came)| matches!(came, Came::Call | Came::InText));
    match seen.last() {
        None => Some(Way::Free),
        Some((Way::Free, Came::Call) | (Way::ConstrainedRequired, _)) => None,
        // A call that is in the text once is there when it must be, too; and one that is forced says nothing of one
        // that is not.
        Some((Way::Free, Came::InText) | (Way::Required, _)) => Some(Way::Constrained),
        // There is no `tool_choice` (`wire-facts.md` §7.4).
        Some((Way::Free, _)) if kind == Some(ServerKind::Ollama) => Some(Way::Constrained),
        Some((Way::Free, _)) => Some(Way::Required),
        Some((Way::Constrained, _)) => (!usable()).then_some(Way::ConstrainedRequired),
    }
}

fn of(seen: &[(Way, Came)], way: Way) -> Option<&Came> {
    seen.iter().find(|(other, _)| *other == way).map(|(_, came)| came)
}

fn judge(seen: &[(Way, Came)], kind: Option<ServerKind>, model: &str) -> (Judged, Option<ToolMode>) {
    let called = |way| of(seen, way) == Some(&Came::Call);
    let in_text = seen.iter().any(|(_, came)| *came == Came::InText);
    let fix = Some(fix(kind, model));
    if called(Way::Free) {
        return (Judged::works(Some(text!("native"))), Some(ToolMode::Native));
    }
    let mode = if called(Way::Constrained) {
        ToolMode::Constrained
    } else if in_text || called(Way::Required) {
        ToolMode::Native
    } else {
        ToolMode::Constrained
    };
    let words = if in_text {
        text!("only as text, which Yabby reads")
    } else if called(Way::Constrained) {
        text!("only with the answer held to a schema, in the mode constrained")
    } else if called(Way::Required) {
        text!("only when it must call one")
    } else if called(Way::ConstrainedRequired) {
        text!("only when it must call one, with the answer held to a schema")
    } else {
        return (nothing(seen, fix), None);
    };
    (Judged::partly(words, fix), Some(mode))
}

fn nothing(seen: &[(Way, Came)], fix: Option<Text>) -> Judged {
    let refused = seen.iter().find_map(|(_, came)| match came {
        Came::Refused(words, hint) => Some((words.clone(), hint.clone())),
        _ => None,
    });
    // A server that refuses every way has another trouble than tools.
    let all_refused = seen.iter().all(|(_, came)| matches!(came, Came::Refused(..)));
    match refused {
        Some((words, hint)) if all_refused => Judged::fails(words, hint.or(fix)),
        Some((words, _)) => Judged::fails(words, fix),
        None if seen.iter().any(|(_, came)| *came == Came::Malformed) => {
            Judged::fails(text!("its calls do not fit the tool"), fix)
        }
        None if seen.iter().any(|(_, came)| *came == Came::Thought) => Judged::skipped(only_thought()),
        None => Judged::fails(text!("it called no tool, however it was asked"), fix),
    }
}

/// What would make the server read the calls itself.
fn fix(kind: Option<ServerKind>, model: &str) -> Text {
    match kind {
        Some(ServerKind::LlamaCpp) => text!(
            "start llama-server with --jinja and a model whose chat template knows tools: see chat_template_caps in /props"
        ),
        Some(ServerKind::Vllm) => {
            text!("start vLLM with --enable-auto-tool-choice and the --tool-call-parser for this model")
        }
        Some(ServerKind::SgLang) => text!("start SGLang with the --tool-call-parser for this model"),
        Some(ServerKind::LmStudio) => text!("load a model in LM Studio that is trained for tool use"),
        Some(ServerKind::Ollama) => text!(
            "use a model with the capability tools; `ollama show {model}` lists what this one has",
            model = model
        ),
        Some(ServerKind::LiteLlm) => text!("let the server behind LiteLLM read tool calls: LiteLLM passes them on"),
        Some(ServerKind::OpenRouter) => text!("choose a model with tools among its supported_parameters"),
        None => text!("use a model that is trained for tools, on a server that reads its calls"),
    }
}

// === impl Came ===

impl Came {
    fn refused(error: &ModelError) -> Self {
        Self::Refused(error.message.clone(), error.hint.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use yabby_core::ToolCall;

    use super::*;
    use crate::capability::Outcome;

    fn said(name: &str, parameter: &str, called_in_text: bool) -> Said {
        Said {
            calls: vec![ToolCall {
                id: "call_1".to_owned(),
                name: name.to_owned(),
                arguments: Map::from_iter([(parameter.to_owned(), "Paris".into())]),
            }],
            called_in_text,
            ..Said::default()
        }
    }

    #[test]
    fn what_came() {
        let malformed = Said {
            malformed: 1,
            ..Said::default()
        };
        let thought = Said {
            reasoned: true,
            ..Said::default()
        };
        for (said, native, constrained) in [
            (said(TOOL, PARAMETER, false), Came::Call, Came::Call),
            // In the constrained mode it is the form that was asked for.
            (said(TOOL, PARAMETER, true), Came::InText, Came::Call),
            (said("other", PARAMETER, false), Came::Nothing, Came::Nothing),
            (said(TOOL, "town", false), Came::Nothing, Came::Nothing),
            (malformed, Came::Malformed, Came::Malformed),
            (thought, Came::Thought, Came::Thought),
            (Said::default(), Came::Nothing, Came::Nothing),
        ] {
            assert_eq!(
                (came(&said, Way::Free), came(&said, Way::Required)),
                (native.clone(), native)
            );
            assert_eq!(
                (came(&said, Way::Constrained), came(&said, Way::ConstrainedRequired)),
                (constrained.clone(), constrained)
            );
        }
    }

    /// The ways that are gone when this comes of each, and what is said in the end.
    fn walk(kind: Option<ServerKind>, answers: &[Came; 4]) -> (Vec<Way>, Outcome, Option<ToolMode>, bool) {
        let ways = [Way::Free, Way::Required, Way::Constrained, Way::ConstrainedRequired];
        let mut seen = Vec::new();
        while let Some(way) = next(&seen, kind) {
            assert_eq!(of(&seen, way), None, "asked twice");
            let place = ways.iter().position(|other| *other == way).unwrap();
            seen.push((way, answers[place].clone()));
        }
        let (judged, mode) = judge(&seen, kind, "m");
        let gone = seen.iter().map(|(way, _)| *way).collect();
        (gone, judged.verdict.outcome(), mode, judged.fix.is_some())
    }

    #[test]
    fn the_ways_and_the_best_mode() {
        use Came::{Call, InText, Malformed, Nothing, Thought};
        use Way::{Constrained, ConstrainedRequired, Free, Required};
        let refused = || Came::Refused(text!("no"), None);
        let (vllm, ollama) = (Some(ServerKind::Vllm), Some(ServerKind::Ollama));
        let native = Some(ToolMode::Native);
        let constrained = Some(ToolMode::Constrained);
        let all = vec![Free, Required, Constrained, ConstrainedRequired];
        for (kind, answers, gone, outcome, mode) in [
            (
                vllm,
                [Call, Nothing, Nothing, Nothing],
                vec![Free],
                Outcome::Works,
                native,
            ),
            (
                vllm,
                [InText, Call, Call, Call],
                vec![Free, Constrained],
                Outcome::Partly,
                constrained,
            ),
            (
                vllm,
                [InText, Call, Nothing, Call],
                vec![Free, Constrained],
                Outcome::Partly,
                native,
            ),
            (
                vllm,
                [Nothing, Call, Nothing, Nothing],
                vec![Free, Required, Constrained],
                Outcome::Partly,
                native,
            ),
            (
                vllm,
                [Nothing, Call, Call, Nothing],
                vec![Free, Required, Constrained],
                Outcome::Partly,
                constrained,
            ),
            (
                vllm,
                [Malformed, InText, Nothing, Call],
                vec![Free, Required, Constrained],
                Outcome::Partly,
                native,
            ),
            (
                vllm,
                [Nothing, Nothing, Call, Nothing],
                vec![Free, Required, Constrained],
                Outcome::Partly,
                constrained,
            ),
            (
                vllm,
                [Malformed, InText, Call, Nothing],
                vec![Free, Required, Constrained],
                Outcome::Partly,
                constrained,
            ),
            (
                vllm,
                [refused(), Nothing, Nothing, Call],
                all.clone(),
                Outcome::Partly,
                constrained,
            ),
            (
                vllm,
                [Nothing, Nothing, Nothing, Nothing],
                all.clone(),
                Outcome::Fails,
                None,
            ),
            (
                vllm,
                [refused(), refused(), refused(), refused()],
                all.clone(),
                Outcome::Fails,
                None,
            ),
            (
                vllm,
                [Malformed, Malformed, Nothing, Malformed],
                all.clone(),
                Outcome::Fails,
                None,
            ),
            (
                vllm,
                [Nothing, Thought, Nothing, Thought],
                all.clone(),
                Outcome::Skipped,
                None,
            ),
            (
                ollama,
                [InText, Call, Call, Call],
                vec![Free, Constrained],
                Outcome::Partly,
                constrained,
            ),
            (
                ollama,
                [Nothing, Call, Call, Nothing],
                vec![Free, Constrained],
                Outcome::Partly,
                constrained,
            ),
            (
                ollama,
                [Nothing, Call, Nothing, Nothing],
                vec![Free, Constrained, ConstrainedRequired],
                Outcome::Fails,
                None,
            ),
        ] {
            let found = walk(kind, &answers);
            let mended = matches!(outcome, Outcome::Partly | Outcome::Fails);
            assert_eq!(found, (gone, outcome, mode, mended), "{answers:?}");
        }
    }

    #[test]
    fn a_server_that_refuses_everything_says_why() {
        let refused = |way| (way, Came::Refused(text!("no key"), Some(text!("set a key"))));
        let seen = [refused(Way::Free), refused(Way::Required)];
        let (judged, mode) = judge(&seen, Some(ServerKind::Vllm), "m");
        assert_eq!(
            (judged, mode),
            (Judged::fails(text!("no key"), Some(text!("set a key"))), None)
        );
        let seen = [refused(Way::Free), (Way::Constrained, Came::Nothing)];
        let (judged, _) = judge(&seen, Some(ServerKind::Vllm), "m");
        assert_eq!(
            judged,
            Judged::fails(text!("no key"), Some(fix(Some(ServerKind::Vllm), "m")))
        );
    }
}
