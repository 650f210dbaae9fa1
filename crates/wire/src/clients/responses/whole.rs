//! A response in one piece.

use serde_json::Value;
use yabby_core::{EndReason, Usage};

use super::{
    super::{encoder::Meta, sse, whole::Part},
    object::{
        Response, Status, call_item, encrypted, incomplete, item_id, item_status, message_item, reasoning_item,
        summary_part, text_part, usage_value,
    },
};

/// A response that is known only as it was begun, with an answer that was found since, and why that has ended. What it has
/// used is not known.
pub fn response_found(mut begun: Value, text: &str, reason: EndReason) -> Value {
    let Some(response) = begun.as_object_mut() else {
        return begun;
    };
    let id = response.get("id").and_then(Value::as_str).unwrap_or_default();
    let id = format!("msg_{}_0", id.strip_prefix("resp_").unwrap_or(id));
    let status = item_status(reason);
    let message = message_item(&id, status, &[text_part(text)]);
    response.insert("output".to_owned(), Value::Array(vec![message]));
    response.insert("status".to_owned(), status.into());
    response.insert("incomplete_details".to_owned(), incomplete(reason));
    response.insert("usage".to_owned(), usage_value(&Usage::default()));
    begun
}

/// A response as far as it has come.
pub(in super::super) fn whole(meta: &Meta, parts: Vec<Part>, how: Status<'_>) -> Vec<u8> {
    let how_last = match how {
        Status::Ended(reason, _) => item_status(reason),
        Status::InProgress => "in_progress",
        Status::Failed(..) => "incomplete",
    };
    let mut output: Vec<Value> = Vec::new();
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.into_iter().enumerate() {
        let at = output.len();
        match part {
            Part::Text(text) => {
                let status = if index == last { how_last } else { "completed" };
                let id = item_id("msg", meta, at);
                output.push(message_item(&id, status, &[text_part(&text)]));
            }
            Part::Reasoning(text) => {
                let id = item_id("rs", meta, at);
                output.push(reasoning_item(&id, &[summary_part(&text)], None));
            }
            Part::Call(call) => {
                let is_custom = meta.custom_tools.contains(&call.name);
                let (kind, input) = if is_custom {
                    ("ctc", call.input())
                } else {
                    ("fc", call.arguments.as_str())
                };
                let id = item_id(kind, meta, at);
                output.push(call_item(&id, "completed", &call, is_custom, input));
            }
            Part::Opaque(data) => {
                let Some(encrypted) = encrypted(&data) else { continue };
                let open = |item: &&mut Value| item["type"] == "reasoning" && item.get("encrypted_content").is_none();
                match output.last_mut().filter(open) {
                    Some(item) => item["encrypted_content"] = encrypted.into(),
                    None => output.push(reasoning_item(&item_id("rs", meta, at), &[], Some(encrypted))),
                }
            }
        }
    }
    let mut body = Vec::new();
    sse::json(&mut body, &Response::new(meta, &output, how));
    body
}
