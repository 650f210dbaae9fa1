//! A session as a model is shown it now.

use yabby_core::{ModelRequest, TokenCount};
use yabby_store::{Content, Item};

use super::Ruler;
use crate::{Frozen, Note, notes::Past, render};

/// What stands before the conversation, when no epoch has begun.
const NOTHING: Frozen = Frozen {
    system: String::new(),
    tools: Vec::new(),
};

/// The request that these items make.
pub(super) fn request(items: &[Item]) -> ModelRequest {
    let (frozen, messages) = render(items);
    let Frozen { system, tools } = frozen.unwrap_or(NOTHING);
    ModelRequest {
        system: (!system.is_empty()).then_some(system),
        messages,
        tools,
        ..ModelRequest::default()
    }
}

/// The tokens of what stands before the conversation.
pub(super) fn prefix(request: &ModelRequest, ruler: &Ruler) -> u32 {
    let bare = ModelRequest {
        system: request.system.clone(),
        tools: request.tools.clone(),
        ..ModelRequest::default()
    };
    ruler.request(&bare)
}

/// A ruler by which the request has what was counted, or what an error has taught.
pub(super) fn ruler(request: &ModelRequest, counted: TokenCount, stretched: (u32, u32)) -> Ruler {
    let (most, least) = stretched;
    let tokens = u64::from(counted.tokens) * u64::from(most) / u64::from(least.max(1));
    Ruler::of(request, u32::try_from(tokens).unwrap_or(u32::MAX))
}

/// What compactions before have left behind.
pub(super) fn past(items: &[Item]) -> Past {
    let found = items.iter().rev().find_map(|item| match Note::of(&item.item.content) {
        Some(Note::Compacted(past)) => Some(past),
        _ => None,
    });
    found.unwrap_or_default()
}

/// The earlier summary: its words, its first item and its last one.
pub(super) fn earlier(items: &[Item]) -> Option<(&str, u64, u64)> {
    items.iter().find_map(|item| match &item.item.content {
        Content::Summary { text, from, to } => Some((text.as_str(), *from, *to)),
        _ => None,
    })
}
