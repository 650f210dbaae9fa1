//! What the cases have in common: a question, and what was said to it.

use serde_json::json;
use yabby_core::{EndReason, Message, ModelError, ModelEvent, ModelRequest, Tool, ToolCall, Unfinished, Usage};
use yabby_servers::Http;

use super::Place;

pub(super) struct Said {
    pub(super) text: String,
    pub(super) end: EndReason,
    pub(super) usage: Usage,
    pub(super) calls: Vec<ToolCall>,
    pub(super) pieces: usize,
}

pub(super) async fn ask(place: &Place, http: &Http, model: &str, request: &ModelRequest) -> Result<Said, ModelError> {
    let dialect = place.endpoint.dialect_for(model);
    let mut stream = place.endpoint.ask(http, dialect, model, request).await?;
    let (mut unfinished, mut usage, mut calls, mut pieces) = (Unfinished::default(), Usage::default(), Vec::new(), 0);
    while let Some(event) = stream.next().await {
        let event = event?;
        match &event {
            ModelEvent::Usage(counts) => usage.update(*counts),
            ModelEvent::ToolCall(call) => calls.push(call.clone()),
            ModelEvent::Text(_) => pieces += 1,
            _ => {}
        }
        if let Some((text, end)) = unfinished.push(&event) {
            return Ok(Said {
                text: text.into_string(),
                end,
                usage,
                calls,
                pieces,
            });
        }
    }
    panic!("a stream without an end and without an error");
}

pub(super) fn request(question: &str, most: u32) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user(question)],
        max_output_tokens: Some(most),
        temperature: Some(0.0),
        ..ModelRequest::default()
    }
}

pub(super) async fn good(place: &Place, http: &Http, request: &ModelRequest) -> Result<Said, String> {
    ask(place, http, place.model, request)
        .await
        .map_err(|error| format!("{:?}: {error}", error.kind))
}

pub(super) fn weather() -> Tool {
    Tool {
        name: "get_weather".to_owned(),
        description: "The weather in a city".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"city": {"type": "string", "description": "The city"}},
            "required": ["city"],
        }),
    }
}
