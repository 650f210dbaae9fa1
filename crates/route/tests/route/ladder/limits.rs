//! Where the ladder ends, and what teaches nothing.

use super::*;

#[tokio::test]
async fn what_one_model_taught_is_not_held_against_another() {
    let place = Place::new(&[Refusal::SystemRole]).await;
    assert_eq!(place.ask(&question()).await.sent.len(), 2);
    let mut other = place;
    other.plan.candidates.remove(0);
    let turn = other.ask(&question()).await;
    assert_eq!(turn.sent[0]["messages"][0]["role"], "system");
}

#[tokio::test]
async fn a_model_without_eyes_is_left_for_the_next() {
    let place = Place::new(&[]).await;
    let blind =
        r#"{"error":{"code":500,"message":"image input is not supported - hint: mmproj","type":"server_error"}}"#;
    place.server.fault_once(Fault::Status(500, blind.to_owned()));
    let turn = place.ask(&question()).await;
    assert_eq!(turn.end.unwrap().model.model(), "other");
    assert_eq!(turn.sent[0]["messages"], turn.sent[1]["messages"]);
}

/// Errors that steps do not mend come to an end, and what was tried is not kept.
#[tokio::test]
async fn a_ladder_has_an_end() {
    let place = Place::new(&[]).await.alone();
    let bad = r#"{"error":{"message":"while executing CallExpression: raise_exception('no')","type":"server_error"}}"#;
    place.server.fault(Fault::Status(500, bad.to_owned()));
    let mut request = with_history();
    request.tools = tools(2, &[], &Value::Null);
    let turn = place.ask(&request).await;
    let failure = turn.end.unwrap_err();
    assert_eq!(failure.errors[0].1.kind, ErrorKind::Template);
    assert!((3..=6).contains(&turn.sent.len()), "{}", turn.sent.len());
    assert_eq!(turn.notices, [] as [&str; 0]);
    place.server.clear_faults();
    assert_eq!(place.ask(&request).await.sent[0], turn.sent[0]);
}

#[tokio::test]
async fn what_was_seen_is_gone_on_with_and_no_step_taken() {
    let place = Place::new(&[]).await;
    let error = json!({"message": "System role not supported", "type": "server_error"});
    place.server.chat(script![text("Half"), error_event(error)]);
    let turn = place.ask(&question()).await;
    let answer = turn.end.unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.model.model(), turn.sent.len()),
        ("Half ok", "other", 2)
    );
    let messages = turn.sent[1]["messages"].as_array().unwrap();
    assert_eq!(messages[..2], turn.sent[0]["messages"].as_array().unwrap()[..]);
    assert_eq!(messages[2], json!({"role": "assistant", "content": "Half"}));
}

/// A search is watched as every other request is: silence is not waited for until the deadline.
#[tokio::test]
async fn a_server_that_hangs_while_refused_tools_are_searched() {
    let place = Place::new(&[]).await.hosted().alone();
    let grammar = r#"{"error":{"message":"Failed to initialize samplers: failed to parse grammar","type":"x"}}"#;
    place.server.fault_once(Fault::Status(400, grammar.to_owned()));
    place.server.fault(Fault::HangAllPaths);
    let request = ModelRequest {
        tools: tools(4, &[], &Value::Null),
        ..question()
    };
    let start = Instant::now();
    let hasty = |endpoint: &Endpoint| Deadlines {
        silence: Duration::from_millis(100),
        sign_of_life: Duration::from_millis(100),
        total: Duration::from_secs(5),
        ..Deadlines::of(endpoint)
    };
    let turn = place.ask_within(&request, hasty).await;
    assert_eq!(turn.sent[1]["max_tokens"], 1, "the search had begun");
    assert_eq!(turn.end.unwrap_err().errors[0].1.kind, ErrorKind::Hung);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

/// A server that ends before it says anything has not taken the request.
#[tokio::test]
async fn an_answer_that_is_only_an_end_teaches_nothing() {
    let place = Place::new(&[]).await.alone();
    let refused = json!({"error": {"message": "System role not supported", "type": "server_error"}});
    place.server.fault_once(Fault::Status(500, refused.to_string()));
    place.server.chat(script![finish("stop")]);
    place.server.chat(script![finish("stop")]);
    let turn = place.ask(&question()).await;
    assert_eq!(turn.end.unwrap_err().errors[0].1.kind, ErrorKind::Empty);
    assert_eq!((turn.notices.len(), turn.sent.len()), (0, 3));
    assert_eq!(place.ask(&question()).await.sent[0], turn.sent[0]);
}

/// What a server does not tell is asked once for all attempts, and not beyond the deadline.
#[tokio::test]
async fn how_tools_are_offered_is_asked_once_and_in_time() {
    let place = Place::new(&[Refusal::SystemRole]).await.alone();
    place.server.route("/v1/models", 503, "application/json", "{}");
    let request = ModelRequest {
        tools: tools(2, &[], &Value::Null),
        ..question()
    };
    assert_eq!(place.ask(&request).await.sent.len(), 2);
    let lists = place
        .server
        .requests()
        .into_iter()
        .filter(|asked| asked.path == "/v1/models");
    assert_eq!(lists.count(), 1);

    place.server.fault(Fault::HangAllPaths);
    let start = Instant::now();
    let hasty = |endpoint: &Endpoint| Deadlines {
        silence: Duration::from_secs(5),
        sign_of_life: Duration::from_secs(5),
        total: Duration::from_millis(300),
        ..Deadlines::of(endpoint)
    };
    let turn = place.ask_within(&request, hasty).await;
    assert_eq!(turn.end.unwrap_err().errors[0].1.kind, ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}
