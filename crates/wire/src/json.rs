//! Reading JSON that may have any shape.

use serde_json::Value;

/// The string at a JSON pointer; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The count at a JSON pointer, as a whole number or as a float without a fraction.
pub(crate) fn count(value: &Value, pointer: &str) -> Option<u32> {
    let found = value.pointer(pointer)?;
    let whole = found.as_u64().or_else(|| {
        let float = found.as_f64()?;
        // Every count that a server can mean is far below 2^32; the cast saturates.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked: not negative, no fraction"
        )]
        (float >= 0.0 && float.fract() == 0.0).then_some(float as u64)
    })?;
    u32::try_from(whole).ok()
}

/// The elements of the array at a JSON pointer; none when there is no array.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_is_there() {
        let value = json!({"a": {"n": 3, "f": 4.0, "s": "x", "neg": -1, "half": 0.5}, "l": [1, 2]});
        assert_eq!(count(&value, "/a/n"), Some(3));
        assert_eq!(count(&value, "/a/f"), Some(4));
        assert_eq!(count(&value, "/a/neg"), None);
        assert_eq!(count(&value, "/a/half"), None);
        assert_eq!((text(&value, "/a/s"), text(&value, "/a/n")), ("x", ""));
        assert_eq!((items(&value, "/l").count(), items(&value, "/a").count()), (2, 0));
    }
}
