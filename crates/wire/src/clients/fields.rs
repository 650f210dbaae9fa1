//! The fields of a JSON object, taken out one by one: nothing is cloned, and what nobody takes is left.

use serde_json::{Map, Value};

use super::invalid::{InvalidKind, InvalidRequest};

type Read<T> = Result<T, InvalidRequest>;

/// What is left of an object.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The error that `value` is not what `field` must be.
pub(super) fn not_a(field: &str, wanted: &str, value: &Value) -> InvalidRequest {
    InvalidRequest::wrong(field, format!("must be {wanted}, not {}", kind(value)))
}

/// Reads each element of a list; an error says which.
pub(super) fn each(list: Vec<Value>, mut read: impl FnMut(Value) -> Read<()>) -> Read<()> {
    for (index, value) in list.into_iter().enumerate() {
        read(value).map_err(|error| error.at(index))?;
    }
    Ok(())
}

// === impl Fields ===

impl Fields {
    /// The fields of a body.
    pub(super) fn of_body(body: &[u8]) -> Read<Self> {
        let not_json = |error| InvalidRequest::new(InvalidKind::NotJson, "", format!("the body is no JSON: {error}"));
        Self::of(serde_json::from_slice(body).map_err(not_json)?)
    }

    /// The fields of `value`, which must be an object.
    pub(super) fn of(value: Value) -> Read<Self> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            other => Err(not_a("", "an object", &other)),
        }
    }

    /// Takes a field; null is the same as no field.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Whether there is a field that is not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Read<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(not_a(name, "a string", &other)),
        }
    }

    pub(super) fn needed_text(&mut self, name: &str) -> Read<String> {
        self.text(name)?.ok_or_else(|| InvalidRequest::missing(name))
    }

    pub(super) fn flag(&mut self, name: &str) -> Read<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(not_a(name, "a boolean", &other)),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Read<Option<f64>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(not_a(name, "a number", &value)),
            },
        }
    }

    pub(super) fn integer(&mut self, name: &str) -> Read<Option<i64>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(not_a(name, "a whole number", &value)),
            },
        }
    }

    /// A limit of tokens. Some clients say "none" with -1; more than there can be is none as well.
    pub(super) fn limit(&mut self, name: &str) -> Read<Option<u32>> {
        match self.integer(name)? {
            Some(0) => Err(InvalidRequest::wrong(name, "must be at least 1")),
            Some(number) => Ok(u32::try_from(number).ok()),
            None => Ok(None),
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Read<Option<Vec<Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(not_a(name, "an array", &other)),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Read<Option<Map<String, Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(not_a(name, "an object", &other)),
        }
    }

    /// The fields of an object.
    pub(super) fn inner(&mut self, name: &str) -> Read<Option<Self>> {
        Ok(self.object(name)?.map(Self))
    }

    /// Reads an object, if there is one; an error says in which.
    pub(super) fn inside<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        let Some(mut inner) = self.inner(name)? else {
            return Ok(None);
        };
        read(&mut inner).map(Some).map_err(|error| error.within(name))
    }

    /// Reads each element of a list, if there is one.
    pub(super) fn each(&mut self, name: &str, read: impl FnMut(Value) -> Read<()>) -> Read<()> {
        match self.list(name)? {
            Some(list) => each(list, read).map_err(|error| error.within(name)),
            None => Ok(()),
        }
    }

    /// Reads each element of a list that must be there and have something in it.
    pub(super) fn some(&mut self, name: &str, read: impl FnMut(Value) -> Read<()>) -> Read<()> {
        match self.list(name)? {
            None => Err(InvalidRequest::missing(name)),
            Some(list) if list.is_empty() => Err(InvalidRequest::wrong(name, "must not be empty")),
            Some(list) => each(list, read).map_err(|error| error.within(name)),
        }
    }

    /// Puts a field back, for those who keep what is left.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// What nobody took.
    pub(super) fn rest(mut self) -> Map<String, Value> {
        self.0.retain(|_, value| !value.is_null());
        self.0
    }
}
