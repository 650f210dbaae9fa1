//! What a history may not hold: blobs without what belongs to them, and calls without results. What is refused once is
//! refused with every later turn.

use serde_json::Value;

use super::bad;
use crate::{
    http::{Answer, Request},
    kinds::ServerKind,
};

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Anthropic: signed thoughts, and results right after their calls (platform.claude.com, "Extended thinking", "Handle
/// tool calls"; the words from `anthropics/claude-code` issues).
pub(super) fn messages(kind: &ServerKind, request: &Request) -> Option<Answer> {
    let messages: Vec<&Value> = items(&request.body["messages"]).collect();
    for (at, message) in messages.iter().enumerate() {
        for (place, block) in items(&message["content"]).enumerate() {
            let unsigned = block["signature"].as_str().unwrap_or_default().is_empty();
            if block["type"] == "thinking" && unsigned {
                let message = format!("messages.{at}.content.{place}: Invalid `signature` in `thinking` block");
                return Some(bad(kind, &message, None, None));
            }
            let answered = || {
                let next = messages.get(at + 1).map(|next| &next["content"]);
                next.is_some_and(|next| items(next).any(|result| result["tool_use_id"] == block["id"]))
            };
            if block["type"] == "tool_use" && !answered() {
                let id = block["id"].as_str().unwrap_or_default();
                let message = format!(
                    "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}."
                );
                return Some(bad(kind, &message, None, None));
            }
        }
    }
    None
}

/// `OpenAI`: reasoning with the item that followed it and with content that it has encrypted itself, and calls with
/// their outputs (developers.openai.com, "Reasoning models"; the words from issues of `openai/openai-python`).
pub(super) fn responses(kind: &ServerKind, request: &Request) -> Option<Answer> {
    let input: Vec<&Value> = items(&request.body["input"]).collect();
    for (at, item) in input.iter().enumerate() {
        if item["type"] == "reasoning" {
            let id = item["id"].as_str().unwrap_or_default();
            let follows = input.get(at + 1).is_some_and(|next| {
                next["type"] == "function_call" || next["role"] == "assistant" || next["type"] == "reasoning"
            });
            if !follows {
                let message =
                    format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
                return Some(bad(kind, &message, Some("input"), None));
            }
            let sealed = item["encrypted_content"].as_str().unwrap_or_default();
            if !sealed.starts_with("gAAAA-openai-") {
                let message = format!("The encrypted content for item {id} could not be verified.");
                return Some(bad(kind, &message, None, Some("invalid_encrypted_content")));
            }
        }
        if item["type"] == "function_call" {
            let answered =
                |other: &&&Value| other["type"] == "function_call_output" && other["call_id"] == item["call_id"];
            if input.iter().find(answered).is_none() {
                let call = item["call_id"].as_str().unwrap_or_default();
                let message = format!("No tool output found for function call {call}.");
                return Some(bad(kind, &message, Some("input"), None));
            }
        }
    }
    None
}
