//! What is said of servers that can and cannot.

use super::*;

/// What the model of a good server says to all tests in their order. Answers that overlap come slowly.
fn good(server: &ModelServer) {
    server.chat("Paris.");
    server.chat(script![text("1,"), text(" 2"), text(" 3"), usage(20, 30)]);
    server.chat(script![tool_call("c1", "get_weather", CALL)]);
    server.chat(r#"{"colour": "blue", "stars": false}"#);
    server.chat("Red.");
    server.chat(script![reasoning("17 and 25 is"), text("42")]);
    server.chat("42");
    for _ in 0..2 {
        server.chat(script![text("1,"), sleep_ms(700), text(" 2")]);
    }
    server.chat(script![sleep_ms(300), text("Drawer"), usage_cached(400, 5, 10)]);
    server.chat(script![text("Screws"), usage_cached(404, 5, 380)]);
}

#[tokio::test]
async fn a_server_that_can_do_everything() {
    let server = played(Played::LlamaCpp { window: 4096, slots: 2 }).await;
    good(&server);
    let endpoint = configured(&server, "openai-completions", "{id: 'm1', input: ['text', 'image']}");
    let result = tried(&endpoint, &Capability::ALL, LONG).await;
    assert_eq!(
        lines(&result),
        [
            "Works Answer",
            "Works Stream: 3 pieces, then token counts",
            "Works Tools: native",
            "Works JsonSchema",
            "Works Image",
            "Works Reasoning: it reasons, and chat_template_kwargs switches that off",
            "Works Parallel",
            "Works PrefixCache: 380 of 404 tokens came from the cache",
        ]
    );
    assert_eq!(
        (
            result.server,
            result.version.as_deref(),
            result.tool_mode,
            result.outcome()
        ),
        (
            Some(ServerKind::LlamaCpp),
            Some("b11669"),
            Some(ToolMode::Native),
            Outcome::Works
        )
    );
    // 390 tokens that were not in the cache, in 300 ms and whatever the machine needed beside.
    assert!(
        result.prefill.is_some_and(|speed| speed > 1.0 && speed <= 1300.0),
        "{result:?}"
    );
    let calls = server.model_calls();
    assert_eq!(calls.len(), 11);
    for call in &calls {
        let most = call.body["max_tokens"].as_u64().unwrap();
        assert!(most <= 256 && call.body["temperature"] == 0.0, "{}", call.body);
    }
    let has = |at: usize, field: &str| calls[at].body.get(field).is_some();
    assert_eq!(
        (
            has(0, "stream"),
            has(1, "stream"),
            has(2, "tools"),
            has(3, "response_format")
        ),
        (false, true, true, true)
    );
    assert_eq!(calls[6].body["chat_template_kwargs"], json!({"enable_thinking": false}));
    // The long prompts begin alike, and are long.
    let prompt = |at: usize| calls[at].body["messages"][0]["content"].as_str().unwrap().to_owned();
    let (one, two): (String, String) = (prompt(9), prompt(10));
    let alike = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    assert!(alike > 800 && alike + 40 > one.len(), "{alike} of {}", one.len());
}

/// Each kind of server that cannot do something, with the flag or setting of its own.

#[tokio::test]
async fn failures_name_what_would_mend_them() {
    let kinds = [
        Played::LlamaCpp { window: 4096, slots: 1 },
        Played::Vllm { max_model_len: 4096 },
        Played::LmStudio {
            loaded: Some(4096),
            max: 4096,
        },
        Played::Ollama {
            allocated: Some(4096),
            trained: 4096,
        },
        Played::Plain,
    ];
    let mut all = Vec::new();
    for kind in kinds {
        let server = played(kind.clone()).await;
        // Everything is answered with two words, and nothing is called, obeyed, seen or kept.
        server.default_reply(script![text("No"), text(" idea"), usage_cached(404, 30, 0)]);
        let endpoint = configured(&server, "openai-completions", "{id: 'm1', input: ['image']}");
        let tests = [
            Capability::Answer,
            Capability::Tools,
            Capability::JsonSchema,
            Capability::Image,
            Capability::PrefixCache,
        ];
        let result = tried(&endpoint, &tests, LONG).await;
        assert_eq!(result.tool_mode, None);
        all.push((kind, lines(&result)));
    }
    let expected = |fixes: [&str; 4]| {
        [
            "Works Answer".to_owned(),
            format!("Fails Tools: it called no tool, however it was asked -> {}", fixes[0]),
            format!(
                "Fails JsonSchema: the schema was taken and the answer does not follow it -> {}",
                fixes[1]
            ),
            format!(
                "Partly Image: a red picture was taken, and the answer was: No idea -> {}",
                fixes[2]
            ),
            format!("Fails PrefixCache: 0 of 404 tokens came from the cache -> {}", fixes[3]),
        ]
    };
    let elsewhere = "serve a model that takes pictures, or take image out of models[].input in the config";
    let uncached = "use a server that keeps the beginning of a prompt, such as llama.cpp or vLLM; until then each question \
                    of a long chat reads all of it";
    let fixes = [
        [
            "start llama-server with --jinja and a model whose chat template knows tools: see chat_template_caps in /props",
            "update llama.cpp: older ones take a schema and forget it",
            "start llama-server with --mmproj FILE, the projector that belongs to the model",
            "start llama-server without --no-cache-prompt; a model with a sliding window needs --swa-full",
        ],
        [
            "start vLLM with --enable-auto-tool-choice and the --tool-call-parser for this model",
            "update vLLM: older ones take a schema and forget it",
            elsewhere,
            "start vLLM with --enable-prefix-caching",
        ],
        [
            "load a model in LM Studio that is trained for tool use",
            "update LM Studio: older ones take a schema and forget it",
            "load a model with vision in LM Studio",
            uncached,
        ],
        [
            "use a model with the capability tools; `ollama show m1` lists what this one has",
            "update Ollama: older ones take a schema and forget it",
            "use a model with the capability vision; `ollama show m1` lists what this one has",
            uncached,
        ],
        [
            "use a model that is trained for tools, on a server that reads its calls",
            "use a server that knows response_format with json_schema, such as llama.cpp or vLLM",
            elsewhere,
            uncached,
        ],
    ];
    for ((kind, found), fixes) in all.iter().zip(fixes) {
        assert_eq!(found, &expected(fixes), "{kind:?}");
    }
}

#[tokio::test]
async fn calls_as_text_and_by_a_schema() {
    let server = played(Played::Vllm { max_model_len: 4096 }).await;
    let tests = [Capability::Answer, Capability::Tools];
    let written = r#"<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>"#;
    let constrained = r#"{"tool": "get_weather", "arguments": {"city": "Paris"}}"#;
    for (replies, expected, mode, asked) in [
        (
            vec![written, constrained],
            "only as text, which Yabby reads",
            ToolMode::Constrained,
            2,
        ),
        (
            vec![written, "No."],
            "only as text, which Yabby reads",
            ToolMode::Native,
            2,
        ),
        (
            vec!["No.", "No.", constrained],
            "only with the answer held to a schema, in the mode constrained",
            ToolMode::Constrained,
            3,
        ),
    ] {
        let before = server.model_calls().len();
        server.chat("Paris.");
        for reply in replies {
            server.chat(reply);
        }
        let result = tried(&near(&server), &tests, LONG).await;
        let found = result.findings[1].words().map(yabby_core::Text::english);
        assert_eq!((found.as_deref(), result.tool_mode), (Some(expected), Some(mode)));
        assert_eq!(server.model_calls().len() - before, 1 + asked);
    }
    let calls = server.model_calls();
    let last = &calls[calls.len() - 2..];
    assert_eq!(last[0].body["tool_choice"], "required");
    assert!(last[1].body["response_format"].is_object() && last[1].body.get("tools").is_none());
}

#[tokio::test]
async fn one_slot_lets_the_second_request_wait() {
    for (kind, fix) in [
        (
            Played::LlamaCpp { window: 4096, slots: 1 },
            Some(
                "for two at once start llama-server with --parallel 2, and twice the --ctx-size: it is divided among the \
                 slots",
            ),
        ),
        (
            Played::Ollama {
                allocated: Some(4096),
                trained: 4096,
            },
            Some("for two at once start Ollama with OLLAMA_NUM_PARALLEL=2"),
        ),
        (Played::Plain, None),
    ] {
        let server = played(kind).await;
        // The first is over long before the second begins.
        server.chat(script![text("1"), sleep_ms(700), text(", 2")]);
        server.chat(script![sleep_ms(2500), text("31"), text(", 32")]);
        let result = tried(&near(&server), &[Capability::Parallel], LONG).await;
        let fix = fix.map(|fix| format!(" -> {fix}")).unwrap_or_default();
        assert_eq!(lines(&result), [format!("Works Parallel: 1 slot: requests queue{fix}")]);
        assert_eq!(server.busy_peak(), 2, "both were sent at once");
    }
}

#[tokio::test]
async fn reasoning_that_does_not_stop() {
    let server = played(Played::Vllm { max_model_len: 4096 }).await;
    server.default_reply(script![reasoning("Hm."), text("42")]);
    let endpoint = near(&server);
    let configured = json!({"chat_template_kwargs": {"style": "short"}});
    let extra: &Map<String, Value> = configured.as_object().unwrap();
    let http = Http::default();
    let result = Box::pin(try_out(
        &http,
        &endpoint,
        MODEL,
        extra,
        &[Capability::Reasoning],
        LONG,
        &mut |_| {},
    ))
    .await;
    assert_eq!(
        lines(&result),
        [
            "Partly Reasoning: it always reasons before it answers -> use a model that can do without: this one does not know \
          enable_thinking or reasoning_effort"
        ]
    );
    let sent: Vec<(Value, Value)> = server
        .model_calls()
        .iter()
        .map(|call| {
            (
                call.body["chat_template_kwargs"].clone(),
                call.body["reasoning_effort"].clone(),
            )
        })
        .collect();
    assert_eq!(
        sent,
        [
            (json!({"style": "short"}), Value::Null),
            (json!({"style": "short", "enable_thinking": false}), Value::Null),
            (json!({"style": "short"}), json!("none")),
        ]
    );
}

/// A model that reasons would have said nothing yet when the others are done.

#[tokio::test]
async fn reasoning_is_given_room() {
    let tests = [
        Capability::Answer,
        Capability::Tools,
        Capability::JsonSchema,
        Capability::Stream,
    ];
    for (first, room) in [
        (script![text("Paris.")], 0),
        (script![reasoning("Hm."), text("Paris.")], ROOM),
    ] {
        let server = played(Played::LlamaCpp { window: 4096, slots: 1 }).await;
        server.chat(first);
        server.chat(script![tool_call("c1", "get_weather", CALL)]);
        tried(&near(&server), &tests, LONG).await;
        let limits: Vec<u64> = server
            .model_calls()
            .iter()
            .map(|call| call.body["max_tokens"].as_u64().unwrap())
            .collect();
        let room = u64::from(room);
        assert_eq!(limits, [256, 96 + room, 64 + room, 48]);
    }
}

#[tokio::test]
async fn ollamas_own_api_is_asked_in_its_own_words() {
    let server = played(Played::Ollama {
        allocated: Some(4096),
        trained: 4096,
    })
    .await;
    server.chat("Paris.");
    server.chat(script![tool_call("", "get_weather", CALL)]);
    server.chat(script![reasoning("Hm."), text("42")]);
    server.chat("42");
    let endpoint = configured(&server, "ollama", "{id: 'm1'}");
    let tests = [
        Capability::Answer,
        Capability::Tools,
        Capability::Image,
        Capability::Reasoning,
    ];
    let result = tried(&endpoint, &tests, LONG).await;
    assert_eq!(
        lines(&result),
        [
            "Works Answer",
            "Works Tools: native",
            "Skipped Image: neither the server nor the config says that it takes them",
            "Works Reasoning: it reasons, and think switches that off",
        ]
    );
    let calls = server.model_calls();
    assert!(calls.iter().all(|call| call.path == "/api/chat"), "{calls:?}");
    assert_eq!(
        (calls[2].body.get("think"), &calls[3].body["think"]),
        (None, &json!(false))
    );
}
