mod end;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use yabby_core::{
    ErrorDetails, ErrorKind, Image, Message, Phase, PromptCache, Refused, Text, Thinking, ToolCall, ToolChoice, text,
};

use super::*;

fn words() -> Text {
    text!("the server refused the request")
}

fn error(kind: ErrorKind, details: ErrorDetails) -> ModelError {
    ModelError::new(kind, Phase::Head, "http://s/v1", words()).with_details(details)
}

fn field(path: &str) -> ErrorDetails {
    ErrorDetails {
        field: Some(path.to_owned()),
        ..ErrorDetails::default()
    }
}

fn refused(part: Refused) -> ErrorDetails {
    ErrorDetails {
        refused: Some(part),
        ..ErrorDetails::default()
    }
}

fn plain() -> ErrorDetails {
    ErrorDetails::default()
}

/// A request that has everything.
fn request() -> ModelRequest {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^x$", "maxLength": 9}}}),
    };
    let call = ToolCall {
        id: "c".to_owned(),
        name: "f".to_owned(),
        arguments: Map::new(),
    };
    ModelRequest {
        system: Some("Be brief.".to_owned()),
        messages: vec![
            Message::User {
                text: "hi".to_owned(),
                images: Image::new(b"\x89PNG\r\n\x1a\n").into_iter().collect(),
            },
            Message::calling("", vec![call.clone()]),
            Message::result(&call, "1"),
            Message::assistant("So"),
        ],
        tools: vec![tool("f"), tool("g")],
        max_output_tokens: Some(9),
        temperature: Some(0.5),
        extra_body: [("verbosity", json!("low")), ("think", json!(true))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        ..ModelRequest::default()
    }
}

fn quirks(request: &ModelRequest, learned: &Learned) -> Quirks {
    let mut quirks = Quirks {
        include_usage: true,
        strict_tools: true,
        prompt_cache: PromptCache::Short,
        encrypted_reasoning: true,
        extra_body: request.extra_body.clone(),
        ..Quirks::default()
    };
    learned.apply(&mut quirks);
    quirks
}

fn next(dialect: Dialect, error: &ModelError, request: &ModelRequest, learned: &Learned) -> Option<Step> {
    let quirks = quirks(request, learned);
    let target = Target {
        endpoint: "",
        model: "m",
        quirks: &quirks,
    };
    next_step(error, dialect, request, &target, learned)
}

/// All steps that follow when nothing helps.
fn all_the_way(dialect: Dialect, error: &ModelError, request: &ModelRequest) -> Vec<Step> {
    let mut learned = Learned::default();
    while let Some(step) = next(dialect, error, request, &learned) {
        learned.add(step);
        assert!(learned.steps().len() < 20, "{learned:?}");
    }
    learned.steps().to_vec()
}

fn dropped(name: &str) -> Step {
    Step::DropField(name.to_owned())
}

#[test]
fn one_case_a_row() {
    use Dialect::{Chat, Messages, Ollama, Responses};
    use ErrorKind as E;
    let quarantined = |place: usize| Step::quarantine(&request().tools[place]);
    let named = ErrorDetails {
        tool: Some("g".to_owned()),
        ..ErrorDetails::default()
    };
    let schemas = || vec![Step::PortableSchemas, Step::BareSchemas];
    let without_tool_modes: Vec<(Dialect, E, ErrorDetails, Vec<Step>)> = vec![
        (
            Chat,
            E::UnsupportedField,
            field("max_tokens"),
            vec![Step::MaxCompletionTokens],
        ),
        (Messages, E::UnsupportedField, field("max_tokens"), vec![]),
        (
            Chat,
            E::UnsupportedField,
            field("tools[0].function.strict"),
            vec![Step::NoStrict],
        ),
        (
            Chat,
            E::UnsupportedField,
            field("tools.0.custom.strict"),
            vec![Step::NoStrict],
        ),
        (Responses, E::UnsupportedField, field("strict"), vec![Step::NoStrict]),
        (
            Messages,
            E::UnsupportedField,
            field("system.0.cache_control"),
            vec![Step::NoPromptCache],
        ),
        (
            Chat,
            E::UnsupportedField,
            field("cache_control"),
            vec![Step::NoPromptCache],
        ),
        (
            Chat,
            E::BadRequest,
            field("messages[0].role"),
            vec![Step::FoldSystem, Step::ToolsAsText],
        ),
        (
            Chat,
            E::BadRequest,
            field("messages.0.content"),
            vec![Step::StringContent],
        ),
        (
            Chat,
            E::UnsupportedField,
            field("stream_options.include_usage"),
            vec![dropped("stream_options")],
        ),
        (
            Chat,
            E::UnsupportedField,
            field("verbosity"),
            vec![dropped("verbosity")],
        ),
        (
            Responses,
            E::UnsupportedField,
            field("include"),
            vec![dropped("include")],
        ),
        // Not there, or needed.
        (Responses, E::UnsupportedField, field("store"), vec![]),
        (Ollama, E::UnsupportedField, field("truncate"), vec![]),
        (Chat, E::UnsupportedField, field("store"), vec![]),
        (Chat, E::UnsupportedField, field("model"), vec![]),
        (Chat, E::UnsupportedField, plain(), vec![]),
        // A value that is wrong is the person's to know.
        (Chat, E::BadRequest, field("temperature"), vec![]),
        (
            Chat,
            E::Grammar,
            plain(),
            [schemas(), vec![Step::FindRefusedTools]].concat(),
        ),
        (
            Chat,
            E::Grammar,
            named,
            [schemas(), vec![quarantined(1), Step::FindRefusedTools]].concat(),
        ),
        (
            Chat,
            E::Grammar,
            field("tools[0].function.parameters"),
            [schemas(), vec![quarantined(0), quarantined(1)]].concat(),
        ),
        (
            Chat,
            E::Template,
            refused(Refused::CallIds),
            vec![
                Step::ShortCallIds,
                Step::ToolsAsText,
                Step::FoldSystem,
                Step::EndWithUser,
            ],
        ),
        (
            Chat,
            E::Template,
            refused(Refused::Prefill),
            vec![Step::EndWithUser, Step::ToolsAsText, Step::FoldSystem],
        ),
        (
            Chat,
            E::Template,
            refused(Refused::SystemRole),
            vec![Step::FoldSystem, Step::ToolsAsText, Step::EndWithUser],
        ),
        (
            Chat,
            E::Template,
            refused(Refused::Alternation),
            vec![Step::ToolsAsText, Step::FoldSystem, Step::EndWithUser],
        ),
        (Chat, E::UnsupportedFeature, refused(Refused::Images), vec![]),
        (Chat, E::UnsupportedFeature, plain(), vec![]),
        (
            Ollama,
            E::UnsupportedFeature,
            refused(Refused::Thinking),
            vec![dropped("think")],
        ),
        (Chat, E::ContextOverflow, field("max_tokens"), vec![]),
        (Chat, E::Server, plain(), vec![]),
    ];
    for (dialect, kind, details, expected) in without_tool_modes {
        let error = error(kind, details);
        assert_eq!(all_the_way(dialect, &error, &request()), expected, "{error:?}");
    }
}

/// The steps for a request that says how hard to think.
fn thinking_steps(dialect: Dialect, level: Thinking, kind: ErrorKind, details: ErrorDetails) -> Vec<Step> {
    let request = ModelRequest {
        messages: vec![Message::user("hi")],
        thinking: Some(level),
        ..ModelRequest::default()
    };
    all_the_way(dialect, &error(kind, details), &request)
}

#[test]
fn how_hard_to_think_is_said_otherwise_and_then_not_at_all() {
    use Dialect::{Chat, Messages, Ollama, Responses};
    use ErrorKind as E;
    let gone = vec![Step::NoThinking];
    let worded = vec![Step::CommonEfforts, Step::NoThinking];
    let cases = [
        (
            Chat,
            Thinking::High,
            E::UnsupportedField,
            field("reasoning_effort"),
            gone.clone(),
        ),
        (
            Chat,
            Thinking::Minimal,
            E::UnsupportedField,
            field("reasoning_effort"),
            worded.clone(),
        ),
        (
            Chat,
            Thinking::Off,
            E::BadRequest,
            field("reasoning_effort"),
            worded.clone(),
        ),
        (
            Responses,
            Thinking::Max,
            E::UnsupportedField,
            field("reasoning.effort"),
            worded,
        ),
        (
            Messages,
            Thinking::High,
            E::BadRequest,
            plain(),
            vec![Step::AdaptiveThinking, Step::NoThinking],
        ),
        (
            Ollama,
            Thinking::Off,
            E::UnsupportedFeature,
            refused(Refused::Thinking),
            gone.clone(),
        ),
        // Nobody says what it is: better an answer without.
        (Chat, Thinking::High, E::BadRequest, plain(), gone),
        // It is something else.
        (Chat, Thinking::High, E::BadRequest, field("temperature"), vec![]),
        (Chat, Thinking::Adaptive, E::BadRequest, plain(), vec![]),
    ];
    for (dialect, level, kind, details, expected) in cases {
        let found = thinking_steps(dialect, level, kind, details.clone());
        assert_eq!(found, expected, "{dialect:?} {level:?} {kind:?} {details:?}");
    }
}

#[test]
fn a_form_of_thinking_that_was_refused_is_not_tried_again() {
    let mut learned = Learned::default();
    learned.add(Step::AdaptiveThinking);
    let request = ModelRequest {
        messages: vec![Message::user("hi")],
        thinking: Some(Thinking::High),
        ..ModelRequest::default()
    };
    let error = error(ErrorKind::BadRequest, plain());
    assert_eq!(
        next(Dialect::Messages, &error, &request, &learned),
        Some(Step::NoThinking)
    );
}

#[test]
fn what_cannot_be_offered_natively_is_offered_another_way() {
    for (kind, details) in [
        (ErrorKind::ToolParser, plain()),
        (ErrorKind::UnsupportedFeature, refused(Refused::Tools)),
        (ErrorKind::UnsupportedField, field("tools")),
    ] {
        let error = error(kind, details);
        let steps = all_the_way(Dialect::Chat, &error, &request());
        // Whether the second changes anything is for the encoder to say.
        assert_eq!(steps[0], Step::ConstrainedTools, "{steps:?}");
        assert!(steps.len() == 1 || steps[1] == Step::TextTools, "{steps:?}");
        let without = ModelRequest {
            tools: Vec::new(),
            ..request()
        };
        assert_eq!(all_the_way(Dialect::Chat, &error, &without), []);
        let asked_for = ModelRequest {
            tool_mode: Some(ToolMode::Native),
            ..request()
        };
        assert_eq!(all_the_way(Dialect::Chat, &error, &asked_for), []);
    }
    let mut learned = Learned::default();
    learned.add(Step::ConstrainedTools);
    assert_eq!(quirks(&request(), &learned).tool_mode, ToolMode::Constrained);
    learned.add(Step::TextTools);
    assert_eq!(quirks(&request(), &learned).tool_mode, ToolMode::Text);
}

/// As long as the answer is not held to tools, what holds it is a field like others.
#[test]
fn a_refused_constraint() {
    let error = error(ErrorKind::UnsupportedField, field("response_format"));
    let row = |mode| {
        let quirks = Quirks {
            tool_mode: mode,
            ..Quirks::default()
        };
        let fits = table::TABLE.iter().find(|row| row.fits(&error, &quirks)).unwrap();
        matches!(fits.take, Take::Fixed(Step::TextTools))
    };
    assert!(row(ToolMode::Constrained) && !row(ToolMode::Native));
}
