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

#[test]
fn a_name_that_was_learned_is_not_changed_back_and_forth() {
    let mut learned = Learned::default();
    let refuse = |name: &str| error(ErrorKind::UnsupportedField, field(name));
    for (name, step) in [
        ("max_tokens", Step::MaxCompletionTokens),
        ("max_completion_tokens", Step::MaxTokens),
        ("max_tokens", dropped("max_tokens")),
    ] {
        assert_eq!(
            next(Dialect::Chat, &refuse(name), &request(), &learned),
            Some(step.clone())
        );
        learned.add(step);
    }
    assert_eq!(next(Dialect::Chat, &refuse("max_tokens"), &request(), &learned), None);
}

#[test]
fn what_was_learned_is_in_the_next_request() {
    let mut learned = Learned::default();
    for step in [dropped("verbosity"), dropped("temperature"), Step::NoPromptCache] {
        learned.add(step.clone());
        learned.add(step);
    }
    assert_eq!(learned.steps().len(), 3);
    let quirks = quirks(&request(), &learned);
    let target = Target {
        endpoint: "",
        model: "m",
        quirks: &quirks,
    };
    let body: Value = serde_json::from_slice(&encode(Dialect::Chat, &request(), &target).body).unwrap();
    for name in ["verbosity", "temperature", "cache_control"] {
        assert_eq!(body.get(name), None, "{body}");
    }
    assert_eq!(body["think"], true);
}

fn some_error() -> impl Strategy<Value = ModelError> {
    use ErrorKind as E;
    let kinds = [
        E::UnsupportedField,
        E::BadRequest,
        E::Grammar,
        E::Template,
        E::UnsupportedFeature,
        E::ToolParser,
        E::ContextOverflow,
        E::Server,
    ];
    let fields = [
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "tools",
        "tools[1].function.parameters",
        "tools.0.strict",
        "store",
        "include",
        "verbosity",
        "messages[0].role",
        "messages.1.content",
        "response_format",
        "options",
        "truncate",
        "[",
        "",
    ];
    let parts = [
        Refused::Tools,
        Refused::Images,
        Refused::Thinking,
        Refused::SystemRole,
        Refused::Alternation,
        Refused::NoQuestion,
        Refused::Prefill,
    ];
    (
        prop::sample::select(kinds.to_vec()),
        prop::option::of(prop::sample::select(fields.to_vec())),
        prop::option::of(prop::sample::select(vec!["f", "g", "x"])),
        prop::option::of(prop::sample::select(parts.to_vec())),
    )
        .prop_map(|(kind, field, tool, refused)| {
            error(
                kind,
                ErrorDetails {
                    field: field.map(str::to_owned),
                    tool: tool.map(str::to_owned),
                    refused,
                    ..ErrorDetails::default()
                },
            )
        })
}

proptest! {
    /// Whatever a server answers: each step is new and changes the request, and there are few of them.
    #[test]
    fn every_sequence_of_errors_ends(errors in prop::collection::vec(some_error(), 1..60)) {
        for dialect in Dialect::ALL {
            let request = request();
            let mut learned = Learned::default();
            let body = |learned: &Learned| {
                let quirks = quirks(&request, learned);
                encode(dialect, &request, &Target { endpoint: "", model: "m", quirks: &quirks }).body
            };
            let mut seen = vec![body(&learned)];
            for error in &errors {
                if let Some(step) = next(dialect, error, &request, &learned) {
                    prop_assert!(!learned.has(&step));
                    let asks = step == Step::FindRefusedTools;
                    learned.add(step);
                    let now = body(&learned);
                    prop_assert!(asks || seen.last() != Some(&now));
                    seen.push(now);
                }
            }
            prop_assert!(learned.steps().len() <= 25, "{learned:?}");
        }
    }
}

/// Without it a prompt could go where its owner does not want it: the candidate fails instead.
#[test]
fn a_routing_object_is_never_dropped() {
    let mut request = request();
    request.extra_body.insert("provider".to_owned(), json!({"zdr": true}));
    let quirks = Quirks {
        extra_body: request.extra_body.clone(),
        ..Quirks::default()
    };
    let target = Target {
        endpoint: "http://s/v1",
        model: "m",
        quirks: &quirks,
    };
    for path in ["provider", "provider.zdr", "provider[0]"] {
        let error = error(ErrorKind::UnsupportedField, field(path));
        let step = next_step(&error, Dialect::Chat, &request, &target, &Learned::default());
        assert_eq!(step, None, "{path}");
    }
}

/// A server that was found not to take `tool_choice` must not be offered tools that may not be called.
#[test]
fn a_choice_that_cannot_be_said_is_made() {
    let mut request = request();
    request.messages.truncate(1);
    let mut learned = Learned::default();
    learned.add(Step::DropField("tool_choice".to_owned()));
    let sent = |request: &ModelRequest| {
        let mut quirks = Quirks::default();
        learned.apply(&mut quirks);
        let target = Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks: &quirks,
        };
        String::from_utf8(encode(Dialect::Chat, request, &target).body).unwrap()
    };
    request.tool_choice = ToolChoice::None;
    assert!(!sent(&request).contains("\"tools\""));
    request.tool_choice = ToolChoice::Auto;
    assert!(sent(&request).contains("\"tools\""));
}
