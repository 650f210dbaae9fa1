//! What a schema says about a place, with what it refers to.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The most schemas that are looked at for one place: definitions may refer to each other without end.
const MOST_PARTS: usize = 64;

/// The most alternatives in alternatives that are asked for their types.
const MOST_BRANCHING: usize = 32;

/// Keywords that may say that a value does not fit, beside `min…` and `max…`.
const CONSTRAINTS: [&str; 13] = [
    "type",
    "const",
    "enum",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "prefixItems",
    "anyOf",
    "oneOf",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// A schema with the document that its references point into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema<'a> {
    pub root: &'a Value,
    pub here: &'a Value,
}

/// The types that were told so far, each one once.
#[derive(Debug, Default)]
struct Types<'a> {
    names: Vec<&'a str>,
    /// The parts that were asked, and whether they told any.
    seen: HashMap<*const Map<String, Value>, bool>,
}

/// The JSON type of a value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if whole(value).is_some() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A number without a fraction as an integer: `2.0` is one too.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only numbers that an integer of 53 bits holds"
)]
pub(super) fn whole(value: &Value) -> Option<Value> {
    let number = value.as_number()?;
    if !number.is_f64() {
        return Some(value.clone());
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then(|| Value::from(float as i64))
}

/// Whether a value of the type `kind` is one of `types`.
pub(super) fn is_one_of(kind: &str, types: &[&str]) -> bool {
    types.contains(&kind) || (kind == "integer" && types.contains(&"number"))
}

// === impl Types ===

impl<'a> Types<'a> {
    /// Whether there was anything to add.
    fn extend(&mut self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let mut any = false;
        for name in names {
            any = true;
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        any
    }
}

// === impl Schema ===

impl<'a> Schema<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, here: root }
    }

    pub(super) fn at(self, here: &'a Value) -> Self {
        Self { here, ..self }
    }

    /// The objects that must all hold here: the schema itself, what it refers to inside its document, and its
    /// `allOf`. What cannot be found says nothing.
    pub(super) fn parts(self) -> Vec<&'a Map<String, Value>> {
        let mut found: Vec<&'a Map<String, Value>> = Vec::new();
        let mut open = vec![self.here];
        while let Some(schema) = open.pop() {
            let Some(part) = schema.as_object() else { continue };
            if found.len() >= MOST_PARTS || found.iter().any(|known| std::ptr::eq(*known, part)) {
                continue;
            }
            found.push(part);
            let target = part.get("$ref").and_then(Value::as_str).and_then(|to| self.target(to));
            open.extend(target);
            open.extend(part.get("allOf").and_then(Value::as_array).into_iter().flatten());
        }
        found
    }

    /// The place that a reference names; nothing outside the document is looked for.
    fn target(self, reference: &str) -> Option<&'a Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// The schemas of one property, from every part.
    pub(super) fn property(self, parts: &[&'a Map<String, Value>], key: &str) -> Vec<Self> {
        let of = |part: &&'a Map<String, Value>| {
            let named = part.get("properties").and_then(|named| named.get(key));
            named.or_else(|| others(part).filter(|other| other.is_object()))
        };
        parts.iter().filter_map(of).map(|schema| self.at(schema)).collect()
    }

    /// The schema of the element at `index` of an array.
    pub(super) fn element(self, part: &'a Map<String, Value>, index: usize) -> Option<Self> {
        // Before draft 2020-12 the list stood in `items`.
        let listed = part.get("prefixItems").or_else(|| part.get("items"));
        let schema = match listed.and_then(Value::as_array) {
            Some(list) if index < list.len() => list.get(index),
            _ => part.get("items").filter(|items| !items.is_array()),
        };
        schema.map(|schema| self.at(schema))
    }

    /// The alternatives of a part; `oneOf` is read as `anyOf`, because the branches are not checked in full.
    pub(super) fn branches(self, part: &'a Map<String, Value>) -> Vec<Vec<Self>> {
        let lists = ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(|name| part.get(name)?.as_array());
        lists
            .filter(|list| !list.is_empty())
            .map(|list| list.iter().map(|schema| self.at(schema)).collect())
            .collect()
    }

    /// The JSON types that may stand here, from whatever tells them; empty when nothing does.
    pub(super) fn types(self) -> Vec<&'a str> {
        let mut out = Types::default();
        self.add_types(&mut out, 0);
        out.names
    }

    /// Whether anything told a type.
    fn add_types(self, out: &mut Types<'a>, depth: usize) -> bool {
        let mut told = false;
        let mut parts = self.parts();
        parts.retain(|part| match out.seen.get(&std::ptr::from_ref(*part)) {
            Some(before) => {
                told |= before;
                false
            }
            None => true,
        });
        for part in &parts {
            // Definitions may refer to each other; each is asked once.
            out.seen.insert(std::ptr::from_ref(*part), false);
        }
        for part in &parts {
            told |= out.extend(stated(part));
            if depth < MOST_BRANCHING {
                for branch in self.branches(part).into_iter().flatten() {
                    told |= branch.add_types(out, depth + 1);
                }
            }
        }
        if !told {
            for part in &parts {
                let values = part.get("enum").and_then(Value::as_array).into_iter().flatten();
                told |= out.extend(values.chain(part.get("const")).map(|value| -> &'a str { kind(value) }));
            }
        }
        for part in &parts {
            out.seen.insert(std::ptr::from_ref(*part), told);
        }
        told
    }

    /// Whether there may be a value that does not fit here.
    pub(super) fn constrains(self) -> bool {
        let parts = self.parts();
        let mut keys = parts.iter().flat_map(|part| part.keys());
        keys.any(|key| key.starts_with("min") || key.starts_with("max") || CONSTRAINTS.contains(&key.as_str()))
    }
}

/// What is said of properties that are not named. Patterns are not read, so with them nobody knows which these are.
pub(super) fn others(part: &Map<String, Value>) -> Option<&Value> {
    let patterns = part.contains_key("patternProperties");
    part.get("additionalProperties").filter(|_| !patterns)
}

/// The types that the keyword `type` of a part allows.
pub(super) fn stated(part: &Map<String, Value>) -> Vec<&str> {
    let mut found: Vec<&str> = match part.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // OpenAPI.
    if !found.is_empty() && part.get("nullable") == Some(&Value::Bool(true)) {
        found.push("null");
    }
    found
}
