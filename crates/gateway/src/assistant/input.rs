//! What a response was asked with, as a list of items (platform.openai.com, "List input items").

use serde_json::{Map, Value, json};

/// The items of a request. What is sent as data stays out: the conversation has it.
pub(super) fn items(id: &str, body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = id.strip_prefix("resp_").unwrap_or(id);
    let items = match body.get("input") {
        Some(Value::String(text)) => vec![json!({"role": "user", "content": text})],
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let numbered = items.into_iter().enumerate();
    numbered.map(|(n, item)| whole(item, &format!("{id}_in_{n}"))).collect()
}

/// An item with all that a client may leave out.
fn whole(item: Value, id: &str) -> Value {
    let Value::Object(mut item) = item else { return item };
    let kind = item.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    if kind == "message" {
        message(&mut item);
    }
    let beginning = match kind.as_str() {
        "message" => "msg",
        "function_call" => "fc",
        "reasoning" => "rs",
        _ => "item",
    };
    if item.get("id").is_none_or(Value::is_null) {
        item.insert("id".to_owned(), format!("{beginning}_{id}").into());
    }
    item.insert("type".to_owned(), kind.into());
    let mut item = Value::Object(item);
    leave_out(&mut item);
    item
}

fn message(item: &mut Map<String, Value>) {
    let is_ours = item.get("role").and_then(Value::as_str) == Some("assistant");
    if let Some(Value::String(text)) = item.get("content") {
        let part = if is_ours {
            json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
        } else {
            json!({"type": "input_text", "text": text})
        };
        item.insert("content".to_owned(), json!([part]));
    }
    item.entry("status").or_insert_with(|| "completed".into());
}

/// Takes pictures and files out that are sent as data.
fn leave_out(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(leave_out),
        Value::Object(fields) => {
            let is_data = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("data:"));
            for (name, value) in fields {
                if (name == "image_url" && is_data(value)) || name == "file_data" {
                    *value = Value::Null;
                } else {
                    leave_out(value);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_there_and_data_is_not() {
        assert_eq!(
            items("resp_c_1", br#"{"input": "hi"}"#),
            json!([{
                "role": "user", "content": [{"type": "input_text", "text": "hi"}], "status": "completed",
                "id": "msg_c_1_in_0", "type": "message",
            }])
        );
        let body = json!({"input": [
            {"role": "assistant", "content": "hello"},
            {"type": "message", "id": "msg_x", "role": "user", "content": [
                {"type": "input_text", "text": "data: none"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_image", "detail": "auto", "image_url": "https://a.example/b.png"},
            ]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        ]});
        let found = items("resp_c_1", body.to_string().as_bytes());
        assert_eq!(
            found,
            json!([
                {
                    "role": "assistant", "id": "msg_c_1_in_0", "type": "message", "status": "completed",
                    "content": [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}],
                },
                {"type": "message", "id": "msg_x", "role": "user", "status": "completed", "content": [
                    {"type": "input_text", "text": "data: none"},
                    {"type": "input_image", "detail": "auto", "image_url": null},
                    {"type": "input_image", "detail": "auto", "image_url": "https://a.example/b.png"},
                ]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "id": "fc_c_1_in_2"},
            ])
        );
        assert_eq!(items("resp_c_1", b"{}"), json!([]));
    }
}
