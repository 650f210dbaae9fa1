//! Answers that are a number of tokens.

use serde_json::json;

/// The answer of `/v1/responses/input_tokens`.
pub fn input_tokens(tokens: u32) -> Vec<u8> {
    json!({"object": "response.input_tokens", "input_tokens": tokens})
        .to_string()
        .into_bytes()
}

/// The answer of `/v1/messages/count_tokens`.
pub fn message_tokens(tokens: u32) -> Vec<u8> {
    json!({"input_tokens": tokens}).to_string().into_bytes()
}
