//! Steps come to an end, and what was learned stays.

use super::*;

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
