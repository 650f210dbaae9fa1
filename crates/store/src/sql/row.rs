//! What a query returns.

use serde::de::DeserializeOwned;
use yabby_core::{InvalidSessionKey, SessionKey, Time, text};

use super::Value;
use crate::error::{Result, StoreError, StoreErrorKind};

/// One row; columns by their place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    pub(crate) fn int(&self, at: usize) -> Result<i64> {
        self.opt_int(at)?.ok_or_else(|| unexpected(at, "NULL"))
    }

    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        match self.value(at)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            other => Err(unexpected(at, name(other))),
        }
    }

    pub(crate) fn opt_real(&self, at: usize) -> Result<Option<f64>> {
        match self.value(at)? {
            Value::Null => Ok(None),
            Value::Real(value) => Ok(Some(*value)),
            other => Err(unexpected(at, name(other))),
        }
    }

    pub(crate) fn text(&self, at: usize) -> Result<String> {
        self.opt_text(at)?.ok_or_else(|| unexpected(at, "NULL"))
    }

    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<String>> {
        match self.value(at)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value.clone())),
            other => Err(unexpected(at, name(other))),
        }
    }

    pub(crate) fn bytes(&self, at: usize) -> Result<Vec<u8>> {
        match self.value(at)? {
            Value::Bytes(value) => Ok(value.clone()),
            other => Err(unexpected(at, name(other))),
        }
    }

    pub(crate) fn flag(&self, at: usize) -> Result<bool> {
        Ok(self.int(at)? != 0)
    }

    pub(crate) fn time(&self, at: usize) -> Result<Time> {
        self.int(at).map(Time)
    }

    pub(crate) fn opt_time(&self, at: usize) -> Result<Option<Time>> {
        Ok(self.opt_int(at)?.map(Time))
    }

    pub(crate) fn session_key(&self, at: usize) -> Result<SessionKey> {
        let text = self.text(at)?;
        text.parse()
            .map_err(|error: InvalidSessionKey| unexpected(at, "no session key").with_source(error))
    }

    /// A text that is JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, at: usize) -> Result<T> {
        let text = self.text(at)?;
        serde_json::from_str(&text).map_err(|error| unexpected(at, "other JSON").with_source(error))
    }

    fn value(&self, at: usize) -> Result<&Value> {
        self.0.get(at).ok_or_else(|| unexpected(at, "nothing"))
    }
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Int(_) => "a whole number",
        Value::Real(_) => "a number",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
    }
}

fn unexpected(at: usize, found: &'static str) -> StoreError {
    let message = text!(
        "the store holds {found} in column {column} of a row, where something else belongs",
        found = found,
        column = at
    );
    StoreError::new(StoreErrorKind::Damaged, message).with_hint(text!("run: yabby store check"))
}
