//! Requests of clients, read.

use serde_json::{Map, Value, json};
use yabby_core::{
    Image, Message, ModelRequest, Opaque, OpaqueSource, OutputSchema, PromptCache, Thinking, Tool, ToolCall, ToolChoice,
};
use yabby_wire::clients::{Api, ClientRequest, Items, Sampling, item_references};

pub(super) fn parse(api: Api, body: &Value) -> ClientRequest {
    api.parse(body.to_string().as_bytes()).unwrap()
}

const PNG: &str = "iVBORw0KGgo=";

fn png() -> Image {
    Image::new(b"\x89PNG\r\n\x1a\n").unwrap()
}

fn call(id: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        arguments: Map::from_iter([("city".to_owned(), "Rome".into())]),
    }
}

fn tool() -> Tool {
    Tool {
        name: "weather".to_owned(),
        description: "Of a city".to_owned(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
    }
}

fn kept(data: Value) -> Opaque {
    Opaque {
        from: OpaqueSource {
            endpoint: String::new(),
            model: String::new(),
        },
        data,
    }
}

fn user(text: &str, images: Vec<Image>) -> Message {
    Message::User {
        text: text.to_owned(),
        images,
    }
}

#[test]
fn chat() {
    let read = parse(
        Api::Chat,
        &json!({
            "model": "yabby/main", "stream": true, "stream_options": {"include_usage": true}, "n": 1,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
                {"role": "user", "content": [{"type": "text", "text": "What is"}, "this?",
                    {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}"), "detail": "low"}}]},
                {"role": "assistant", "content": null, "reasoning_content": "Hm.", "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}},
                    {"id": "b", "type": "function", "function": {"name": "weather", "arguments": "{not json"}}]},
                {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "18"}, {"type": "text", "text": "C"}]},
                {"role": "tool", "tool_call_id": "b", "content": "no"},
                {"role": "system", "content": "Hurry."},
                {"role": "assistant", "content": [{"type": "text", "text": "18 "}, {"type": "text", "text": "C"}]},
            ],
            "tools": [{"type": "function", "function": {"name": "weather", "description": "Of a city", "strict": true,
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": false, "max_tokens": 5, "max_completion_tokens": 7, "temperature": 0,
            "top_p": 0.5, "stop": "END", "seed": 4, "reasoning_effort": "high",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}},
            "user": "u", "store": true, "metadata": {"k": "v"}, "logit_bias": null, "verbosity": "low",
        }),
    );
    let mut broken = call("b");
    broken.arguments = Map::new();
    let expected = ClientRequest {
        api: Api::Chat,
        model: Some("yabby/main".to_owned()),
        request: ModelRequest {
            system: Some("Be brief.\n\nBe kind.".to_owned()),
            messages: vec![
                user("What is\n\nthis?", vec![png()]),
                Message::Assistant {
                    text: String::new(),
                    tool_calls: vec![call("a"), broken.clone()],
                    opaque: vec![kept(json!({"reasoning_content": "Hm."}))],
                },
                Message::result(&call("a"), "18\nC"),
                Message::result(&broken, "no"),
                user("<system>\nHurry.\n</system>", Vec::new()),
                Message::assistant("18 C"),
            ],
            tools: vec![tool()],
            tool_choice: ToolChoice::Named("weather".to_owned()),
            output_schema: Some(OutputSchema {
                name: "n".to_owned(),
                schema: json!({"type": "object"}),
            }),
            max_output_tokens: Some(7),
            temperature: Some(0.0),
            thinking: Some(Thinking::High),
            ..ModelRequest::default()
        },
        stream: true,
        include_usage: true,
        wants_reasoning: None,
        parallel_tool_calls: Some(false),
        json_object: false,
        strict_tools: true,
        custom_tools: Vec::new(),
        sampling: Sampling {
            top_p: Some(0.5),
            stop: vec!["END".to_owned()],
            seed: Some(4),
            ..Sampling::default()
        },
        user: Some("u".to_owned()),
        metadata: Map::from_iter([("k".to_owned(), "v".into())]),
        store: Some(true),
        previous_response_id: None,
        background: false,
        skipped: Vec::new(),
        others: Map::from_iter([("verbosity".to_owned(), "low".into())]),
    };
    assert_eq!(read, expected);
}

/// With what codex and Vercel's AI SDK send: developer messages, reasoning, custom tools, references.
#[test]
fn responses() {
    let body = json!({
        "model": "yabby", "instructions": "Be brief.", "stream": true, "store": false, "previous_response_id": "resp_0",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]},
            {"role": "user", "content": [{"type": "input_text", "text": "See"},
                {"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}"), "detail": "auto"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{\"city\":\"Rome\"}"},
            {"type": "custom_tool_call", "call_id": "p", "name": "patch", "input": "*** Begin"},
            {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "18 C"},
                {"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}]},
            {"type": "custom_tool_call_output", "call_id": "p", "output": "done"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "item_reference", "id": "msg_9"},
        ],
        "tools": [
            {"type": "web_search"},
            {"type": "function", "name": "weather", "description": "Of a city", "strict": false,
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
            {"type": "custom", "name": "patch", "description": "Changes files",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [
            {"type": "function", "name": "weather"}, {"type": "custom", "name": "patch"}, {"type": "web_search"}]},
        "reasoning": {"effort": "none", "summary": "auto"}, "text": {"format": {"type": "text"}, "verbosity": "low"},
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
    })
    .to_string();
    assert_eq!(item_references(body.as_bytes()), ["msg_9"]);
    let known =
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Earlier."}]});
    let read = Api::Responses.parse_with(body.as_bytes(), &mut Items::from([("msg_9".to_owned(), known)]));
    let read = read.unwrap();
    let patch = ToolCall {
        id: "p".to_owned(),
        name: "patch".to_owned(),
        arguments: Map::from_iter([("input".to_owned(), "*** Begin".into())]),
    };
    let mut expected = ClientRequest {
        model: Some("yabby".to_owned()),
        request: ModelRequest {
            system: Some("Be brief.\n\nBe kind.".to_owned()),
            messages: vec![
                user("See", vec![png()]),
                Message::Assistant {
                    text: "I look.".to_owned(),
                    tool_calls: vec![call("a"), patch.clone()],
                    opaque: vec![kept(
                        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}),
                    )],
                },
                Message::result(&call("a"), "18 C"),
                Message::result(&patch, "done"),
                user("", vec![png()]),
                Message::assistant("Earlier."),
            ],
            tools: vec![
                tool(),
                Tool {
                    name: "patch".to_owned(),
                    description: "Changes files".to_owned(),
                    parameters: json!({
                        "type": "object",
                        "properties": {"input": {
                            "type": "string", "description": "Text that this grammar accepts:\nstart: X",
                        }},
                        "required": ["input"],
                        "additionalProperties": false,
                    }),
                },
            ],
            tool_choice: ToolChoice::Required,
            thinking: Some(Thinking::Off),
            ..ModelRequest::default()
        },
        stream: true,
        custom_tools: vec!["patch".to_owned()],
        store: Some(false),
        previous_response_id: Some("resp_0".to_owned()),
        skipped: vec![
            "input[9] (web_search_call)".to_owned(),
            "tools[0] (web_search)".to_owned(),
        ],
        wants_reasoning: Some(false),
        others: read.others.clone(),
        ..parse(Api::Responses, &json!({"input": ""}))
    };
    assert_eq!(read, expected);
    assert_eq!(
        Value::Object(read.others),
        json!({"text": {"verbosity": "low"}, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k"})
    );
    let source = OpaqueSource {
        endpoint: "http://s/v1".to_owned(),
        model: "m".to_owned(),
    };
    expected.made_by(&source);
    let sources = expected.request.messages.iter().flat_map(|message| match message {
        Message::Assistant { opaque, .. } => opaque.as_slice(),
        _ => &[],
    });
    assert_eq!(sources.map(|part| &part.from).collect::<Vec<_>>(), [&source]);
}

/// Codex tells in this way what nobody has called for (github.com/openai/codex/issues/42088, 44723).
#[test]
fn an_output_without_a_call_is_told_in_the_users_voice() {
    let read = parse(
        Api::Responses,
        &json!({"input": [
            {"role": "user", "content": "Wait."},
            {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{\"city\":\"Rome\"}"},
            {"type": "function_call_output", "call_id": "a", "output": "18 C"},
            {"type": "function_call_output", "id": "fco_1", "name": "automation_update", "namespace": "codex_app",
                "output": [{"type": "input_text", "text": "<heartbeat/>"},
                    {"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}]},
            {"type": "custom_tool_call_output", "call_id": "", "name": "patch", "output": "done"},
        ]}),
    );
    assert_eq!(
        read.request.messages,
        [
            user("Wait.", Vec::new()),
            Message::calling("", vec![call("a")]),
            Message::result(&call("a"), "18 C"),
            user(
                "<output of=\"automation_update\">\n<heartbeat/>\n</output>",
                vec![png()]
            ),
            user("<output of=\"patch\">\ndone\n</output>", Vec::new()),
        ]
    );
}

#[test]
fn messages() {
    let mark = json!({"type": "ephemeral"});
    let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let read = parse(
        Api::Messages,
        &json!({
            "model": "claude", "max_tokens": 9, "stop_sequences": ["END"], "top_k": 3,
            "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind.", "cache_control": mark}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "See"}, picture,
                    {"type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                    {"type": "thinking", "thinking": "Nobody's.", "signature": ""},
                    {"type": "redacted_thinking", "data": "xyz"},
                    {"type": "text", "text": "I "}, {"type": "text", "text": "look."},
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                    {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Rome"}}]},
                {"role": "user", "content": [
                    {"type": "text", "text": "Well?"},
                    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "18 C"}, picture]}]},
                {"role": "assistant", "content": "Warm"},
            ],
            "tools": [{"type": "web_search_20250305", "name": "web_search"},
                {"name": "weather", "description": "Of a city",
                    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
            "thinking": {"type": "enabled", "budget_tokens": 10000}, "metadata": {"user_id": "u"},
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}, "service_tier": "auto",
        }),
    );
    let expected = ClientRequest {
        model: Some("claude".to_owned()),
        request: ModelRequest {
            system: Some("Be brief.\n\nBe kind.".to_owned()),
            messages: vec![
                user("See\n\nNotes\n\nx", vec![png()]),
                Message::Assistant {
                    text: "I look.".to_owned(),
                    tool_calls: vec![call("a")],
                    opaque: vec![
                        kept(json!({"type": "thinking", "thinking": "Hm.", "signature": "sig"})),
                        kept(json!({"type": "redacted_thinking", "data": "xyz"})),
                    ],
                },
                Message::result(&call("a"), "18 C"),
                user("", vec![png()]),
                user("Well?", Vec::new()),
                Message::assistant("Warm"),
            ],
            tools: vec![tool()],
            output_schema: Some(OutputSchema {
                name: "answer".to_owned(),
                schema: json!({"type": "object"}),
            }),
            max_output_tokens: Some(9),
            thinking: Some(Thinking::Medium),
            prompt_cache: Some(PromptCache::Short),
            ..ModelRequest::default()
        },
        wants_reasoning: Some(true),
        parallel_tool_calls: Some(false),
        sampling: Sampling {
            top_k: Some(3),
            stop: vec!["END".to_owned()],
            ..Sampling::default()
        },
        user: Some("u".to_owned()),
        skipped: vec![
            "messages[1].content[5] (server_tool_use)".to_owned(),
            "tools[0] (web_search_20250305)".to_owned(),
        ],
        others: Map::from_iter([("service_tier".to_owned(), "auto".into())]),
        ..parse(Api::Messages, &json!({"messages": [{"role": "user", "content": ""}]}))
    };
    assert_eq!(read, expected);
}

fn recorded(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clients");
    std::fs::read(folder.join(format!("{name}.req.json"))).unwrap()
}

/// The same conversation in three APIs, as Vercel's AI SDK sends it, is the same request. In Responses it names what it has
/// got before, and makes a JSON string of the text for a tool that takes text.
#[test]
fn one_client_says_the_same_in_each_api() {
    let chat = Api::Chat.parse(&recorded("ai_sdk_chat")).unwrap();
    let mut messages = Api::Messages.parse(&recorded("ai_sdk_messages")).unwrap();
    assert_eq!(messages.request, chat.request);
    messages.api = Api::Chat;
    messages.include_usage = false;
    assert_eq!(messages, chat);

    let body = recorded("ai_sdk_responses");
    let known = [
        ("rs_1_0", json!({"type": "reasoning", "id": "rs_1_0", "summary": []})),
        (
            "msg_1_1",
            json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look it \"up\".\n"}]}),
        ),
    ];
    assert_eq!(item_references(&body), known.clone().map(|(id, _)| id));
    let mut known = known.map(|(id, item)| (id.to_owned(), item)).into();
    let mut responses = Api::Responses.parse_with(&body, &mut known).unwrap();
    for message in &mut responses.request.messages {
        if let Message::Assistant { tool_calls, .. } = message {
            for call in tool_calls.iter_mut().filter(|call| call.name == "patch") {
                assert_eq!(call.arguments, Map::new());
                call.arguments.insert("input".to_owned(), "*** Begin\n".into());
            }
        }
    }
    assert_eq!(responses.request, chat.request);
    assert_eq!(chat.request.messages.len(), 6);
}

#[test]
fn a_type_is_asked_for_in_both_apis_of_openai() {
    let chat = Api::Chat.parse(&recorded("openai_python_parse_chat")).unwrap();
    let responses = Api::Responses
        .parse(&recorded("openai_python_parse_responses"))
        .unwrap();
    let output = chat.request.output_schema.unwrap();
    assert_eq!(output.name, "Person");
    assert_eq!(Some(output), responses.request.output_schema);
    assert_eq!(chat.request.system.as_deref(), Some("Invent."));
    assert_eq!(
        (responses.request.thinking, responses.wants_reasoning),
        (Some(Thinking::Low), Some(true))
    );
}
