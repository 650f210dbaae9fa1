//! What a server answers, for the model.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;
use yabby_core::Image;

use super::McpLimits;
use crate::{Output, ToolError, ToolErrorKind};

/// Makes an output of a result, or an error when the server says that it is one.
pub(super) fn output(result: CallToolResult, limits: &McpLimits) -> Result<Output, ToolError> {
    let is_error = result.is_error == Some(true);
    let mut parts = Vec::new();
    let mut images = Vec::new();
    for block in result.content {
        match block {
            ContentBlock::Text(text) => parts.push(text.text),
            ContentBlock::Image(image) => match picture(&image.data, images.len(), limits) {
                Ok(image) => images.push(image),
                Err(why) => parts.push(format!("[a picture, {why}]")),
            },
            ContentBlock::Audio(_) => parts.push("[sound, which cannot be shown]".to_owned()),
            ContentBlock::ResourceLink(link) => {
                let about = link.description.or(link.title).unwrap_or_default();
                let about = if about.is_empty() { about } else { format!(": {about}") };
                parts.push(format!("[{}]({}){about}", link.name, link.uri));
            }
            ContentBlock::Resource(resource) => parts.push(match resource.resource {
                ResourceContents::TextResourceContents { uri, text, .. } => format!("{uri}:\n{text}"),
                ResourceContents::BlobResourceContents { uri, .. } => format!("[{uri}, which is no text]"),
                _ => "[something that cannot be shown]".to_owned(),
            }),
            _ => parts.push("[something that cannot be shown]".to_owned()),
        }
    }
    // Servers are asked to say the same as text too.
    if let Some(data) = result.structured_content
        && !parts
            .iter()
            .any(|part| serde_json::from_str::<Value>(part).is_ok_and(|part| part == data))
    {
        parts.push(data.to_string());
    }
    let mut text = parts.join("\n");
    if text.len() > limits.text_bytes {
        text.truncate(text.floor_char_boundary(limits.text_bytes));
        text.push_str("\n[the rest was left out]");
    }
    if is_error {
        let text = if text.is_empty() {
            "the tool failed".to_owned()
        } else {
            text
        };
        return Err(ToolError::new(ToolErrorKind::Failed, text));
    }
    if text.is_empty() && images.is_empty() {
        "done; the tool has nothing to say".clone_into(&mut text);
    }
    Ok(Output {
        text,
        images,
        ..Output::default()
    })
}

fn picture(data: &str, before: usize, limits: &McpLimits) -> Result<Image, &'static str> {
    if before >= limits.images {
        return Err("one too many");
    }
    // Four letters of base64 are three bytes.
    if data.len() / 4 * 3 > limits.image_bytes {
        return Err("too large to be shown");
    }
    let bytes = STANDARD.decode(data).map_err(|_| "which is damaged")?;
    Image::new(&bytes).ok_or("of a kind that cannot be shown")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(result: Value) -> String {
        let limits = McpLimits {
            images: 1,
            image_bytes: 30,
            text_bytes: 60,
            ..McpLimits::default()
        };
        match output(serde_json::from_value(result).unwrap(), &limits) {
            Ok(output) => format!("{} ({} pictures)", output.text, output.images.len()),
            Err(error) => format!("{:?}: {error}", error.kind),
        }
    }

    #[test]
    fn everything_that_a_server_answers_becomes_something() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let image = |data: &str| json!({"type": "image", "mimeType": "image/png", "data": data});
        let png = image("iVBORw0KGgo=");
        let told = [
            told(json!({"content": [text("one"), text("two")]})),
            told(json!({"content": []})),
            told(json!({"content": [text("no such city")], "isError": true})),
            told(json!({"content": [], "isError": true})),
            told(json!({"content": [png, png]})),
            told(json!({"content": [image("!"), image("PHN2Zy8+")]})),
            told(json!({"content": [image(&"A".repeat(100))]})),
            told(json!({"content": [{"type": "audio", "mimeType": "audio/wav", "data": ""}]})),
            told(
                json!({"content": [{"type": "resource_link", "uri": "file:///a", "name": "a", "description": "notes"}]}),
            ),
            told(json!({"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "hi"}}]})),
            told(json!({"content": [{"type": "resource", "resource": {"uri": "file:///a", "blob": "AA=="}}]})),
            told(json!({"content": [text("{\"b\": 2, \"a\": 1}")], "structuredContent": {"a": 1, "b": 2}})),
            told(json!({"content": [text("sunny")], "structuredContent": {"degrees": 21}})),
            told(json!({"content": [text(&"天".repeat(30))]})),
        ];
        insta::assert_snapshot!(told.join("\n---\n"));
    }
}
