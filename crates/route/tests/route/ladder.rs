//! Servers that refuse a part of the request: what is left out or reshaped, how often is asked, what the person is
//! told, and what the next request looks like.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use yabby_config::{Config, Environment, load_text};
use yabby_core::{Attempt, ErrorKind, Image, Message, ModelRequest, Tool, ToolCall, ToolChoice};
use yabby_route::{Answer, Deadlines, Plan, RouteEvent, RouteFailure, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http, Reach};
use yabby_testkit::{Fault, ModelServer, Refusal, script};

/// A server and the way to it, which remembers.
struct Place {
    server: ModelServer,
    plan: Plan,
}

/// What came of one request.
struct Turn {
    notices: Vec<String>,
    end: Result<Answer, RouteFailure>,
    /// The bodies that the server saw.
    sent: Vec<Value>,
}

impl Place {
    async fn new(refusals: &[Refusal]) -> Self {
        Self::speaking("openai-completions", refusals).await
    }

    async fn speaking(api: &str, refusals: &[Refusal]) -> Self {
        let server = ModelServer::start().await;
        for refusal in refusals {
            server.fault(Fault::Refuses(refusal.clone()));
        }
        let text = format!(
            r#"{{ agents: {{ defaults: {{ model: {{ primary: "p/m", fallbacks: ["p/other"] }} }} }}, models: {{ providers: {{
                p: {{ baseUrl: "{}", api: "{api}", models: [{{ id: "m" }}, {{ id: "other" }}] }} }} }} }}"#,
            server.base_url()
        );
        let loaded = load_text(&text, &Environment::default());
        let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
        let plan = plan(&loaded.config, &fleet, &Wanted::default()).unwrap();
        Self { server, plan }
    }

    /// Schemas are sent as they are, as to a hosted server.
    fn hosted(mut self) -> Self {
        for candidate in &mut self.plan.candidates {
            candidate.endpoint.reach = Reach::Hosted;
        }
        self
    }

    /// Without a model to fall back on.
    fn alone(mut self) -> Self {
        self.plan.candidates.truncate(1);
        self
    }

    async fn ask(&self, request: &ModelRequest) -> Turn {
        self.ask_within(request, Deadlines::of).await
    }

    async fn ask_within(&self, request: &ModelRequest, deadlines: fn(&Endpoint) -> Deadlines) -> Turn {
        let before = self.server.model_calls().len();
        let mut stream = Router::new(&Http::default(), &Config::default())
            .with_deadlines(deadlines)
            .answer(self.plan.clone(), request.clone());
        let mut notices = Vec::new();
        let end = loop {
            match stream.next().await.unwrap() {
                RouteEvent::Notice(notice) => notices.push(notice.english()),
                RouteEvent::Trying(_) | RouteEvent::Model(_) | RouteEvent::Attempt(_) => {}
                RouteEvent::Done(answer) => break Ok(answer),
                RouteEvent::Failed(failure) => break Err(failure),
            }
        };
        let calls = self.server.model_calls().into_iter().skip(before);
        Turn {
            notices,
            end,
            sent: calls.map(|call| call.body).collect(),
        }
    }

    /// Asks twice. The first time takes `requests` and tells `notices`; the second is right at once and tells nothing.
    /// Gives what was sent in the end, both times the same.
    async fn learns(&self, request: &ModelRequest, requests: usize, notices: &[&str]) -> Value {
        let first = self.ask(request).await;
        let answer = first.end.unwrap();
        assert_eq!((answer.text.as_str(), answer.model.model()), ("ok", "m"));
        assert_eq!(first.notices, notices);
        assert_eq!(first.sent.len(), requests, "{:#?}", first.sent);
        for pair in first.sent.windows(2) {
            assert_ne!(pair[0], pair[1], "the same was sent twice");
        }
        let second = self.ask(request).await;
        assert_eq!(second.end.unwrap().attempts.len(), 1);
        assert_eq!(second.notices, [] as [&str; 0]);
        assert_eq!(second.sent, &first.sent[requests - 1..]);
        second.sent.into_iter().next().unwrap()
    }
}

fn call(id: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "tool0".to_owned(),
        arguments: Map::new(),
    }
}

fn tools(count: usize, bad: &[usize], schema: &Value) -> Vec<Tool> {
    let tool = |place: usize| Tool {
        name: format!("tool{place}"),
        description: "A tool".to_owned(),
        parameters: if bad.contains(&place) {
            schema.clone()
        } else {
            json!({"type": "object", "properties": {"a": {"type": "string"}}})
        },
    };
    (0..count).map(tool).collect()
}

fn question() -> ModelRequest {
    ModelRequest {
        system: Some("Be brief.".to_owned()),
        messages: vec![Message::user("Hello?")],
        ..ModelRequest::default()
    }
}

fn with_history() -> ModelRequest {
    ModelRequest {
        messages: vec![
            Message::user("Hello?"),
            Message::calling("", vec![call("c")]),
            Message::result(&call("c"), "42"),
        ],
        ..question()
    }
}

fn kinds(attempts: &[Attempt]) -> Vec<String> {
    let kind = |attempt: &Attempt| {
        let attempt = serde_json::to_value(attempt).unwrap();
        let name = attempt.get("error").unwrap_or(&attempt["outcome"]);
        name.as_str().unwrap().to_owned()
    };
    attempts.iter().map(kind).collect()
}

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
