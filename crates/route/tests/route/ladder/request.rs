//! What is left out of a request or said otherwise: roles, fields, contents.

use super::*;

#[tokio::test]
async fn a_template_without_a_system_role() {
    let place = Place::new(&[Refusal::SystemRole]).await;
    let told = "the chat template of m takes no system prompt; sent with the first message from now on";
    let sent = place.learns(&question(), 2, &[told]).await;
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": "Be brief.\n\nHello?"}])
    );
}

#[tokio::test]
async fn a_template_without_tool_messages() {
    let place = Place::new(&[Refusal::ToolMessages]).await;
    let told = "the chat template of m takes no tool calls in the history; sent as plain text from now on";
    let sent = place.learns(&with_history(), 2, &[told]).await;
    let roles: Vec<&str> = sent["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
}

#[tokio::test]
async fn a_template_that_takes_neither() {
    let place = Place::new(&[Refusal::ToolMessages, Refusal::SystemRole]).await;
    let turn = place.ask(&with_history()).await;
    assert_eq!(kinds(&turn.end.unwrap().attempts), ["template", "template", "answered"]);
    assert_eq!(turn.notices.len(), 2);
    assert_eq!(place.ask(&with_history()).await.sent.len(), 1);
}

#[tokio::test]
async fn a_model_that_does_not_go_on_from_its_own_words() {
    let place = Place::new(&[Refusal::Prefill]).await;
    let mut request = question();
    request.messages.push(Message::assistant("I would say"));
    let told = "m does not go on from its own words; asked to go on from now on";
    place.learns(&request, 2, &[told]).await;
}

#[tokio::test]
async fn fields_are_left_out_one_by_one() {
    let place = Place::new(&[
        Refusal::Field("stream_options".to_owned()),
        Refusal::Field("verbosity".to_owned()),
        Refusal::Field("temperature".to_owned()),
    ])
    .await;
    let mut request = question();
    request.temperature = Some(0.5);
    request.extra_body.insert("verbosity".to_owned(), "low".into());
    let told = [
        "p does not take the field stream_options; left out from now on",
        "p does not take the field verbosity; left out from now on",
        "p does not take the field temperature; left out from now on",
    ];
    let sent = place.learns(&request, 4, &told).await;
    for name in ["stream_options", "verbosity", "temperature"] {
        assert_eq!(sent.get(name), None);
    }
}

#[tokio::test]
async fn a_field_that_is_called_otherwise() {
    let place = Place::new(&[Refusal::Field("max_tokens".to_owned())]).await;
    let request = ModelRequest {
        max_output_tokens: Some(9),
        ..question()
    };
    let told = "p wants max_completion_tokens instead of max_tokens; sent so from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    assert_eq!(sent["max_completion_tokens"], 9);
}

#[tokio::test]
async fn how_hard_to_think_cannot_be_said() {
    let place = Place::new(&[
        Refusal::Field("reasoning_effort".to_owned()),
        Refusal::Field("chat_template_kwargs".to_owned()),
    ])
    .await;
    let request = ModelRequest {
        thinking: Some(Thinking::High),
        ..question()
    };
    let told = "m cannot be told how hard to think; left out from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    for name in ["reasoning_effort", "chat_template_kwargs"] {
        assert_eq!(sent.get(name), None);
    }
    // Another level is not tried again, and who says nothing sends nothing else.
    for thinking in [Some(Thinking::Off), None] {
        let other = ModelRequest { thinking, ..question() };
        assert_eq!(place.ask(&other).await.sent, std::slice::from_ref(&sent));
    }
}

#[tokio::test]
async fn what_the_config_says_of_thinking_is_the_default() {
    let mut place = Place::new(&[]).await;
    let mut sent = async |params: Value, thinking| {
        place.plan.candidates[0].params = Params(params.as_object().unwrap().clone());
        let request = ModelRequest { thinking, ..question() };
        let sent = place.ask(&request).await.sent.remove(0);
        (
            sent.get("reasoning_effort").cloned(),
            sent.get("chat_template_kwargs").cloned(),
        )
    };
    let on = |effort: &str| (Some(json!(effort)), Some(json!({"enable_thinking": true})));
    let off = (None, Some(json!({"enable_thinking": false})));
    assert_eq!(sent(json!({}), None).await, (None, None));
    assert_eq!(sent(json!({"thinking": "low"}), None).await, on("low"));
    assert_eq!(sent(json!({"thinking": "low"}), Some(Thinking::High)).await, on("high"));
    // A server's own words go before the default, and the person's wish before both.
    let both = json!({"thinking": "low", "chat_template_kwargs": {"enable_thinking": false}});
    assert_eq!(sent(both.clone(), None).await, off);
    assert_eq!(sent(both, Some(Thinking::High)).await, on("high"));
}

#[test]
fn an_agent_has_a_default_for_thinking() {
    let text = r#"{
        agents: {
            defaults: {
                model: { primary: "p/a", fallbacks: ["p/b"] },
                models: { "p/b": { params: { thinking: "off" } } },
                thinkingDefault: "low",
            },
            list: [{ id: "main" }, { id: "deep", thinkingDefault: "ultra" }],
        },
        models: { providers: { p: { baseUrl: "http://127.0.0.1:9/v1", models: [{ id: "a" }, { id: "b" }] } } },
    }"#;
    let loaded = load_text(text, &Environment::default());
    let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
    let levels = |agent| {
        let wanted = Wanted {
            agent,
            ..Wanted::default()
        };
        let plan = plan(&loaded.config, &fleet, &wanted).unwrap();
        let level = |candidate: yabby_route::Candidate| candidate.params.get("thinking").cloned();
        plan.candidates.into_iter().map(level).collect::<Vec<_>>()
    };
    // A question outside of any agent has none.
    assert_eq!(levels(None), [None, Some(json!("off"))]);
    assert_eq!(levels(Some("main")), [Some(json!("low")), Some(json!("off"))]);
    assert_eq!(levels(Some("deep")), [Some(json!("max")), Some(json!("off"))]);
}

#[tokio::test]
async fn a_field_inside_the_tools() {
    let place = Place::speaking("openai-responses", &[Refusal::Field("tools.0.strict".to_owned())]).await;
    let request = ModelRequest {
        tools: tools(2, &[], &Value::Null),
        ..question()
    };
    let sent = place
        .learns(
            &request,
            2,
            &["p does not take `strict` at tools; left out from now on"],
        )
        .await;
    assert_eq!(sent["tools"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_choice_of_tools_that_cannot_be_said() {
    let place = Place::new(&[Refusal::Field("tool_choice".to_owned())]).await;
    let request = ModelRequest {
        tools: tools(1, &[], &Value::Null),
        tool_choice: ToolChoice::Required,
        ..question()
    };
    let told = "p does not take the field tool_choice; left out from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    assert!(sent.get("tools").is_some() && sent.get("tool_choice").is_none());
}

#[tokio::test]
async fn contents_that_must_be_text() {
    let place = Place::new(&[]).await;
    let refused = r#"{"error":{"message":"messages[1].content must be a string","type":"invalid_request_error"}}"#;
    place.server.fault_once(Fault::Status(400, refused.to_owned()));
    let mut request = question();
    request.messages = vec![Message::User {
        text: "What is this?".to_owned(),
        images: Image::new(b"\x89PNG\r\n\x1a\n").into_iter().collect(),
    }];
    let told = "p takes only plain text in messages; pictures are left out from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    assert!(sent["messages"][1]["content"].is_string(), "{sent}");
}

/// Only the step that helped is kept and told.
#[tokio::test]
async fn a_template_step_that_did_not_help_is_taken_back() {
    let place = Place::new(&[]).await;
    let unclear =
        r#"{"error":{"message":"while executing CallExpression: raise_exception('no')","type":"server_error"}}"#;
    place.server.fault_times(2, Fault::Status(500, unclear.to_owned()));
    let turn = place.ask(&with_history()).await;
    let told = "the chat template of m takes no system prompt; sent with the first message from now on";
    assert_eq!(turn.notices, [told]);
    let roles = |body: &Value| -> Vec<Value> {
        let messages = body["messages"].as_array().unwrap().iter();
        messages.map(|message| message["role"].clone()).collect()
    };
    assert_eq!(roles(&turn.sent[1]), ["system", "user", "assistant", "user"]);
    assert_eq!(roles(&turn.sent[2]), ["user", "assistant", "tool"]);
    assert_eq!(place.ask(&with_history()).await.sent, &turn.sent[2..]);
}

/// A template may say the same words about two things; at last all that could help is done at once.
#[tokio::test]
async fn steps_that_help_only_together() {
    let place = Place::new(&[]).await;
    let unclear =
        r#"{"error":{"message":"while executing CallExpression: raise_exception('no')","type":"server_error"}}"#;
    place.server.fault_times(3, Fault::Status(500, unclear.to_owned()));
    let turn = place.ask(&with_history()).await;
    assert_eq!((turn.end.unwrap().model.model(), turn.notices.len()), ("m", 2));
    assert_eq!(turn.sent[3]["messages"][0]["role"], "user");
    assert_eq!(place.ask(&with_history()).await.sent, &turn.sent[3..]);
}
