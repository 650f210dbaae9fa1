//! The JSON Schema of the config, and questions about it.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::{path::Seg, raw};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(raw::Root).to_value());

/// The JSON Schema of the config file.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// One place in the schema, references followed.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    value: &'static Value,
    /// The description beside a reference wins over the one of its target.
    description: Option<&'static str>,
}

// === impl Shape ===

impl Shape {
    pub(crate) fn root() -> Self {
        Self::of(&SCHEMA)
    }

    fn of(value: &'static Value) -> Self {
        let description = value.get("description").and_then(Value::as_str);
        let target = value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| SCHEMA.pointer(reference.strip_prefix('#')?));
        match target {
            Some(target) => {
                let inner = Self::of(target);
                Self {
                    value: inner.value,
                    description: description.or(inner.description),
                }
            }
            None => Self { value, description },
        }
    }

    /// The alternatives of a value that may be of several types; itself when there is one.
    pub(crate) fn alternatives(self) -> Vec<Self> {
        match self.value.get("anyOf").and_then(Value::as_array) {
            Some(list) => list.iter().flat_map(|item| Self::of(item).alternatives()).collect(),
            None => vec![self],
        }
    }

    /// The JSON types allowed here; empty when anything is.
    pub(crate) fn types(self) -> Vec<&'static str> {
        match self.value.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ if self.choices().is_empty() => Vec::new(),
            _ => vec!["string"],
        }
    }

    /// The words allowed here; empty when any is.
    pub(crate) fn choices(self) -> Vec<&'static str> {
        let listed = self.value.get("enum").and_then(Value::as_array);
        let described = self.value.get("oneOf").and_then(Value::as_array);
        let words = listed.into_iter().flatten().filter_map(Value::as_str);
        let constants = described.into_iter().flatten();
        let constants = constants.filter_map(|item| item.get("const").and_then(Value::as_str));
        words.chain(constants).collect()
    }

    /// The named keys of an object.
    pub(crate) fn properties(self) -> Option<&'static Map<String, Value>> {
        self.value.get("properties").and_then(Value::as_object)
    }

    pub(crate) fn property(self, key: &str) -> Option<Self> {
        self.properties()?.get(key).map(Self::of)
    }

    /// What the values of other keys look like, where other keys are allowed.
    pub(crate) fn additional(self) -> Option<Self> {
        match self.value.get("additionalProperties")? {
            Value::Bool(false) => None,
            other => Some(Self::of(other)),
        }
    }

    /// What the value of `key` looks like.
    pub(crate) fn member(self, key: &str) -> Option<Self> {
        self.property(key).or_else(|| self.additional())
    }

    pub(crate) fn items(self) -> Option<Self> {
        self.value.get("items").map(Self::of)
    }

    pub(crate) fn required(self) -> impl Iterator<Item = &'static str> {
        let keys = self.value.get("required").and_then(Value::as_array);
        keys.into_iter().flatten().filter_map(Value::as_str)
    }

    pub(crate) fn minimum(self) -> Option<f64> {
        self.value.get("minimum").and_then(Value::as_f64)
    }

    pub(crate) fn maximum(self) -> Option<f64> {
        let is_u32 = self.value.get("format").and_then(Value::as_str) == Some("uint32");
        let stated = self.value.get("maximum").and_then(Value::as_f64);
        stated.or_else(|| is_u32.then_some(f64::from(u32::MAX)))
    }

    /// The documentation of the key.
    pub(crate) fn description(self) -> Option<String> {
        self.description.map(|text| text.replace('\n', " "))
    }

    /// The shape below `seg`, whichever alternative has it.
    pub(crate) fn step(self, seg: &Seg) -> Option<Self> {
        self.alternatives().into_iter().find_map(|shape| match seg {
            // Items of lists may go by their id.
            Seg::Key(key) => shape.member(key).or_else(|| shape.items()),
            Seg::Index(_) => shape.items(),
        })
    }

    /// The shape at `path`.
    pub(crate) fn at(path: &[Seg]) -> Option<Self> {
        path.iter().try_fold(Self::root(), Self::step)
    }
}
