//! An export that has something in every table, written by hand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A file that belongs to an item.
pub(crate) const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

pub(crate) fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A line as the format says it is.
pub(crate) fn line(table: &str, row: &Value) -> String {
    let said = format!(r#"{{"t":"{table}","r":{row}"#);
    let sum = hash(said.as_bytes());
    format!("{said},\"h\":\"{}\"}}\n", &sum[..16])
}

/// Lines between a header and an end.
pub(crate) fn export(rows: &[(&str, Value)]) -> String {
    let header = json!({"format": "yabby-store", "version": 1, "schema": 1, "at": 1, "from": "sqlite"});
    let mut text = line("header", &header);
    for (table, row) in rows {
        text.push_str(&line(table, row));
    }
    let end = json!({"lines": rows.len() + 1, "sha256": hash(text.as_bytes())});
    text.push_str(&line("end", &end));
    text
}

/// Something of everything, in the order in which it is exported.
pub(crate) fn rows() -> Vec<(&'static str, Value)> {
    let label = r#"{"i":"owner","c":"private","o":["test"]}"#;
    let origin = r#"{"channel":"test","account":"a","peer":{"kind":"direct","id":"c"}}"#;
    let out = r#"["test","a","c",null]"#;
    let said = |text: &str| json!({"kind": "message", "message": {"role": "user", "text": text}}).to_string();
    vec![
        ("meta", json!({"name": "something", "value": "else"})),
        (
            "lanes",
            json!({"kind": "in", "key": "agent:main:c", "head": 2, "fence": 3}),
        ),
        ("lanes", json!({"kind": "in", "key": "agent:main:d", "fence": 1})),
        (
            "lanes",
            json!({"kind": "out", "key": out, "head": 8, "fence": 9_007_199_254_740_993_i64}),
        ),
        (
            "inbox",
            json!({
                "id": 1, "channel": "test", "account": "a", "message": "m1", "conversation": "agent:main:c", "origin": origin,
                "state": "done", "received_at": 10, "body": "{\"text\":\"你好\\u0000\"}", "label": label,
                "claims": 0, "failures": 0, "fence": 2, "turn": "t1", "ended_at": 12,
            }),
        ),
        (
            "inbox",
            json!({
                "id": 2, "channel": "test", "account": "a", "message": "m2", "conversation": "agent:main:c", "origin": origin,
                "state": "received", "received_at": 11, "body": "{}", "label": label,
                "claims": 0, "failures": 0, "fence": 0,
            }),
        ),
        (
            "outbox",
            json!({
                "id": 7, "key": "t1/0", "conversation": "agent:main:c", "turn": "t1", "lane": out, "channel": "test",
                "account": "a", "peer": "c", "body": "{\"answer\":\"a\"}", "state": "sent", "created_at": 12, "tries": 1,
                "fence": 1, "receipt": "r", "ended_at": 13,
            }),
        ),
        (
            "outbox",
            json!({
                "id": 8, "key": "t1/1", "conversation": "agent:main:c", "turn": "t1", "lane": out, "channel": "test",
                "account": "a", "peer": "c", "body": "{\"answer\":\"b\"}", "state": "pending", "created_at": 12,
                "expires_at": 99, "tries": 0, "fence": 0,
            }),
        ),
        (
            "effects",
            json!({
                "key": "e", "conversation": "agent:main:c", "turn": "t1", "call": "x", "state": "done", "begun_at": 11,
                "begun_by": "me", "outcome": "{\"ok\":true}", "ended_at": 12,
            }),
        ),
        (
            "conversations",
            json!({
                "key": "agent:main:c", "agent": "main", "session": "s1", "origin": "{}", "state": "{}", "updated_at": 12,
            }),
        ),
        (
            "sessions",
            json!({
                "id": "s1", "conversation": "agent:main:c", "agent": "main", "title": "袋鼠", "begun_at": 10, "active_at": 12,
                "next_seq": 2, "label": label,
            }),
        ),
        (
            "items",
            json!({
                "id": 4, "item": "i1", "session": "s1", "seq": 0, "turn": "t1", "at": 10, "kind": "user", "label": label,
                "body": said("今天天氣很好 tailoring"),
            }),
        ),
        (
            "items",
            json!({
                "id": 6, "item": "i2", "session": "s1", "seq": 1, "at": 12, "kind": "summary", "covers_from": 0,
                "covers_to": 0, "label": label,
                "body": json!({"kind": "summary", "text": "weather", "from": 0, "to": 0}).to_string(),
            }),
        ),
        (
            "item_extras",
            json!({
                "item": "i1", "n": 0, "kind": "opaque", "endpoint": "http://a", "model": "m", "body": "{\"signed\":1}",
            }),
        ),
        (
            "attachments",
            json!({
                "hash": hash(PICTURE), "bytes": PICTURE.len(), "media_type": "image/png", "added_at": 10,
            }),
        ),
        ("file", json!({"hash": hash(PICTURE), "data": STANDARD.encode(PICTURE)})),
        (
            "item_attachments",
            json!({"item": "i1", "n": 0, "kind": "file", "hash": hash(PICTURE), "name": "a.png"}),
        ),
        (
            "approvals",
            json!({
                "id": "q", "conversation": "agent:main:c", "effect": "delivery/8", "question": "{\"t\":\"?\"}",
                "state": "open", "asked_at": 12,
            }),
        ),
        (
            "grants",
            json!({"id": "g", "agent": "main", "body": "{}", "given_at": 1, "expires_at": 2}),
        ),
        (
            "timers",
            json!({
                "id": "t", "conversation": "agent:main:c", "begins_at": 94, "due_at": 99, "every_ms": 5, "body": "{}",
                "label": label, "fired": 1,
            }),
        ),
        (
            "learned",
            json!({"subject": "s", "name": "n", "value": "v", "source": "x", "at": 1}),
        ),
        (
            "spending",
            json!({
                "id": "p", "at": 1, "day": 0, "model": "far/m", "conversation": "agent:main:c", "input": 1, "cached": 2,
                "written": 3, "output": 4, "usd": "0.30000000000000004", "exact": 1, "key": "k1",
            }),
        ),
        (
            "secrets",
            json!({"name": "k", "sealed": "", "value": STANDARD.encode([0, 255, 7]), "updated_at": 1}),
        ),
        (
            "keys",
            json!({
                "id": "k1", "name": "laptop", "hash": hash(b"secret"), "kind": "client",
                "scopes": "{\"models\":[\"a/*\"]}", "created_at": 1, "last_used_at": 2, "expires_at": 9,
            }),
        ),
        (
            "key_codes",
            json!({
                "hash": hash(b"code"), "name": "phone", "scopes": "{}", "made_at": 1, "expires_at": 2, "key": "k1",
            }),
        ),
        (
            "responses",
            json!({
                "id": "resp_a_b", "key": "k1", "conversation": "agent:main:c", "session": "s1", "message": 1,
                "input": "[]", "body": "{\"id\":\"resp_a_b\"}", "created_at": 10, "ended_at": 12,
            }),
        ),
    ]
}
