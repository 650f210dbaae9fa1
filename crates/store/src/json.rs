//! What is kept as JSON.

use serde::Serialize;
use yabby_core::text;

use crate::error::{Result, StoreError, StoreErrorKind};

/// What is nested deeper is not kept: `serde_json` reads back no more than 127 levels, and what is kept may become a part of
/// something else.
const DEEPEST: usize = 100;

/// A value as the text that is kept.
pub(crate) fn to_text(value: &impl Serialize) -> Result<String> {
    to_text_of_part(value, 0)
}

/// The same for a value that is put into others later, so many levels deep.
pub(crate) fn to_text_of_part(value: &impl Serialize, levels: usize) -> Result<String> {
    let text = serde_json::to_string(value).map_err(cannot)?;
    let depth = depth(&text) + levels;
    if depth <= DEEPEST {
        return Ok(text);
    }
    let message = text!(
        "this cannot be kept: it is nested {depth} levels deep, and {most} are allowed",
        depth = depth,
        most = DEEPEST
    );
    Err(StoreError::new(StoreErrorKind::TooLarge, message)
        .with_hint(text!("send it with fewer levels, or as a text in quotes")))
}

/// A value as JSON.
pub(crate) fn to_value(value: &impl Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(cannot)
}

/// How deep lists and objects lie in each other in a text that is JSON.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn cannot(error: serde_json::Error) -> StoreError {
    let message = text!("this cannot be kept: {error}", error = error);
    StoreError::new(StoreErrorKind::Invalid, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use serde_json::Value;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, _| serde_json::json!([inner]))
    }

    #[test]
    fn what_is_kept_can_be_read_back() {
        let deepest = to_text(&nested(DEEPEST)).expect("a text");
        assert_eq!(
            serde_json::from_str::<Value>(&deepest).expect("a value"),
            nested(DEEPEST)
        );
        let refused = [to_text(&nested(DEEPEST + 1)), to_text_of_part(&nested(DEEPEST), 1)];
        for error in refused.map(|refused| refused.expect_err("too deep")) {
            assert_eq!(error.kind, StoreErrorKind::TooLarge);
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    error.message.english(),
                    @"this cannot be kept: it is nested 101 levels deep, and 100 are allowed"
                );
            }
        }
    }

    /// As it would be counted without writing it down.
    fn counted(value: &Value) -> usize {
        let inner = match value {
            Value::Array(all) => all.iter().map(counted).max(),
            Value::Object(all) => all.values().map(counted).max(),
            _ => return 0,
        };
        1 + inner.unwrap_or(0)
    }

    proptest! {
        #[test]
        fn levels_are_counted_whatever_stands_in_texts(value in any_json()) {
            prop_assert_eq!(depth(&value.to_string()), counted(&value));
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = r#"[\[\]{}"\\a]{0,6}"#;
        let leaf = prop_oneof![any::<i64>().prop_map(Value::from), text.prop_map(Value::from)];
        leaf.prop_recursive(5, 40, 4, move |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                collection::btree_map(text, inner, 0..4).prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }
}
