//! How hard to think, in the words of each dialect.

use serde_json::{Map, Value, json};
use yabby_core::{Message, ModelRequest, Thinking, ToolChoice};
use yabby_wire::{ChatThinking, Dialect, Quirks, Target, encode};

fn request(thinking: Option<Thinking>) -> ModelRequest {
    ModelRequest {
        system: Some("Be brief.".to_owned()),
        messages: vec![Message::user("Well?")],
        temperature: Some(0.5),
        thinking,
        ..ModelRequest::default()
    }
}

fn body(dialect: Dialect, request: &ModelRequest, quirks: &Quirks) -> Map<String, Value> {
    let target = Target {
        endpoint: "http://s/v1",
        model: "m",
        quirks,
    };
    serde_json::from_slice(&encode(dialect, request, &target).body).unwrap()
}

/// What a level changes in a body.
fn changed(dialect: Dialect, asked: &ModelRequest, quirks: &Quirks) -> Value {
    let before = body(
        dialect,
        &ModelRequest {
            thinking: None,
            ..asked.clone()
        },
        quirks,
    );
    let after = body(dialect, asked, quirks);
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    let new = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let new = new.map(|(name, value)| (name.clone(), value.clone()));
    gone.chain(new).collect::<Map<_, _>>().into()
}

fn shown(dialect: Dialect, quirks: &Quirks) -> String {
    let lines = Thinking::ALL.map(|level| {
        let changed = changed(dialect, &request(Some(level)), quirks);
        format!("{}: {changed}\n", level.name())
    });
    lines.concat()
}

#[test]
fn chat() {
    let ways = [
        ChatThinking::Effort,
        ChatThinking::NestedEffort,
        ChatThinking::Template,
        ChatThinking::Flag,
        ChatThinking::Type,
    ];
    let shown = ways.map(|chat_thinking| {
        let quirks = Quirks {
            chat_thinking,
            ..Quirks::default()
        };
        format!("{chat_thinking:?}\n{}\n", shown(Dialect::Chat, &quirks))
    });
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn other_dialects() {
    let adaptive = Quirks {
        adaptive_thinking: true,
        ..Quirks::default()
    };
    let parts = [
        ("Responses", shown(Dialect::Responses, &Quirks::default())),
        ("Messages, a budget", shown(Dialect::Messages, &Quirks::default())),
        ("Messages, adaptive", shown(Dialect::Messages, &adaptive)),
        ("Ollama", shown(Dialect::Ollama, &Quirks::default())),
    ];
    let parts = parts.map(|(name, shown)| format!("{name}\n{shown}\n"));
    insta::assert_snapshot!(parts.concat());
}

#[test]
fn words_that_all_know() {
    let common = Quirks {
        common_efforts: true,
        adaptive_thinking: true,
        ..Quirks::default()
    };
    let shown = Dialect::ALL.map(|dialect| format!("{}\n{}\n", dialect.name(), shown(dialect, &common)));
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn nothing_is_said_where_it_is_not_taken() {
    let quirks = Quirks {
        no_thinking: true,
        ..Quirks::default()
    };
    for dialect in Dialect::ALL {
        for level in Thinking::ALL {
            assert_eq!(
                changed(dialect, &request(Some(level)), &quirks),
                json!({}),
                "{dialect:?}"
            );
        }
    }
}

#[test]
fn a_budget_leaves_room_for_the_answer() {
    let budget = |most, tool_choice| {
        let request = ModelRequest {
            max_output_tokens: most,
            tool_choice,
            ..request(Some(Thinking::Medium))
        };
        let body = body(Dialect::Messages, &request, &Quirks::default());
        let budget = body.get("thinking").map(|thinking| thinking["budget_tokens"].clone());
        (budget, body["max_tokens"].clone())
    };
    let auto = || ToolChoice::Auto;
    assert_eq!(budget(None, auto()), (Some(json!(8192)), json!(12288)));
    assert_eq!(budget(Some(64_000), auto()), (Some(json!(8192)), json!(64_000)));
    assert_eq!(budget(Some(4000), auto()), (Some(json!(2000)), json!(4000)));
    assert_eq!(budget(Some(2047), auto()), (None, json!(2047)));
    // Anthropic refuses both together.
    assert_eq!(budget(None, ToolChoice::Required), (None, json!(4096)));
}

#[test]
fn what_else_stands_in_the_field_stays() {
    let quirks = Quirks {
        chat_thinking: ChatThinking::Template,
        extra_body: json!({
            "chat_template_kwargs": {"style": "short", "enable_thinking": true},
            "reasoning_effort": "low",
        })
        .as_object()
        .unwrap()
        .clone(),
        ..Quirks::default()
    };
    let off = body(Dialect::Chat, &request(Some(Thinking::Off)), &quirks);
    assert_eq!(
        off["chat_template_kwargs"],
        json!({"style": "short", "enable_thinking": false})
    );
    let high = body(Dialect::Chat, &request(Some(Thinking::High)), &quirks);
    assert_eq!(high["reasoning_effort"], "high");
    // What was refused, or taken out by hand, is not said.
    let without = Quirks {
        extra_body: Map::from_iter([("reasoning_effort".to_owned(), Value::Null)]),
        ..quirks
    };
    let high = body(Dialect::Chat, &request(Some(Thinking::High)), &without);
    assert_eq!(
        (high.get("reasoning_effort"), &high["chat_template_kwargs"]),
        (None, &json!({"enable_thinking": true}))
    );
}

#[test]
fn the_conversation_stays_the_last_field() {
    for dialect in Dialect::ALL {
        let body = body(dialect, &request(Some(Thinking::High)), &Quirks::default());
        let last = body.keys().next_back().map(String::as_str);
        assert!(matches!(last, Some("messages" | "input")), "{dialect:?}: {last:?}");
    }
}
