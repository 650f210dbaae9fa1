//! Questions to counters, whole, and what recorded counters answered.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use yabby_core::{Image, Message, ModelRequest, OutputSchema, Tool, ToolCall, ToolMode};
use yabby_wire::{Count, CountRequest, Dialect, Quirks, Target, TokenCounter, encode, encode_count, read_count};

const COUNTERS: [TokenCounter; 3] = [
    TokenCounter::InputTokens,
    TokenCounter::CountTokens,
    TokenCounter::Tokenize,
];

fn asked(counter: TokenCounter, dialect: Dialect, request: &ModelRequest, quirks: &Quirks) -> Option<CountRequest> {
    let target = Target {
        endpoint: "http://s/v1",
        model: "smollm2",
        quirks,
    };
    encode_count(counter, dialect, request, &target)
}

fn body(asked: &CountRequest) -> Value {
    serde_json::from_slice(&asked.encoded.body).unwrap()
}

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/counting");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The status and the count of a recorded answer.
fn recorded(name: &str) -> (u16, Option<Count>) {
    let text = file(&format!("{name}.txt"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.lines().find_map(|line| line.strip_prefix("HTTP/1.1 ")).unwrap();
    (status[..3].parse().unwrap(), read_count(body.as_bytes()))
}

fn everything() -> ModelRequest {
    let call = ToolCall {
        id: "a".into(),
        name: "look".into(),
        arguments: Map::from_iter([("at".into(), "sea".into())]),
    };
    ModelRequest {
        system: Some("Be brief.".into()),
        messages: vec![
            Message::User {
                text: "What is this?".into(),
                images: vec![Image::new(b"\x89PNG\r\n\x1a\n").unwrap()],
            },
            Message::calling("", vec![call.clone()]),
            Message::result(&call, "waves"),
        ],
        tools: vec![Tool {
            name: "look".into(),
            description: "Looks".into(),
            parameters: json!({"type": "object", "properties": {"at": {"type": "string"}}}),
        }],
        output_schema: Some(OutputSchema {
            name: "o".into(),
            schema: json!({"type": "object"}),
        }),
        max_output_tokens: Some(48),
        temperature: Some(0.0),
        extra_body: Map::from_iter([
            ("seed".into(), 1.into()),
            ("chat_template_kwargs".into(), json!({"enable_thinking": false})),
        ]),
        ..ModelRequest::default()
    }
}

fn quirks(request: &ModelRequest) -> Quirks {
    Quirks {
        include_usage: true,
        prefill_progress: true,
        encrypted_reasoning: true,
        extra_body: request.extra_body.clone(),
        ..Quirks::default()
    }
}

/// The recorded questions ask for the same prompt as ours: apart from fields that are no part of it, and from a content
/// that may be a string or one part.
#[test]
fn llama_counts_what_was_recorded() {
    let request = ModelRequest {
        messages: vec![Message::user("Say hi in five words.")],
        max_output_tokens: Some(48),
        temperature: Some(0.0),
        ..ModelRequest::default()
    };
    for (dialect, name, path) in [
        (Dialect::Chat, "llama_chat", "/chat/completions/input_tokens"),
        (Dialect::Responses, "llama_resp", "/responses/input_tokens"),
        (Dialect::Messages, "llama_msgs", "/messages/count_tokens"),
    ] {
        let asked = asked(TokenCounter::InputTokens, dialect, &request, &Quirks::default()).unwrap();
        assert!(file(&format!("{name}.txt")).starts_with(&format!("# POST /v1{path} ")));
        assert_eq!(
            (asked.encoded.path, asked.dialect, asked.at_root, asked.same_prompt),
            (path, dialect, false, true)
        );
        let mut recorded: Value = serde_json::from_str(&file(&format!("{name}.req.json"))).unwrap();
        let fields = recorded.as_object_mut().unwrap();
        fields.retain(|name, _| !["max_tokens", "max_output_tokens", "temperature"].contains(&name.as_str()));
        let text = "Say hi in five words.";
        match dialect {
            Dialect::Responses => fields["input"] = json!([{"role": "user", "content": text}]),
            Dialect::Messages => fields["messages"][0]["content"] = json!([{"type": "text", "text": text}]),
            _ => {}
        }
        assert_eq!(body(&asked), recorded);
    }
}

/// What counts is what is sent, in the same order; the rest is left out.
#[test]
fn every_part_of_the_prompt_is_counted() {
    let request = everything();
    let quirks = quirks(&request);
    let target = Target {
        endpoint: "http://s/v1",
        model: "smollm2",
        quirks: &quirks,
    };
    let left_out = [
        "stream",
        "stream_options",
        "return_progress",
        "max_tokens",
        "max_output_tokens",
        "temperature",
        "seed",
        "store",
        "include",
    ];
    for dialect in [Dialect::Chat, Dialect::Responses, Dialect::Messages] {
        let sent = encode(dialect, &request, &target);
        let mut prompt: Value = serde_json::from_slice(&sent.body).unwrap();
        let fields = prompt.as_object_mut().unwrap();
        fields.retain(|name, _| !left_out.contains(&name.as_str()));
        let asked = asked(TokenCounter::InputTokens, dialect, &request, &quirks).unwrap();
        // As text: the order of the fields is part of what a template may write.
        assert_eq!(body(&asked).to_string(), prompt.to_string());
        assert_eq!(asked.encoded.headers, sent.headers);
        assert!(prompt.get("chat_template_kwargs").is_some() && prompt.get("tools").is_some());
    }
}

#[test]
fn tokenize_reads_a_chat_at_the_root() {
    let request = everything();
    let asked = asked(TokenCounter::Tokenize, Dialect::Chat, &request, &quirks(&request)).unwrap();
    assert_eq!(
        (
            asked.encoded.path,
            asked.encoded.headers.len(),
            asked.at_root,
            asked.same_prompt
        ),
        ("/tokenize", 0, true, true)
    );
    let parameters = json!({"type": "object", "properties": {"at": {"type": "string"}}});
    assert_eq!(
        body(&asked),
        json!({
            "model": "smollm2",
            "tools": [{"type": "function", "function": {
                "name": "look", "description": "Looks", "parameters": parameters,
            }}],
            "chat_template_kwargs": {"enable_thinking": false},
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                    {"type": "text", "text": "What is this?"},
                ]},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"sea\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "a", "content": "waves"},
            ],
            "add_generation_prompt": true,
        })
    );
}

/// A counter of another dialect sees the conversation in another form, and Ollama has none.
#[test]
fn which_counter_sees_the_same_prompt() {
    use Dialect::{Chat, Messages, Ollama, Responses};
    use TokenCounter::{CountTokens, InputTokens, Tokenize};
    let request = everything();
    let mut found = Vec::new();
    for counter in COUNTERS {
        for dialect in Dialect::ALL {
            let asked = asked(counter, dialect, &request, &Quirks::default());
            found.push((
                counter,
                dialect,
                asked.map(|asked| (asked.encoded.path, asked.dialect, asked.same_prompt)),
            ));
        }
    }
    let beside_messages = |same| Some(("/messages/count_tokens", Messages, same));
    assert_eq!(
        found,
        [
            (InputTokens, Chat, Some(("/chat/completions/input_tokens", Chat, true))),
            (
                InputTokens,
                Responses,
                Some(("/responses/input_tokens", Responses, true))
            ),
            (InputTokens, Messages, beside_messages(true)),
            (InputTokens, Ollama, None),
            (CountTokens, Chat, beside_messages(false)),
            (CountTokens, Responses, beside_messages(false)),
            (CountTokens, Messages, beside_messages(true)),
            (CountTokens, Ollama, None),
            (Tokenize, Chat, Some(("/tokenize", Chat, true))),
            (Tokenize, Responses, Some(("/tokenize", Chat, false))),
            (Tokenize, Messages, beside_messages(true)),
            (Tokenize, Ollama, None),
        ]
    );
}

/// Tools that are described in the system prompt are counted there.
#[test]
fn a_request_is_counted_in_its_tool_mode() {
    let request = everything();
    let quirks = Quirks {
        tool_mode: ToolMode::Text,
        ..Quirks::default()
    };
    for counter in COUNTERS {
        let body = body(&asked(counter, Dialect::Chat, &request, &quirks).unwrap());
        assert!(
            body.get("tools").is_none() && body.to_string().contains("look"),
            "{body}"
        );
    }
}

#[test]
fn what_counters_answered() {
    let counted = |tokens| Some(Count { tokens, exact: true });
    let answers = [
        ("llama_chat", (200, counted(36))),
        ("llama_resp", (200, counted(36))),
        ("llama_msgs", (200, counted(36))),
        ("litellm_chat", (404, None)),
        ("litellm_resp", (200, counted(36))),
        ("litellm_msgs", (200, counted(36))),
        ("vllm_chat", (404, None)),
        ("vllm_resp", (405, None)),
        ("vllm_msgs", (200, counted(36))),
        ("vllm_tokenize", (200, counted(7))),
    ];
    for (name, answer) in answers {
        assert_eq!(recorded(name), answer, "{name}");
    }
}

#[test]
fn what_is_no_count() {
    let exact = |body: &str| read_count(body.as_bytes()).map(|count| (count.tokens, count.exact));
    let source = |name: &str| format!(r#"{{"input_tokens":9,"litellm_count_source":"{name}"}}"#);
    assert_eq!(exact(&source("provider")), Some((9, true)));
    assert_eq!(exact(&source("local_estimate")), Some((9, false)));
    assert_eq!(exact(&source("token_count_model")), Some((9, false)));
    for body in [
        "",
        "{}",
        "[]",
        "no",
        r#"{"input_tokens":0}"#,
        r#"{"input_tokens":-3}"#,
        r#"{"input_tokens":"36"}"#,
        r#"{"tokens":[1,2]}"#,
        r#"{"error":{"message":"no"}}"#,
    ] {
        assert_eq!(exact(body), None, "{body}");
    }
}
