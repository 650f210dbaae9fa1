//! Tools that a server does not take, or cannot read the calls of.

use super::*;

#[tokio::test]
async fn a_schema_that_lowering_mends() {
    let place = Place::new(&[Refusal::Schema("pattern".to_owned())]).await.hosted();
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(?!x)"}}});
    let request = ModelRequest {
        tools: tools(3, &[1], &schema),
        ..question()
    };
    let told = "p could not compile a schema; schemas are simplified from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    assert_eq!(sent["tools"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_schema_that_only_its_arguments_are_left_of() {
    let place = Place::new(&[Refusal::Schema("anyOf".to_owned())]).await;
    let schema = json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}});
    let request = ModelRequest {
        tools: tools(3, &[1], &schema),
        ..question()
    };
    let told = "p could not compile a schema; tool schemas are reduced to their arguments from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    assert_eq!(sent["tools"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_tool_that_the_error_names() {
    let place = Place::new(&[Refusal::NamedSchema("tool1".to_owned())]).await;
    let request = ModelRequest {
        tools: tools(3, &[], &Value::Null),
        ..question()
    };
    let told = "p cannot compile the schema of tool1; not offered to m from now on";
    // Lowered schemas are lowered already, and bare ones are the same here.
    let sent = place.learns(&request, 2, &[told]).await;
    assert_eq!(sent["tools"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tools_that_the_error_does_not_name_are_found() {
    let bad =
        json!({"type": "object", "properties": {"a": {"type": "string", "description": "nonsense", "minLength": 1}}});
    let place = Place::new(&[Refusal::Schema("nonsense".to_owned())]).await;
    let mut request = ModelRequest {
        tools: tools(20, &[3, 11], &bad),
        ..question()
    };
    let first = place.ask(&request).await;
    let answer = first.end.unwrap();
    assert_eq!(kinds(&answer.attempts), ["grammar", "grammar", "answered"]);
    assert_eq!(
        first.notices,
        ["p cannot compile the schema of tool3, tool11; not offered to m from now on"]
    );
    // Two to learn that bare schemas do not help, the search, and the answer.
    let probes = first.sent.len() - 3;
    assert!((5..=24).contains(&probes), "{probes} questions");
    assert!(first.sent[2..2 + probes].iter().all(|body| body["max_tokens"] == 1));

    let second = place.ask(&request).await;
    assert_eq!((second.sent.len(), second.notices.len()), (1, 0));
    let offered = |body: &Value| -> Vec<String> {
        let tools = body["tools"].as_array().unwrap().iter();
        tools
            .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(offered(&second.sent[0]).len(), 18);

    // A tool that was changed gets a new chance.
    request.tools[3].parameters = json!({"type": "object", "properties": {"b": {"type": "string"}}});
    let third = place.ask(&request).await;
    assert_eq!(third.sent.len(), 1);
    let names = offered(&third.sent[0]);
    assert!(names.contains(&"tool3".to_owned()) && !names.contains(&"tool11".to_owned()));
}

/// The grammar fails and no tool is to blame: the search ends, and nothing is learned.
#[tokio::test]
async fn a_search_in_vain_leaves_nothing_behind() {
    let place = Place::new(&[]).await;
    let grammar = r#"{"error":{"message":"Failed to initialize samplers: failed to parse grammar","type":"x"}}"#;
    place.server.fault_times(2, Fault::Status(400, grammar.to_owned()));
    let request = ModelRequest {
        tools: tools(
            4,
            &[0],
            &json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}),
        ),
        ..question()
    };
    let first = place.ask(&request).await;
    let answer = first.end.unwrap();
    assert_eq!(answer.model.model(), "other");
    assert_eq!(
        first.sent.len(),
        4,
        "bare schemas, one question about all tools, the next candidate"
    );
    let second = place.ask(&request).await;
    assert_eq!((second.end.unwrap().model.model(), second.sent.len()), ("m", 1));
    assert_eq!(second.sent[0]["tools"], first.sent[0]["tools"]);
}

/// A server that compiles no schema at all: its tools are described to the model instead.
#[tokio::test]
async fn no_schema_at_all() {
    let place = Place::new(&[Refusal::Schema("tool".to_owned())]).await;
    let request = ModelRequest {
        tools: tools(4, &[], &Value::Null),
        ..question()
    };
    let turn = place.ask(&request).await;
    assert!(turn.end.is_ok());
    assert_eq!(
        turn.notices,
        ["p cannot offer tools to m; described in the prompt from now on"]
    );
    assert_eq!(turn.sent.last().unwrap().get("tools"), None);
    assert_eq!(place.ask(&request).await.sent.len(), 1);
}

#[tokio::test]
async fn tools_that_the_server_was_not_started_for() {
    let place = Place::new(&[Refusal::Tools]).await;
    let request = ModelRequest {
        tools: tools(2, &[], &Value::Null),
        ..question()
    };
    let told = "p cannot offer tools to m; described in the prompt from now on";
    let sent = place.learns(&request, 2, &[told]).await;
    assert_eq!(sent.get("tools"), None);
}

const PARSER: &str = r#"{"error":{"code":500,"message":"The model produced output that does not match the expected peg-native format","type":"server_error"}}"#;

#[tokio::test]
async fn a_call_that_the_server_could_not_read_is_asked_for_again_first() {
    let request = ModelRequest {
        tools: tools(2, &[], &Value::Null),
        ..question()
    };
    let place = Place::new(&[]).await;
    place.server.fault_once(Fault::Status(500, PARSER.to_owned()));
    let turn = place.ask(&request).await;
    assert_eq!(kinds(&turn.end.unwrap().attempts), ["tool_parser", "answered"]);
    assert_eq!((turn.notices.len(), &turn.sent[0]), (0, &turn.sent[1]));

    place.server.fault_times(2, Fault::Status(500, PARSER.to_owned()));
    let turn = place.ask(&request).await;
    assert_eq!(
        kinds(&turn.end.unwrap().attempts),
        ["tool_parser", "tool_parser", "answered"]
    );
    assert_eq!(
        turn.notices,
        ["p cannot offer tools to m; described in the prompt from now on"]
    );
    assert_eq!(turn.sent[2].get("tools"), None);
    assert_eq!(place.ask(&request).await.sent[0].get("tools"), None);
}

/// Constrained calls go through Chat, which not every server has.
#[tokio::test]
async fn tools_refused_by_a_server_without_chat() {
    for api in ["anthropic-messages", "openai-responses"] {
        let place = Place::speaking(api, &[Refusal::Tools]).await.alone();
        let missing = r#"{"detail":"Not Found"}"#;
        place
            .server
            .route("/v1/chat/completions", 404, "application/json", missing);
        let request = ModelRequest {
            tools: tools(2, &[], &Value::Null),
            ..question()
        };
        let told = "p cannot offer tools to m; described in the prompt from now on";
        let sent = place.learns(&request, 3, &[told]).await;
        assert_eq!(sent.get("tools"), None);
        let own = place.server.model_calls().last().unwrap().path.clone();
        assert_ne!(own, "/v1/chat/completions");
    }
}

/// What a bad tool was reduced for in vain is not taken from the good ones.
#[tokio::test]
async fn good_tools_keep_their_schemas() {
    let bad = json!({"type": "object", "properties": {"a": {"type": "string", "description": "nonsense"}}});
    for refusal in [
        Refusal::Schema("nonsense".to_owned()),
        Refusal::NamedSchema("tool1".to_owned()),
    ] {
        let place = Place::new(&[refusal]).await.hosted();
        let mut request = ModelRequest {
            tools: tools(3, &[1], &bad),
            ..question()
        };
        request.tools[0].parameters = json!({"type": "object", "properties": {
            "a": {"type": "string", "enum": ["x", "y"], "pattern": "^[xy]$", "default": "x"}}});
        let turn = place.ask(&request).await;
        let told = "p cannot compile the schema of tool1; not offered to m from now on";
        assert_eq!(turn.notices, [told]);
        let next = place.ask(&request).await;
        assert_eq!((next.sent.len(), next.notices.len()), (1, 0));
        let tools = next.sent[0]["tools"].as_array().unwrap();
        assert_eq!(tools.len(), 2);
        assert_eq!(tools[0], turn.sent[0]["tools"][0]);
    }
}

/// Tools that only a reduced schema makes right stay reduced, whatever is left out beside them.
#[tokio::test]
async fn a_schema_that_must_stay_reduced() {
    let place = Place::new(&[
        Refusal::Schema("anyOf".to_owned()),
        Refusal::Schema("nonsense".to_owned()),
    ])
    .await;
    let bad = json!({"type": "object", "properties": {"a": {"type": "string", "description": "nonsense"}}});
    let mut request = ModelRequest {
        tools: tools(3, &[1], &bad),
        ..question()
    };
    request.tools[0].parameters =
        json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}});
    let turn = place.ask(&request).await;
    assert_eq!(turn.end.unwrap().model.model(), "m");
    let next = place.ask(&request).await;
    assert_eq!((next.sent.len(), next.notices.len()), (1, 0));
    assert_eq!(next.sent[0]["tools"].as_array().unwrap().len(), 2);
}

/// Tools that are not offered any longer do not count when all that are offered are refused.
#[tokio::test]
async fn no_schema_at_all_and_one_tool_left_out_before() {
    let place = Place::new(&[Refusal::NamedSchema("tool0".to_owned())]).await;
    let request = ModelRequest {
        tools: tools(4, &[], &Value::Null),
        ..question()
    };
    assert_eq!(place.ask(&request).await.notices.len(), 1);
    place.server.clear_faults();
    place.server.fault(Fault::Refuses(Refusal::Schema("tool".to_owned())));
    let turn = place.ask(&request).await;
    assert_eq!(
        turn.notices,
        ["p cannot offer tools to m; described in the prompt from now on"]
    );
}
