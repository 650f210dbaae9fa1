//! Where the whole of a long result is kept.

use yabby_core::Message;
use yabby_store::{Content, FileRef, NewItem, Store, StoreError, StoreErrorKind};

use super::fit::{fit, fit_for_good};

/// The name of the file that is the whole of a result.
pub(super) const NAME: &str = "result.txt";

/// What the item with this id is to hold of a result, when a model is shown so many characters: the text, and the file
/// that has all of it when it was cut. What is larger than the store takes, or what the model has no tool to read on in, is
/// only cut: `id` is `None` then.
pub async fn keep(
    store: &Store,
    text: &str,
    room: usize,
    id: Option<&str>,
) -> Result<(String, Vec<FileRef>), StoreError> {
    let shown = id.map_or_else(|| fit_for_good(text, room), |id| fit(text, room, id));
    if shown == text || id.is_none() {
        return Ok((shown, Vec::new()));
    }
    match store.attach(text.as_bytes().to_vec(), "text/plain").await {
        Ok(hash) => {
            let name = Some(NAME.to_owned());
            Ok((shown, vec![FileRef { hash, name }]))
        }
        Err(error) if error.kind == StoreErrorKind::TooLarge => Ok((fit_for_good(text, room), Vec::new())),
        Err(error) => Err(error),
    }
}

/// All that an item says: the whole of a result that was cut, and the words of any other message. `None` when it is no
/// message.
pub async fn whole(store: &Store, item: &NewItem) -> Result<Option<String>, StoreError> {
    let Content::Message { message } = &item.content else {
        return Ok(None);
    };
    let said = match message {
        Message::User { text, .. } | Message::Assistant { text, .. } => text,
        Message::ToolResult { content, .. } => {
            let file = item.files.iter().find(|file| file.name.as_deref() == Some(NAME));
            if let Some(file) = file {
                match store.file(&file.hash).await {
                    Ok(bytes) => return Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
                    // What was shown of it is still there.
                    Err(error) if error.kind == StoreErrorKind::Missing => {}
                    Err(error) => return Err(error),
                }
            }
            content
        }
    };
    Ok(Some(said.clone()))
}
