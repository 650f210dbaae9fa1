//! Makes arguments fit where it is clear what the model meant: numbers and booleans as strings, objects in strings,
//! and null for what may be left out.

use serde_json::{Map, Value};

use super::{
    budget::{Budget, length, weight},
    check::Check,
    schema::{Schema, is_one_of, kind, whole},
};

/// Deeper than this nothing is changed.
const MAX_DEPTH: usize = 32;

/// Decimal digits that every float keeps.
const EXACT_DIGITS: usize = 15;

/// A value that was written without a type.
pub(super) fn untyped(text: String, schema: Option<Schema<'_>>, budget: &Budget) -> Value {
    let types = schema.map(Schema::types).unwrap_or_default();
    if types.is_empty() {
        return parsed(&text).unwrap_or(Value::String(text));
    }
    Coerce::new(budget).value(Value::String(text), schema, 0)
}

/// The value that `schema` lets it be; itself where nothing fits better.
pub(super) fn typed(value: Value, schema: Schema<'_>, budget: &Budget) -> Value {
    Coerce::new(budget).value(value, Some(schema), 0)
}

/// What `text` says as JSON, also as Python writes it.
fn parsed(text: &str) -> Option<Value> {
    match text.trim() {
        "True" => Some(Value::Bool(true)),
        "False" => Some(Value::Bool(false)),
        "None" => Some(Value::Null),
        text => serde_json::from_str(text).ok(),
    }
}

fn scalar(value: Value, schema: Schema<'_>) -> Value {
    let types = schema.types();
    if types.is_empty() || is_one_of(kind(&value), &types) {
        return match whole(&value) {
            Some(whole) if types.contains(&"integer") && !types.contains(&"number") => whole,
            _ => value,
        };
    }
    let text = value.to_string();
    if types.contains(&"string") && (!value.is_f64() || is_exact(&text)) {
        return Value::String(text);
    }
    value
}

/// Whether a float that is written so is surely the number that the model wrote.
fn is_exact(float: &str) -> bool {
    let digits = float.bytes().filter(u8::is_ascii_digit).count();
    !float.contains(['e', 'E']) && digits <= EXACT_DIGITS
}

/// The work so far; it has a limit.
#[derive(Debug)]
struct Coerce<'b> {
    check: Check<'b>,
}

// === impl Coerce ===

impl<'b> Coerce<'b> {
    fn new(budget: &'b Budget) -> Self {
        Self {
            check: Check::new(budget),
        }
    }

    fn value(&mut self, value: Value, schema: Option<Schema<'_>>, depth: usize) -> Value {
        let Some(schema) = schema.filter(|_| depth <= MAX_DEPTH && self.check.goes_on(1)) else {
            return value;
        };
        match value {
            Value::Object(map) => {
                let map = self.object(map, schema, depth);
                self.branch(Value::Object(map), schema, depth)
            }
            Value::Array(values) => {
                let values = self.array(values, schema, depth);
                self.branch(Value::Array(values), schema, depth)
            }
            Value::String(text) => self.string(text, schema, depth),
            Value::Number(_) | Value::Bool(_) => scalar(value, schema),
            Value::Null => value,
        }
    }

    fn fits(&mut self, value: &Value, schema: Schema<'_>) -> bool {
        self.check.value(value, schema).is_ok()
    }

    fn string(&mut self, text: String, schema: Schema<'_>, depth: usize) -> Value {
        if !self.check.goes_on(length(&text)) {
            return Value::String(text);
        }
        let types = schema.types();
        let meant = parsed(&text).filter(|meant| !meant.is_string() && is_one_of(kind(meant), &types));
        let value = Value::String(text);
        let is_allowed = types.is_empty() || types.contains(&"string");
        let Some(meant) = meant else { return value };
        if is_allowed && self.fits(&value, schema) {
            return value;
        }
        let meant = self.value(meant, Some(schema), depth + 1);
        if is_allowed && !self.fits(&meant, schema) {
            return value;
        }
        meant
    }

    fn object(&mut self, mut map: Map<String, Value>, schema: Schema<'_>, depth: usize) -> Map<String, Value> {
        let parts = schema.parts();
        let lists = parts.iter().filter_map(|part| part.get("required")?.as_array());
        let required: Vec<&str> = lists.flatten().filter_map(Value::as_str).collect();
        // A model writes null for what it leaves out, and leaves out null where the schema was lowered.
        map.retain(|key, value| {
            let mut wanted = schema.property(&parts, key).into_iter();
            !value.is_null() || required.contains(&key.as_str()) || wanted.all(|wanted| self.fits(&Value::Null, wanted))
        });
        for (key, value) in &mut map {
            for wanted in schema.property(&parts, key) {
                *value = self.value(value.take(), Some(wanted), depth + 1);
            }
        }
        for name in required {
            let wanted = schema.property(&parts, name);
            let may_be_null = wanted.into_iter().any(|wanted| wanted.types().contains(&"null"));
            if may_be_null && !map.contains_key(name) {
                map.insert(name.to_owned(), Value::Null);
            }
        }
        map
    }

    fn array(&mut self, mut values: Vec<Value>, schema: Schema<'_>, depth: usize) -> Vec<Value> {
        for part in schema.parts() {
            for (index, value) in values.iter_mut().enumerate() {
                *value = self.value(value.take(), schema.element(part, index), depth + 1);
            }
        }
        values
    }

    /// With alternatives: as the first one that it fits, or fits after all.
    fn branch(&mut self, mut value: Value, schema: Schema<'_>, depth: usize) -> Value {
        for part in schema.parts() {
            for branches in schema.branches(part) {
                if branches.iter().any(|branch| self.fits(&value, *branch)) {
                    continue;
                }
                let meant = branches.into_iter().find_map(|branch| {
                    let is_small = self.check.goes_on(weight(&value));
                    let meant = is_small.then(|| self.value(value.clone(), Some(branch), depth + 1))?;
                    self.fits(&meant, branch).then_some(meant)
                });
                value = meant.unwrap_or(value);
            }
        }
        value
    }
}
