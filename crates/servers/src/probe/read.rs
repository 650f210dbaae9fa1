//! Reading single values out of what servers say. What is missing, of another type or senseless is unknown.

use serde_json::Value;
use yabby_config::Modality;
use yabby_core::{Fact, FactSource};

/// What the running server says.
pub(super) fn said<T>(value: T) -> Fact<T> {
    Fact::new(value, FactSource::Probe)
}

/// What all servers of a kind do, from recordings and documentation.
pub(super) fn usual<T>(value: T) -> Fact<T> {
    Fact::new(value, FactSource::Catalogue)
}

/// A number of tokens, slots or the like; none is unknown.
pub(super) fn count(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok().filter(|count| *count > 0)
}

/// A number as the server says it.
pub(super) fn counted(value: &Value) -> Option<Fact<u32>> {
    count(value).map(said)
}

/// A size in bytes; none is unknown.
pub(super) fn bytes(value: &Value) -> Option<Fact<u64>> {
    value.as_u64().filter(|bytes| *bytes > 0).map(said)
}

/// A yes or no.
pub(super) fn flag(value: &Value) -> Option<Fact<bool>> {
    value.as_bool().map(said)
}

/// A text that is not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whether a list of words has this one; `None` when it is no list.
pub(super) fn lists(value: &Value, word: &str) -> Option<bool> {
    Some(value.as_array()?.iter().any(|item| item == word))
}

/// A list of modalities by their names; what Yabby cannot send, such as files, is left out.
pub(super) fn modalities(value: &Value) -> Option<Fact<Vec<Modality>>> {
    let names = value.as_array()?.iter().filter_map(Value::as_str);
    let known: Vec<Modality> = names
        .filter_map(|name| match name {
            "text" => Some(Modality::Text),
            "image" => Some(Modality::Image),
            "audio" => Some(Modality::Audio),
            "video" => Some(Modality::Video),
            _ => None,
        })
        .collect();
    (!known.is_empty()).then(|| said(known))
}

/// Text, and what the flags add.
pub(super) fn text_and(more: &[(Modality, bool)]) -> Fact<Vec<Modality>> {
    let more = more.iter().filter(|(_, reads)| *reads).map(|(modality, _)| *modality);
    said(std::iter::once(Modality::Text).chain(more).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_senseless_is_unknown() {
        for value in [
            json!(0),
            json!(-1),
            json!(4_294_967_296_u64),
            json!("4096"),
            json!(null),
        ] {
            assert_eq!(count(&value), None, "{value}");
        }
        assert_eq!(
            (count(&json!(1)), bytes(&json!(0)), flag(&json!("yes"))),
            (Some(1), None, None)
        );
        assert_eq!((text(&json!("")), lists(&json!({}), "a")), (None, None));
        assert_eq!(lists(&json!(["b", 1]), "a"), Some(false));
        assert_eq!(modalities(&json!(["file"])), None);
        assert_eq!(
            modalities(&json!(["image", "file", "text"])),
            Some(said(vec![Modality::Image, Modality::Text]))
        );
    }
}
