//! Turns for tests.

use serde_json::{Value, json};

use super::TurnRecord;

fn turn(attempts: &Value, end: &Value) -> TurnRecord {
    let record = json!({
        "id": "3f9a1c20",
        "at": 1_764_115_200,
        "plan": {
            "candidates": [
                {"model": "near/m1", "why": "primary", "zone": "machine", "endpoint": "http://127.0.0.1:1/v1"},
                {"model": "far/m2", "why": {"fallback": 1}, "zone": "hosted", "endpoint": "https://far.example/v1"},
            ],
        },
        "attempts": attempts,
        "end": end,
        "first_word_ms": 510,
        "total_ms": 2000,
        "usage": {"input_tokens": 9, "output_tokens": 3},
    });
    serde_json::from_value(record).unwrap()
}

fn refused() -> Value {
    json!({
        "model": "near/m1", "endpoint": "http://127.0.0.1:1/v1", "zone": "machine",
        "outcome": "failed", "error": "refused", "message": "nothing listens at http://127.0.0.1:1/v1",
        "decision": "next", "phase": "connect",
        "queued_ms": 0, "sent_ms": 1, "head_ms": null, "first_token_ms": null, "total_ms": 2, "bytes": 0, "usage": {},
    })
}

/// The first refused, and the second answered.
pub(crate) fn fallback() -> TurnRecord {
    let answered = json!({
        "model": "far/m2", "endpoint": "https://far.example/v1", "zone": "hosted",
        "outcome": "answered", "phase": "done",
        "queued_ms": 0, "sent_ms": 3, "head_ms": 400, "first_token_ms": 500, "total_ms": 2000, "bytes": 900,
        "usage": {"input_tokens": 9, "output_tokens": 3}, "cost": 0.0012,
    });
    let end = json!({"outcome": "answered", "model": "far/m2", "zone": "hosted", "reason": "stop"});
    turn(&json!([refused(), answered]), &end)
}
