use serde_json::json;
use yabby_config::{Environment, load_text};
use yabby_core::{EndReason, ErrorKind, Message, Phase, Unfinished, Usage, Zone, text};
use yabby_servers::{Endpoint, Fleet};

use super::*;
use crate::{Answer, RouteFailure, Wanted, plan};

/// `a/m`, then `b/m`, then `c/m`; `gone/m` is left out.
fn a_plan() -> Plan {
    let text = "{agents: {defaults: {model: {primary: 'a/m', fallbacks: ['gone/m', 'b/m', 'c/m']}}}, models: {providers: {
        a: {baseUrl: 'http://127.0.0.1:1/v1'}, b: {baseUrl: 'http://127.0.0.1:2/v1'}, c: {baseUrl: 'http://127.0.0.1:3/v1'}}}}";
    let loaded = load_text(text, &Environment::default());
    let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
    plan(&loaded.config, &fleet, &Wanted::default()).unwrap()
}

fn attempt(model: &str, error: Option<&str>, decision: Option<&str>) -> Attempt {
    let mut attempt = json!({
        "model": model, "endpoint": "http://h", "zone": "machine", "outcome": "answered", "decision": decision,
        "queued_ms": 0, "sent_ms": 1, "head_ms": 2, "first_token_ms": 3, "total_ms": 4, "bytes": 0, "usage": {},
        "phase": "head", "cost": 0.5,
    });
    if let Some(error) = error {
        attempt["outcome"] = json!("failed");
        attempt["error"] = json!(error);
        attempt["message"] = json!("it said 'open sesame'");
    }
    serde_json::from_value(attempt).unwrap()
}

fn error(model: &str, kind: ErrorKind) -> (ModelRef, ModelError) {
    let words = text!(
        "{url} is not asked for {seconds} s: {error}",
        url = model,
        seconds = 3,
        error = "it said 'open sesame'"
    );
    (
        model.parse().unwrap(),
        ModelError::new(kind, Phase::Head, "http://h", words),
    )
}

fn start() -> Recorder {
    let request = ModelRequest {
        messages: vec![Message::user("open sesame please")],
        ..ModelRequest::default()
    };
    Recorder::start(Some("main"), &a_plan(), &request)
}

#[test]
fn who_was_asked_and_who_was_passed_over() {
    let mut recorder = start();
    recorder.saw(&RouteEvent::Attempt(attempt("b/m", Some("server"), Some("wait"))));
    recorder.saw(&RouteEvent::Attempt(attempt("b/m", Some("server"), Some("next"))));
    recorder.saw(&RouteEvent::Failed(RouteFailure {
        errors: vec![
            error("a/m", ErrorKind::Resting),
            error("b/m", ErrorKind::Server),
            error("c/m", ErrorKind::OutOfZone),
        ],
        attempts: Vec::new(),
        partial: String::new(),
    }));
    let turn = recorder.finish();
    let passed: Vec<_> = turn
        .passed_over
        .iter()
        .map(|passed| (passed.error, passed.asked, passed.after))
        .collect();
    assert_eq!(
        passed,
        [
            (ErrorKind::Resting, false, 0),
            (ErrorKind::Server, true, 2),
            (ErrorKind::OutOfZone, false, 2)
        ]
    );
    assert_eq!((turn.end.clone(), turn.cost), (TurnEnd::Failed, Some(1.0)));
    assert_eq!(turn.plan.left_out[0].kind, "unknown_model");
    let why: Vec<Why> = turn.plan.candidates.iter().map(|planned| planned.why).collect();
    assert_eq!(why, [Why::Primary, Why::Fallback(2), Why::Fallback(3)]);
    let kept = serde_json::to_string(&turn).unwrap();
    assert!(!kept.contains("sesame"), "{kept}");
    assert!(kept.contains("it said '…'"), "{kept}");
    assert_eq!(serde_json::from_str::<TurnRecord>(&kept).unwrap(), turn);
}

#[tokio::test(start_paused = true)]
async fn an_answer_and_its_first_word() {
    let mut recorder = start();
    tokio::time::advance(Duration::from_millis(700)).await;
    recorder.saw(&RouteEvent::Model(ModelEvent::Text("Yes".to_owned())));
    tokio::time::advance(Duration::from_millis(300)).await;
    recorder.saw(&RouteEvent::Model(ModelEvent::Text(".".to_owned())));
    recorder.saw(&RouteEvent::Attempt(attempt("a/m", None, None)));
    let mut unfinished = Unfinished::default();
    let (text, end) = unfinished.push(&ModelEvent::End(EndReason::Stop)).unwrap();
    recorder.saw(&RouteEvent::Done(Answer {
        text,
        end,
        tool_calls: Vec::new(),
        malformed_calls: Vec::new(),
        opaque: Vec::new(),
        model: "a/m".parse().unwrap(),
        zone: Zone::Machine,
        served_by: Some("x".repeat(1000)),
        usage: Usage {
            output_tokens: Some(2),
            ..Usage::default()
        },
        attempts: Vec::new(),
        considered: Vec::new(),
        errors: Vec::new(),
        cost: None,
    }));
    let turn = recorder.finish();
    assert_eq!(
        (turn.first_word_ms, turn.total_ms, turn.usage.output_tokens),
        (Some(700), 1000, Some(2))
    );
    let TurnEnd::Answered { served_by, .. } = turn.end else {
        panic!("{:?}", turn.end)
    };
    assert_eq!(served_by.map(|name| name.len()), Some(LONGEST_NAME));
}

#[test]
fn who_leaves_is_recorded_too() {
    let mut recorder = start();
    recorder.saw(&RouteEvent::Trying("a/m".parse().unwrap()));
    let turn = recorder.finish();
    let asking = Some("a/m".parse().unwrap());
    assert_eq!(
        (turn.end, turn.agent.as_deref()),
        (TurnEnd::Stopped { asking }, Some("main"))
    );
    assert_eq!(turn.id.len(), 8);
    assert_ne!(turn.id, start().finish().id);
}
