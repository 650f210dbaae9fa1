//! What is written for clients is what our own decoder reads, and what our own encoder writes is what is parsed.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use yabby_core::{
    EndReason, Image, Message, ModelEvent, ModelRequest, OutputSchema, Progress, Thinking, Tool, ToolCall, ToolChoice,
    Usage,
};
use yabby_wire::{
    BodyKind, Dialect, Expectation, Quirks, Target, WireError,
    clients::{Api, ClientRequest, Meta, StreamEncoder, WholeEncoder},
    encode,
};

use crate::fixtures::decode;

/// Letters, what JSON and event streams escape, and what marks nothing that the decoder takes out of a text. It holds white
/// space back at the beginning, where a mark may follow.
const SAID: &str = "[a-z柯][a-z柯é🐕 \"\\\\\n\r\u{0}\u{1b}\u{2028}:,.]{0,12}";

fn meta(api: Api, reasoning: bool) -> Meta {
    Meta {
        api,
        id: "x_1".to_owned(),
        model: "m".to_owned(),
        created: 1_700_000_000,
        reasoning,
        include_usage: true,
        custom_tools: Vec::new(),
        echo: Map::new(),
    }
}

/// An answer: its pieces of reasoning and text, its calls, its counts and its end.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    pieces: Vec<ModelEvent>,
    calls: Vec<ToolCall>,
    usage: Usage,
    end: Option<EndReason>,
    served_by: Option<String>,
}

/// What events tell, however they are cut; with `folded`, all reasoning stands before all text. The decoder holds text back
/// where it may be a call, and tells of reasoning meanwhile.
fn told(events: &[ModelEvent], folded: bool) -> Told {
    let mut told = Told {
        pieces: Vec::new(),
        calls: Vec::new(),
        usage: Usage::default(),
        end: None,
        served_by: None,
    };
    for event in events {
        match (event, told.pieces.last_mut()) {
            (ModelEvent::Text(more), Some(ModelEvent::Text(text)))
            | (ModelEvent::Reasoning(more), Some(ModelEvent::Reasoning(text))) => text.push_str(more),
            (ModelEvent::Text(_) | ModelEvent::Reasoning(_), _) => told.pieces.push(event.clone()),
            (ModelEvent::ToolCall(call), _) => told.calls.push(call.clone()),
            (ModelEvent::Usage(usage), _) => told.usage = *usage,
            (ModelEvent::End(end), _) => assert_eq!(told.end.replace(*end), None),
            (ModelEvent::ServedBy(model), _) => told.served_by = Some(model.clone()),
            (ModelEvent::Progress(_), _) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    if folded {
        told.pieces.sort_by_key(|piece| matches!(piece, ModelEvent::Text(_)));
        return self::told(&events_of(&told), false);
    }
    told
}

fn events_of(told: &Told) -> Vec<ModelEvent> {
    let mut events = told.pieces.clone();
    events.extend(told.served_by.clone().map(ModelEvent::ServedBy));
    events.extend(told.calls.iter().cloned().map(ModelEvent::ToolCall));
    events.push(ModelEvent::Usage(told.usage));
    events.extend(told.end.map(ModelEvent::End));
    events
}

fn expectation() -> Expectation {
    Expectation {
        tools: vec!["f".to_owned(), "g".to_owned()],
        ..Expectation::default()
    }
}

fn read(api: Api, kind: BodyKind, body: &[u8], cut: usize) -> (Vec<ModelEvent>, Option<WireError>) {
    decode(api.dialect(), kind, &expectation(), body.chunks(cut))
}

fn streamed(api: Api, events: &[ModelEvent], reasoning: bool) -> Vec<u8> {
    let mut encoder = StreamEncoder::new(meta(api, reasoning));
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    out
}

fn whole(api: Api, events: &[ModelEvent], reasoning: bool) -> Vec<u8> {
    let mut encoder = WholeEncoder::new(meta(api, reasoning));
    let end = events.iter().find_map(|event| match event {
        ModelEvent::End(end) => Some(*end),
        _ => None,
    });
    for event in events {
        encoder.event(event);
    }
    encoder.end(end.unwrap(), Usage::default())
}

fn arguments() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        any::<i32>().prop_map(Value::from),
        SAID.prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!({"a": [1, null, {"b": ""}]})),
    ];
    prop::collection::vec(("[a-z]{1,4}", value), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn calls(most: usize) -> impl Strategy<Value = Vec<ToolCall>> {
    let call = ("[fg]", arguments());
    prop::collection::vec(call, 0..most).prop_map(|calls| {
        let numbered = calls.into_iter().enumerate();
        let call = |(at, (name, arguments))| ToolCall {
            id: format!("call_{at}"),
            name,
            arguments,
        };
        numbered.map(call).collect()
    })
}

fn answer() -> impl Strategy<Value = Told> {
    let piece = (any::<bool>(), SAID).prop_map(|(thought, text)| {
        if thought {
            ModelEvent::Reasoning(text)
        } else {
            ModelEvent::Text(text)
        }
    });
    let usage = (1..90_000_u32, 0..1000_u32, 0..1000_u32, 0..1000_u32);
    let pieces = prop::collection::vec(piece, 0..6);
    (pieces, calls(3), usage, 0..3_usize).prop_map(|(pieces, calls, (input, cached, output, reasoning), end)| Told {
        pieces,
        usage: Usage {
            input_tokens: Some(input),
            cached_tokens: Some(cached.min(input)),
            cache_write_tokens: None,
            output_tokens: Some(output),
            reasoning_tokens: Some(reasoning),
            cost: None,
        },
        end: Some(match end {
            0 => EndReason::Length,
            1 if calls.is_empty() => EndReason::Refused,
            _ if calls.is_empty() => EndReason::Stop,
            _ => EndReason::ToolCalls,
        }),
        calls,
        served_by: Some("m".to_owned()),
    })
}

/// What an API has a word for.
fn sayable(api: Api, mut told: Told) -> Told {
    if api == Api::Messages {
        told.usage.cache_write_tokens = Some(0);
    }
    told
}

/// A conversation as it may be sent: people and models take turns, and each call has its result.
fn conversation(images: bool) -> impl Strategy<Value = Vec<Message>> {
    let said = "[a-z柯\"\\\\\n]{0,8}[a-z]";
    let turn = (
        said,
        prop::collection::vec(Just(()), 0..2),
        said,
        any::<bool>(),
        calls(3),
        said,
    );
    prop::collection::vec(turn, 1..4).prop_map(move |turns| {
        let mut messages = Vec::new();
        for (at, (asked, pictures, text, speaks, mut calls, result)) in turns.into_iter().enumerate() {
            let png = Image::new(b"\x89PNG\r\n\x1a\n1").unwrap();
            messages.push(Message::User {
                text: asked,
                images: pictures.iter().filter(|()| images).map(|()| png.clone()).collect(),
            });
            for call in &mut calls {
                call.id = format!("{}_{at}", call.id);
            }
            let speaks = speaks || calls.is_empty();
            messages.push(Message::calling(
                if speaks { text } else { String::new() },
                calls.clone(),
            ));
            messages.extend(calls.iter().map(|call| Message::result(call, result.clone())));
        }
        messages.push(Message::user("And now?"));
        // A user speaks after results, an assistant never twice.
        messages
    })
}

fn request() -> impl Strategy<Value = ModelRequest> {
    let choice = prop::sample::select(vec![
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        ToolChoice::Named("g".to_owned()),
    ]);
    let thinking = prop::option::of(prop::sample::select(vec![
        Thinking::Off,
        Thinking::Minimal,
        Thinking::Low,
        Thinking::Medium,
        Thinking::High,
        Thinking::Xhigh,
        Thinking::Max,
    ]));
    let numbers = (
        prop::option::of(1..9000_u32),
        prop::option::of(0..20_u32),
        any::<bool>(),
    );
    (
        prop::option::of("[a-z柯\n]{0,9}[a-z]"),
        conversation(true),
        any::<bool>(),
        choice,
        thinking,
        numbers,
    )
        .prop_map(
            |(system, messages, tools, choice, thinking, (limit, temperature, schema))| ModelRequest {
                system,
                messages,
                tools: ["f", "g"]
                    .iter()
                    .filter(|_| tools)
                    .map(|name| Tool {
                        name: (*name).to_owned(),
                        description: "Does \"it\"".to_owned(),
                        parameters: json!({"type": "object", "properties": {"a": {"type": "string"}}}),
                    })
                    .collect(),
                tool_choice: if tools { choice } else { ToolChoice::Auto },
                output_schema: schema.then(|| OutputSchema {
                    name: "answer".to_owned(),
                    schema: json!({"type": "object"}),
                }),
                max_output_tokens: limit,
                temperature: temperature.map(|tenths| f64::from(tenths) / 10.0),
                thinking,
                ..ModelRequest::default()
            },
        )
}

fn parsed(dialect: Api, request: &ModelRequest) -> ClientRequest {
    let quirks = Quirks {
        adaptive_thinking: true,
        ..Quirks::default()
    };
    let target = Target {
        endpoint: "http://s/v1",
        model: "a/b",
        quirks: &quirks,
    };
    let body = encode(dialect.dialect(), request, &target).body;
    dialect
        .parse(&body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
}

proptest! {
    #[test]
    fn a_stream_is_read_as_it_was_said(answer in answer(), cut in 1..200_usize) {
        for api in Api::ALL {
            let answer = sayable(api, told(&events_of(&answer), true));
            let body = streamed(api, &events_of(&answer), true);
            let (events, error) = read(api, BodyKind::EventStream, &body, cut);
            prop_assert_eq!(error, None);
            prop_assert_eq!(told(&events, true), answer, "{:?}", api);
        }
    }

    #[test]
    fn a_whole_answer_is_read_as_it_was_said(answer in answer()) {
        for api in Api::ALL {
            let answer = sayable(api, told(&events_of(&answer), true));
            let body = whole(api, &events_of(&answer), true);
            let (events, error) = read(api, BodyKind::Json, &body, body.len());
            prop_assert_eq!(error, None);
            prop_assert_eq!(told(&events, true), answer, "{:?}", api);
        }
    }

    /// Reasoning that nobody has asked for is nowhere in the bytes.
    #[test]
    fn reasoning_is_shown_only_where_it_is_wanted(answer in answer()) {
        let events: Vec<ModelEvent> = events_of(&answer).into_iter().map(|event| match event {
            ModelEvent::Reasoning(_) => ModelEvent::Reasoning("CANARY".to_owned()),
            other => other,
        }).collect();
        for api in Api::ALL {
            for body in [streamed(api, &events, false), whole(api, &events, false)] {
                prop_assert!(!String::from_utf8(body).unwrap().contains("CANARY"));
            }
        }
    }

    /// Progress of any kind, anywhere, changes nothing of what is said, and before the answer it does not begin it.
    #[test]
    fn progress_says_nothing(answer in answer(), at in any::<prop::sample::Index>()) {
        for api in Api::ALL {
            let mut events = events_of(&answer);
            let calm = streamed(api, &events, true);
            let progress = [
                Progress::Alive,
                Progress::Queued { ahead: 2, expected: None },
                Progress::Loading { usual: None },
                Progress::Working { expected: None },
                Progress::Prefill { done: 1, total: 2 },
            ];
            let at = at.index(events.len());
            events.splice(at..at, progress.map(ModelEvent::Progress));
            let lively = streamed(api, &events, true);
            let (events, error) = read(api, BodyKind::EventStream, &lively, lively.len());
            prop_assert_eq!(error, None);
            prop_assert_eq!(told(&events, false), told(&read(api, BodyKind::EventStream, &calm, calm.len()).0, false));
            let reads = ModelEvent::Progress(Progress::Prefill { done: 1, total: 2 });
            prop_assert!(events.contains(&reads));
        }
    }

    #[test]
    fn our_own_requests_are_read(request in request()) {
        for api in Api::ALL {
            let mut request = request.clone();
            if api == Api::Messages {
                // It wants a limit, and takes no temperature or forced call beside thinking; some levels have no word.
                request.max_output_tokens.get_or_insert(4096);
                if request.thinking.is_some_and(|level| level != Thinking::Off) {
                    request.temperature = None;
                    request.tool_choice = ToolChoice::Auto;
                    request.thinking = request.thinking.max(Some(Thinking::Low));
                }
            }
            let read = parsed(api, &request);
            prop_assert_eq!(&read.request, &request, "{:?}", api);
            prop_assert_eq!((read.model.as_deref(), read.stream), (Some("a/b"), true));
            prop_assert_eq!((read.others.len(), read.skipped.len()), (0, 0), "{:?}", read.others);
        }
    }

    /// Whatever comes is read or refused, and what is refused names a field that is there to be found.
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), text in r#"(\{|\}|\[|\]|,|:|"(messages|input|role|user|content|type|text|tools|image_url|system)"|1|null){0,40}"#) {
        for api in Api::ALL {
            for body in [&bytes, text.as_bytes()] {
                if let Err(error) = api.parse(body) {
                    prop_assert!(!error.problem.is_empty());
                }
            }
        }
    }
}

/// The decoder reads nothing of Ollama here.
#[test]
fn each_api_is_a_dialect() {
    assert_eq!(
        Api::ALL.map(Api::dialect),
        [Dialect::Chat, Dialect::Responses, Dialect::Messages]
    );
}
