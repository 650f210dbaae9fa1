use serde_json::{Value, json};
use yabby_core::{Lang, text};

use super::*;

/// A turn with the fields that all have.
fn a_turn(fields: &Value) -> TurnRecord {
    let mut turn = json!({
        "id": "3f9a1c20", "at": 1_764_115_200, "attempts": [], "first_word_ms": null, "total_ms": 2004, "usage": {},
        "plan": {"candidates": [
            {"model": "near/m1", "why": "primary", "zone": "machine", "endpoint": "http://127.0.0.1:1234/v1"},
            {"model": "far/m2", "why": {"fallback": 1}, "zone": "hosted", "endpoint": "https://far.example/v1"},
        ]},
    });
    for (name, value) in fields.as_object().unwrap() {
        turn[name] = value.clone();
    }
    serde_json::from_value(turn).unwrap()
}

fn attempt(model: &str, fields: &Value) -> Value {
    let (endpoint, zone) = match model {
        "near/m1" => ("http://127.0.0.1:1234/v1", "machine"),
        _ => ("https://far.example/v1", "hosted"),
    };
    let mut attempt = json!({
        "model": model, "endpoint": endpoint, "zone": zone, "queued_ms": 0, "sent_ms": 1, "head_ms": null,
        "first_token_ms": null, "total_ms": 2, "bytes": 0, "usage": {}, "phase": "connect",
    });
    for (name, value) in fields.as_object().unwrap() {
        attempt[name] = value.clone();
    }
    attempt
}

fn refused() -> Value {
    attempt(
        "near/m1",
        &json!({"outcome": "failed", "error": "refused", "message": "nothing listens", "decision": "next"}),
    )
}

fn answered(model: &str) -> Value {
    attempt(
        model,
        &json!({
            "outcome": "answered", "phase": "done", "queued_ms": 12, "head_ms": 410, "first_token_ms": 520,
            "total_ms": 1990, "usage": {"input_tokens": 23_010, "cached_tokens": 20_000, "output_tokens": 84},
        }),
    )
}

fn answer(model: &str) -> Value {
    json!({"outcome": "answered", "model": model, "zone": "machine", "reason": "stop"})
}

/// What a person reads, in both languages.
fn shown(turn: &TurnRecord) -> String {
    let lines = |lang| super::turn(Terminal::plain(lang), turn).join("\n");
    format!("{}\n\n{}", lines(Lang::En), lines(Lang::ZhTw))
}

#[test]
fn answered_at_once() {
    insta::assert_snapshot!(shown(&a_turn(&json!({
        "attempts": [answered("near/m1")], "end": answer("near/m1"),
        "usage": {"input_tokens": 23_010, "cached_tokens": 20_000, "output_tokens": 84},
    }))));
}

#[test]
fn refused_and_answered_by_the_fallback() {
    let mut paid = answered("far/m2");
    paid["cost"] = json!(0.00123);
    insta::assert_snapshot!(shown(&a_turn(&json!({
        "attempts": [refused(), paid], "end": answer("far/m2"), "cost": 0.00123,
        "usage": {"input_tokens": 23_010, "output_tokens": 84},
    }))));
}

#[test]
fn all_failed() {
    let unauthorised = attempt(
        "far/m2",
        &json!({
            "outcome": "failed", "error": "auth", "message": "Incorrect API key\nprovided\u{1b}[2J", "decision": "stop",
            "phase": "head", "total_ms": 40,
        }),
    );
    insta::assert_snapshot!(shown(&a_turn(&json!({
        "attempts": [refused(), unauthorised], "end": {"outcome": "failed"}, "passed_over": [
            {"model": "near/m1", "error": "refused", "asked": true, "after": 1,
             "reason": text!("nothing listens at {url}", url = "http://127.0.0.1:1234/v1")},
            {"model": "far/m2", "error": "auth", "asked": true, "after": 2,
             "reason": text!("{what}: {words}", what = text!("the server did not accept the key"), words = "Incorrect API\u{1b}[2J")},
        ],
    }))));
}

#[test]
fn a_step_of_the_ladder_and_another_address() {
    let refused = attempt(
        "near/m1",
        &json!({
            "outcome": "failed", "error": "unsupported_field", "message": "Unrecognized request argument: stream_options",
            "decision": "degrade", "phase": "head", "total_ms": 9,
        }),
    );
    let mut elsewhere = answered("near/m1");
    elsewhere["endpoint"] = json!("http://192.168.1.5:1234/v1");
    insta::assert_snapshot!(shown(&a_turn(
        &json!({"attempts": [refused, elsewhere], "end": answer("near/m1")})
    )));
}

#[test]
fn left_out_and_passed_over() {
    let reason = text!("{provider} has no key", provider = "anthropic");
    let rests = text!(
        "{url} is not asked for {seconds} s",
        url = "http://127.0.0.1:1234/v1",
        seconds = 12
    );
    let mut turn = a_turn(&json!({
        "attempts": [answered("far/m2")], "end": answer("far/m2"),
        "passed_over": [{"model": "near/m1", "error": "resting", "reason": rests, "asked": false, "after": 0}],
    }));
    turn.plan.left_out = vec![NotPlanned {
        name: "anthropic/claude-sonnet-4-5".to_owned(),
        kind: "no_endpoint".to_owned(),
        reason,
    }];
    turn.plan.candidates[1].excepted = true;
    insta::assert_snapshot!(shown(&turn));
}

#[test]
fn nothing_was_asked_or_the_person_left() {
    let reason = text!("no model is configured and no running model server was found");
    let nothing = a_turn(&json!({
        "plan": {"candidates": []}, "total_ms": 0,
        "end": {"outcome": "unplanned", "kind": "no_model", "reason": reason},
    }));
    let left = a_turn(&json!({"end": {"outcome": "stopped", "asking": "near/m1"}}));
    insta::assert_snapshot!([shown(&nothing), shown(&left)].join("\n\n"));
}

#[test]
fn a_list_of_turns() {
    let ago = |seconds: u64| now() - seconds;
    let one = a_turn(&json!({"at": ago(5), "attempts": [answered("near/m1")], "end": answer("near/m1")}));
    let mut two = a_turn(&json!({
        "id": "0000abcd", "at": ago(180), "attempts": [refused(), answered("far/m2")], "end": answer("far/m2"),
        "cost": 0.25, "agent": "main",
    }));
    two.total_ms = 12;
    let three = a_turn(&json!({"id": "0000abce", "at": ago(7300), "asked": "far/m2", "end": {"outcome": "failed"}}));
    let lines = |lang| list(Terminal::plain(lang), &[one.clone(), two.clone(), three.clone()]).join("\n");
    insta::assert_snapshot!(format!("{}\n\n{}", lines(Lang::En), lines(Lang::ZhTw)));
}

#[test]
fn a_turn_for_programs() {
    let turn = a_turn(&json!({"attempts": [refused()], "end": {"outcome": "failed"}}));
    let (plan, rest) = fields(&turn);
    assert_eq!(
        (plan["candidates"][1]["why"]["fallback"].clone(), rest["id"].clone()),
        (json!(1), json!("3f9a1c20"))
    );
    assert_eq!(
        (rest.get("plan"), &rest["attempts"][0]["decision"]),
        (None, &json!("next"))
    );
}
