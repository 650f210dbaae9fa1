//! Requests in another shape, before a dialect writes them: what [`Quirks`] ask for, and always a sound history.
//!
//! Everything here is a function of the request and the quirks alone, and works through the conversation from its
//! beginning, so that a longer conversation begins with the bytes of the shorter one, up to a message that
//! [`Quirks::end_with_user`] added behind it.

mod plain;
mod repair;

use std::borrow::Cow;

use yabby_core::{Message, ModelRequest, ToolChoice};

use crate::{dialect::Quirks, lower};

/// What makes a model go on where its own words are the last.
const GO_ON: &str = "Go on.";

/// The tools as the endpoint takes them: without those in quarantine, and bare if it must be.
pub(crate) fn tools<'a>(request: Cow<'a, ModelRequest>, quirks: &Quirks) -> Cow<'a, ModelRequest> {
    let mut request = released(request, quirks);
    if quirks.bare_schemas && !request.tools.is_empty() {
        for tool in &mut request.to_mut().tools {
            tool.parameters = lower::bare_parameters(&tool.parameters);
        }
    }
    request
}

/// Without the tools in quarantine; when one of them was to be called, any may be. Where it cannot be said that none
/// may be called, none is offered.
pub(crate) fn released<'a>(mut request: Cow<'a, ModelRequest>, quirks: &Quirks) -> Cow<'a, ModelRequest> {
    let unsaid = quirks
        .extra_body
        .get("tool_choice")
        .is_some_and(serde_json::Value::is_null);
    if unsaid && request.tool_choice == ToolChoice::None && !request.tools.is_empty() {
        request.to_mut().tools.clear();
    }
    if request.tools.iter().any(|tool| quirks.has_quarantined(tool)) {
        let request = request.to_mut();
        request.tools.retain(|tool| !quirks.has_quarantined(tool));
        let is_offered = |name: &String| request.tools.iter().any(|tool| &tool.name == name);
        if matches!(&request.tool_choice, ToolChoice::Named(name) if !is_offered(name)) {
            request.tool_choice = ToolChoice::Auto;
        }
    }
    request
}

/// The conversation with a result for each call and a call for each result.
pub(crate) fn sound(mut request: Cow<'_, ModelRequest>) -> Cow<'_, ModelRequest> {
    if !repair::is_sound(&request.messages) {
        let request = request.to_mut();
        request.messages = repair::repaired(std::mem::take(&mut request.messages));
    }
    request
}

/// The conversation as the endpoint's template takes it.
pub(crate) fn conversation<'a>(request: Cow<'a, ModelRequest>, quirks: &Quirks) -> Cow<'a, ModelRequest> {
    let mut request = sound(request);
    if quirks.tools_as_text {
        let request = request.to_mut();
        request.messages = plain::alternating(std::mem::take(&mut request.messages));
    }
    if quirks.fold_system && request.system.is_some() {
        fold_system(request.to_mut());
    }
    if quirks.end_with_user && ends_with_answer(&request.messages) {
        request.to_mut().messages.push(Message::user(GO_ON));
    }
    request
}

/// Puts the system prompt before what the person says first.
fn fold_system(request: &mut ModelRequest) {
    let Some(system) = request.system.take() else {
        return;
    };
    match request.messages.first_mut() {
        Some(Message::User { text, .. }) => {
            let gap = if text.is_empty() { "" } else { "\n\n" };
            *text = format!("{system}{gap}{text}");
        }
        _ => request.messages.insert(0, Message::user(system)),
    }
}

/// Calls that wait for their results do not end a conversation.
fn ends_with_answer(messages: &[Message]) -> bool {
    matches!(messages.last(), Some(Message::Assistant { tool_calls, .. }) if tool_calls.is_empty())
}

#[cfg(test)]
mod tests;
