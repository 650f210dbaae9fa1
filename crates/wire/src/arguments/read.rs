//! The object that the arguments of a call are, from what a server sends.

use serde_json::{Map, Value};

use super::schema::kind;
use crate::calltext;

/// Reads the arguments: also twice the same, behind a stray `{}`, in a JSON string, with a comma before a closing
/// bracket. The error says what they are instead.
pub(crate) fn object(raw: &str) -> Result<Map<String, Value>, String> {
    let mut found: Option<Map<String, Value>> = None;
    for value in documents(raw).ok_or("are not valid JSON")? {
        let map = match value {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            Value::String(inner) => match documents(&inner).as_deref() {
                Some([Value::Object(map)]) => map.clone(),
                _ => return Err("are a JSON string instead of an object".to_owned()),
            },
            other => return Err(format!("must be a JSON object, but are of type {}", kind(&other))),
        };
        match &found {
            Some(first) if !first.is_empty() && !map.is_empty() && *first != map => {
                return Err("are several different objects".to_owned());
            }
            Some(first) if !first.is_empty() => {}
            _ => found = Some(map),
        }
    }
    Ok(found.unwrap_or_default())
}

/// The JSON documents in a row that `raw` holds.
fn documents(raw: &str) -> Option<Vec<Value>> {
    let strict = serde_json::Deserializer::from_str(raw).into_iter::<Value>().collect();
    match strict {
        Ok(values) => Some(values),
        Err(_) => calltext::loose_json(raw),
    }
}
