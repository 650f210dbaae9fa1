//! `yabby ask`: one question, one answer.

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, ServerKind, script};

use crate::home::{Home, start, watch};

#[test]
fn the_answer_is_all_that_standard_output_gets() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("Hel"), text("lo.")]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["ask", "Say", "hello."]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "Hello.\n", "")
    );
    let sent = &server.model_calls()[0];
    assert_eq!(sent.header("authorization"), Some("Bearer k-box"));
    assert_eq!(
        (sent.line(), sent.body.clone()),
        (
            "POST /v1/chat/completions".to_owned(),
            json!({
                "model": "m1",
                "stream": true,
                "stream_options": {"include_usage": true},
                "max_tokens": 64,
                "messages": [{"role": "user", "content": "Say hello."}],
            })
        )
    );
}

#[test]
fn a_call_of_a_tool_that_nobody_offered_is_told() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    server.chat(script![tool_call("c", "web_search", "{\"q\":\"x\"}")]);
    let ran = home.run(&["ask", "Search."]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    assert_eq!(
        ran.stderr.trim(),
        "· box/m1 called the tool web_search, and Yabby offers it no tools; ask it to answer without tools"
    );
    server.chat(script![text("I will look."), tool_call("c", "web_search", "\"x\"")]);
    let ran = home.run(&["ask", "Search."]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "I will look.\n"));
    assert!(ran.stderr.contains("web_search"), "{}", ran.stderr);
}

#[test]
fn the_responses_dialect() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    server.responses(script![text("Hel"), text("lo.")]);
    let home = Home::with_box(&server.base_url(), "openai-responses");
    let ran = home.run(&["ask", "Say hello."]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"));
    let sent = &server.model_calls()[0];
    assert_eq!(sent.line(), "POST /v1/responses");
    assert_eq!(sent.body["stream"], true);
    assert_eq!(sent.body["store"], false);
    assert_eq!(sent.body["max_output_tokens"], 64);
}

#[test]
fn the_messages_dialect_with_its_own_credential_header() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Anthropic);
    server.models(&["m1"]);
    server.messages("Hello.");
    let home = Home::with_box(&server.base_url(), "anthropic-messages");
    let ran = home.run(&["ask", "Say hello.", "--system", "Be brief."]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"), "{}", ran.stderr);
    let sent = &server.model_calls()[0];
    assert_eq!(sent.header("x-api-key"), Some("k-box"));
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(sent.body["system"], "Be brief.");
}

/// From documentation: no Ollama could be reached.
#[test]
fn the_dialect_of_ollama_itself() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Ollama {
        allocated: Some(4096),
        trained: 40960,
    });
    server.models(&["m1"]);
    server.default_reply(script![reasoning("Hm."), text("Hel"), text("lo.")]);
    let home = Home::with_box(&server.url(), "ollama");
    let body = |stream: bool| {
        json!({
            "model": "m1",
            "stream": stream,
            "truncate": false,
            "options": {"num_predict": 64},
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Say hello."},
            ],
        })
    };
    for (arguments, stream) in [(&[][..], true), (&["--no-stream"][..], false)] {
        let ran = home.run(&[&["ask", "Say hello.", "--system", "Be brief."], arguments].concat());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(0), "Hello.\n", "")
        );
        let sent = server.model_calls().pop().unwrap();
        assert_eq!(
            (sent.line(), sent.body.clone()),
            ("POST /api/chat".to_owned(), body(stream))
        );
        assert_eq!(sent.header("authorization"), Some("Bearer k-box"));
    }
    // The list of models and the window come from its own API too.
    let ran = home.run(&["models", "--json"]);
    let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&rows[0]["state"], &rows[0]["window"]["value"]),
        (&json!("ready"), &json!(4096))
    );
    let asked: Vec<String> = server.requests().iter().map(yabby_testkit::Recorded::line).collect();
    assert!(asked.contains(&"GET /api/tags".to_owned()) && asked.contains(&"GET /api/ps".to_owned()));
    assert!(!asked.iter().any(|line| line.contains("/v1/")), "{asked:?}");
}

/// Over /v1 an Ollama that is not configured would cut a long prompt silently.
#[test]
fn an_ollama_that_was_found_is_asked_in_its_own_dialect() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::Ollama {
        allocated: Some(4096),
        trained: 40960,
    });
    server.models(&["m1"]);
    server.default_reply(script![text("Hello.")]);
    let home = Home::new().var("YABBY_DISCOVER", &format!("ollama:{}", server.addr().port()));
    let ran = home.run(&["ask", "Hi"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Hello.\n"), "{}", ran.stderr);
    let sent = &server.model_calls()[0];
    assert_eq!(
        (sent.line(), &sent.body["truncate"]),
        ("POST /api/chat".to_owned(), &json!(false))
    );
}

#[test]
fn whole_answers_too() {
    for api in ["openai-completions", "openai-responses", "anthropic-messages"] {
        let server = ModelServer::start_on_thread();
        server.reply(script![reasoning("Hm."), text("Hello.")]);
        let home = Home::with_box(&server.base_url(), api);
        let ran = home.run(&["ask", "Say hello.", "--no-stream"]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "Hello.\n"),
            "{api} {}",
            ran.stderr
        );
        assert_ne!(server.model_calls()[0].body["stream"], true, "{api}");
    }
}

#[test]
fn piped_input_stands_below_the_question() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.pipe(&["ask", "review this"], "+ let x = 1;\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "ok\n"));
    let sent = &server.model_calls()[0].body["messages"];
    assert_eq!(
        sent,
        &json!([{"role": "user", "content": "review this\n\n+ let x = 1;"}])
    );
    let ran = home.pipe(&["ask"], "What is this?\n");
    assert_eq!(ran.code, Some(0));
    assert_eq!(server.model_calls()[1].body["messages"][0]["content"], "What is this?");
}

#[test]
fn without_a_question() {
    let home = Home::new();
    let ran = home.run(&["ask"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr, @r#"
    error: there is no question
    hint: give it as an argument or on standard input: yabby ask "Why is the sky blue?"
    "#);
}

#[test]
fn without_any_model() {
    let home = Home::new();
    let ran = home.run(&["ask", "Hello?"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    insta::assert_snapshot!(ran.stderr, @r"
    error: no model is configured and no running model server was found
    hint: run `yabby up`: it finds a server on this machine or makes one; or write a config, see the README
    ");
}

#[test]
fn reasoning_is_never_part_of_the_answer() {
    let scripts = [
        script![reasoning("The user wants…"), text("Hello.")],
        script![text("<think>The user wants…"), text("</think>\n\nHello.")],
    ];
    for (at, script) in scripts.into_iter().enumerate() {
        for api in ["openai-completions", "openai-responses"] {
            let server = ModelServer::start_on_thread();
            server.reply(script.clone());
            server.reply(script.clone());
            let home = Home::with_box(&server.base_url(), api);
            let ran = home.run(&["ask", "Say hello."]);
            assert_eq!(
                (ran.stdout.as_str(), ran.stderr.as_str()),
                ("Hello.\n", ""),
                "{at} {api}"
            );
            let ran = home.run(&["ask", "Say hello.", "--show-reasoning"]);
            assert_eq!(
                (ran.stdout.as_str(), ran.stderr.as_str()),
                ("Hello.\n", "The user wants…\n"),
                "{at} {api}"
            );
        }
    }
}

/// Some chat templates open the block in the prompt, so that the model only closes it.
#[test]
fn reasoning_that_began_in_the_prompt_is_none_either() {
    for delivery in [&[] as &[&str], &["--no-stream"]] {
        let server = ModelServer::start_on_thread();
        server.chat(script![text("The user "), text("wants…\n</think>\n\nHello.")]);
        let home = Home::with_config(&format!(
            r#"{{ models: {{ providers: {{ box: {{
  baseUrl: "{}", models: [{{ id: "m1", contextWindow: 8192, reasoning: true }}],
}} }} }} }}"#,
            server.base_url()
        ));
        let ran = home.run(&[&["ask", "Say hello."], delivery].concat());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(0), "Hello.\n", ""),
            "{delivery:?}"
        );
    }
}

#[test]
fn an_answer_that_was_cut_is_told() {
    for api in ["openai-completions", "openai-responses", "anthropic-messages"] {
        let server = ModelServer::start_on_thread();
        server.reply(script![text("Once upon a"), finish("length")]);
        let home = Home::with_box(&server.base_url(), api);
        let ran = home.run(&["ask", "Tell me a story."]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "Once upon a\n"),
            "{api}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("cut"), "{api}: {:?}", ran.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    for arguments in [&["ask", "Hello?"] as &[&str], &["ask", "Hello?", "--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = start(home.command(arguments).stdout(full)).ran();
        assert!(ran.code.is_some_and(|code| code != 0), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("error"), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn json_is_one_object() {
    let server = ModelServer::start_on_thread();
    server.chat(script![reasoning("Hm."), text("Hello."), usage_cached(20, 5, 16)]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let ran = home.run(&["ask", "Say hello.", "--json"]);
    let mut object: Value = serde_json::from_str(&ran.stdout).unwrap();
    for time in ["command_ms", "head_ms", "first_token_ms", "attempt_ms"] {
        assert!(object["timings"][time].take().is_u64(), "{time}");
    }
    for time in ["queued_ms", "sent_ms", "head_ms", "first_token_ms", "total_ms", "bytes"] {
        assert!(object["attempts"][0][time].take().is_u64(), "{time}");
    }
    object["attempts"][0]["endpoint"] = "…".into();
    let usage = json!({"input_tokens": 20, "cached_tokens": 16, "cache_write_tokens": null, "output_tokens": 5, "reasoning_tokens": null, "cost": null});
    assert_eq!(
        object,
        json!({
            "text": "Hello.",
            "model": "box/m1",
            "served_by": null,
            "end": "stop",
            "attempts": [{
                "model": "box/m1", "endpoint": "…", "zone": "machine", "outcome": "answered", "phase": "done",
                "queued_ms": null, "sent_ms": null, "head_ms": null, "first_token_ms": null, "total_ms": null, "bytes": null, "usage": usage,
            }],
            "usage": usage,
            "timings": {"command_ms": null, "head_ms": null, "first_token_ms": null, "attempt_ms": null},
        })
    );
}

#[test]
fn what_a_model_says_cannot_steer_the_terminal() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("a\u{1b}]52;c;ZXZpbA==\u{7}b"), text("\u{1b}[2Jc")]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    assert_eq!(home.run(&["ask", "x"]).stdout, "a]52;c;ZXZpbA==b[2Jc\n");
}

#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let server = ModelServer::start_on_thread();
    server.chat(script![
        text("one\n"),
        sleep_ms(300),
        text("two\n"),
        sleep_ms(100),
        text("three\n")
    ]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let mut child = home.command(&["ask", "count"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = watch(child).ran();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n rest of a picture";

#[test]
fn a_question_about_pictures() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("A cat.")]);
    let home = Home::with_box(&server.base_url(), "openai-completions");
    let file = home.path().join("cat.png");
    std::fs::write(&file, PNG).unwrap();
    let ran = home.run(&["ask", "--image", file.to_str().unwrap(), "What is this?"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "A cat.\n", "")
    );
    assert_eq!(
        server.model_calls()[0].body["messages"],
        json!([{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgogcmVzdCBvZiBhIHBpY3R1cmU="}},
            {"type": "text", "text": "What is this?"},
        ]}])
    );
}

#[test]
fn what_is_no_picture_is_not_sent() {
    let server = ModelServer::start_on_thread();
    let home = Home::with_box(&server.base_url(), "openai-completions");
    std::fs::write(home.path().join("notes.txt"), "not a picture").unwrap();
    std::fs::File::create(home.path().join("huge.png"))
        .unwrap()
        .set_len(21 << 20)
        .unwrap();
    let said = ["absent.png", "notes.txt", "huge.png"].map(|name| {
        let file = home.path().join(name);
        let ran = home.run(&["ask", "-i", file.to_str().unwrap(), "What is this?"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        ran.stderr.replace(home.path().to_str().unwrap(), "HOME")
    });
    insta::assert_snapshot!(said.join("\n"));
    // It has no end.
    let ran = home.run(&["ask", "-i", "/dev/zero", "What is this?"]);
    assert!(ran.stderr.contains("/dev/zero is no picture"), "{}", ran.stderr);
    assert_eq!(server.model_calls().len(), 0);
}

/// openrouter.ai, "Provider selection" and "Usage accounting"; not recorded.
#[test]
fn openrouter_gets_its_routing_and_tells_the_cost() {
    let server = ModelServer::start_on_thread();
    server.kind(ServerKind::OpenRouter {
        context_length: 200_000,
    });
    server.chat(script![
        data(json!({"choices": [{"delta": {"content": "Hello."}, "finish_reason": "stop"}]})),
        data(json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "cost": 0.000_25}})),
        data("[DONE]"),
        no_usage(),
    ]);
    let home = Home::with_config(&format!(
        "{{ agents: {{ defaults: {{
              model: 'openrouter/anthropic/claude',
              models: {{ 'openrouter/anthropic/claude': {{ params: {{ provider: {{ sort: 'price' }}, cacheRetention: 'long' }} }} }},
           }} }},
           models: {{ providers: {{ openrouter: {{ baseUrl: '{}', apiKey: 'k-box',
             params: {{ provider: {{ data_collection: 'deny', only: ['deepinfra'] }} }} }} }} }} }}",
        server.base_url()
    ));
    let ran = home.run(&["ask", "--json", "Hi"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["usage"]["cost"], json!(0.000_25));
    let sent = &server.model_calls()[0].body;
    assert_eq!(
        sent["provider"],
        json!({"data_collection": "deny", "only": ["deepinfra"], "sort": "price"})
    );
    assert_eq!(sent["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
}

/// They are OpenRouter's and Anthropic's own; another server would refuse them.
#[test]
fn nobody_else_gets_a_routing_object_or_cache_marks() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("Hello.")]);
    let home = Home::with_config(&format!(
        "{{ agents: {{ defaults: {{ model: 'box/m1', params: {{ provider: {{ zdr: true }}, cacheRetention: 'long' }} }} }},
           models: {{ providers: {{ box: {{ baseUrl: '{}', apiKey: 'k-box', api: 'openai-completions' }} }} }} }}",
        server.base_url()
    ));
    assert_eq!(home.run(&["ask", "Hi"]).code, Some(0));
    let sent = &server.model_calls()[0].body;
    assert_eq!((sent.get("provider"), sent.get("cache_control")), (None, None));
}

/// With a mistake in its limits a prompt could go where its owner does not want it.
#[test]
fn a_mistake_in_the_routing_object_keeps_the_prompt_here() {
    let server = ModelServer::start_on_thread();
    server.default_reply(script![text("Hello.")]);
    let places = [
        ("{ data_collection: 'Deny' }", "{}"),
        ("{}", "{ provider: { data_colection: 'deny' } }"),
        ("{}", "{ provider: 'deepinfra' }"),
    ];
    for (at_provider, at_model) in places {
        let home = Home::with_config(&format!(
            "{{ agents: {{ defaults: {{ model: 'openrouter/m1', models: {{ 'openrouter/m1': {{ params: {at_model} }} }} }} }},
               models: {{ providers: {{ openrouter: {{ baseUrl: '{}', apiKey: 'k-box',
                 params: {{ provider: {at_provider} }} }} }} }} }}",
            server.base_url()
        ));
        let ran = home.run(&["ask", "Hi"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("is not what OpenRouter understands"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(server.model_calls().len(), 0);
}

#[test]
fn extra_fields_undo_no_limit() {
    let server = ModelServer::start_on_thread();
    server.chat(script![text("Hello.")]);
    let home = Home::with_config(&format!(
        "{{ agents: {{ defaults: {{ model: 'openrouter/m1' }} }},
           models: {{ providers: {{ openrouter: {{ baseUrl: '{}', apiKey: 'k-box',
             params: {{ provider: {{ zdr: true }}, extra_body: {{ provider: {{ sort: 'price' }}, seed: 1 }} }} }} }} }} }}",
        server.base_url()
    ));
    assert_eq!(home.run(&["ask", "Hi"]).code, Some(0));
    let sent = &server.model_calls()[0].body;
    assert_eq!(
        (&sent["provider"], &sent["seed"]),
        (&json!({"zdr": true, "sort": "price"}), &json!(1))
    );
}
