//! How an item is taken apart for the database.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use yabby_core::{Image, Message, Opaque, text};

use super::Content;
use crate::error::{Result, StoreError, StoreErrorKind};

/// An item's content in parts.
pub(super) struct Parts {
    /// What is left of it.
    pub(super) content: Content,
    /// The bytes of its pictures, and their media types.
    pub(super) images: Vec<(Vec<u8>, &'static str)>,
    /// What only a server can read.
    pub(super) opaque: Vec<Opaque>,
}

/// Takes an item's content apart.
pub(super) fn apart(content: &Content) -> Result<Parts> {
    let mut parts = Parts {
        content: content.clone(),
        images: Vec::new(),
        opaque: Vec::new(),
    };
    match &mut parts.content {
        Content::Message {
            message: Message::User { images, .. },
        } => {
            for image in std::mem::take(images) {
                let bytes = STANDARD.decode(image.base64()).map_err(|error| {
                    StoreError::new(StoreErrorKind::Invalid, text!("a picture is not base64")).with_source(error)
                })?;
                parts.images.push((bytes, image.media_type.name()));
            }
        }
        Content::Message {
            message: Message::Assistant { opaque, .. },
        } => parts.opaque = std::mem::take(opaque),
        _ => {}
    }
    Ok(parts)
}

/// Puts pictures and what only a server can read back.
pub(super) fn together(mut content: Content, found: Vec<Image>, unread: Vec<Opaque>) -> Content {
    match &mut content {
        Content::Message {
            message: Message::User { images, .. },
        } => *images = found,
        Content::Message {
            message: Message::Assistant { opaque, .. },
        } => *opaque = unread,
        _ => {}
    }
    content
}

/// The kind of an item, as its column has it.
pub(super) fn kind(content: &Content) -> &'static str {
    match content {
        Content::Message { message } => match message {
            Message::User { .. } => "user",
            Message::Assistant { .. } => "assistant",
            Message::ToolResult { .. } => "tool",
        },
        Content::Summary { .. } => "summary",
        Content::Note { .. } => "note",
    }
}

/// The words of an item, for the search and for people.
pub(crate) fn said(content: &Content) -> &str {
    match content {
        Content::Message { message } => match message {
            Message::User { text, .. } | Message::Assistant { text, .. } => text,
            Message::ToolResult { content, .. } => content,
        },
        Content::Summary { text, .. } => text,
        Content::Note { .. } => "",
    }
}
