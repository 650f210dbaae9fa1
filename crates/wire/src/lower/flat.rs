//! What a schema says at its own level, with references, `allOf` and unions with null taken apart.

use serde_json::{Map, Value};

use super::{Lowering, write::is_everything};

/// How many `$ref`, `allOf` and single branches are followed at one level.
const MOST_HOPS: usize = 32;

/// One level of a schema. Where several schemas must hold at once, the first that says something is heard; properties
/// come together.
#[derive(Default)]
pub(super) struct Flat<'a> {
    /// The values of `type` without null; empty when only null is allowed.
    pub(super) types: Option<Vec<&'a str>>,
    pub(super) nullable: bool,
    pub(super) description: Option<&'a str>,
    /// Each property with all schemas that it must satisfy.
    pub(super) properties: Vec<(&'a str, Vec<&'a Value>)>,
    pub(super) required: Vec<&'a str>,
    /// `additionalProperties`, if it is a boolean.
    pub(super) open: Option<bool>,
    /// Properties beyond the listed ones are described in a way that is not lowered.
    pub(super) patterned: bool,
    /// The schemas of items; several for a tuple.
    pub(super) items: Vec<&'a Value>,
    /// `enum` or `const`.
    pub(super) values: Option<Vec<&'a Value>>,
    /// Limits by their keyword.
    limits: Vec<(&'a str, &'a Value)>,
    /// `anyOf` and `oneOf` with at least two branches that are not null.
    pub(super) unions: Vec<Vec<&'a Value>>,
}

impl<'a> Lowering<'a> {
    /// Adds what `schema` says to `flat`.
    pub(super) fn absorb(&mut self, flat: &mut Flat<'a>, schema: &'a Value, hops: usize) {
        let Some(schema) = schema.as_object() else {
            return;
        };
        flat.add_kind(schema);
        if !self.spend() || hops > MOST_HOPS {
            return;
        }
        flat.add(schema);
        if let Some((name, target)) = self.target(schema) {
            if self.open.contains(&name) {
                // A cycle: only what kind of value it is.
                if let Some(target) = target.as_object() {
                    flat.add_kind(target);
                }
            } else {
                self.open.push(name);
                self.absorb(flat, target, hops + 1);
            }
        }
        for part in list(schema, "allOf") {
            self.absorb(flat, part, hops + 1);
        }
        for branches in ["anyOf", "oneOf"].map(|name| list(schema, name)) {
            if is_everything(branches) {
                continue;
            }
            let possible: Vec<&'a Value> = branches
                .iter()
                .filter(|branch| **branch != Value::Bool(false))
                .collect();
            let branches: Vec<&'a Value> = possible
                .iter()
                .copied()
                .filter(|branch| !self.is_null(branch))
                .collect();
            let null = branches.len() < possible.len();
            flat.nullable |= null;
            match branches.as_slice() {
                [] if null => drop(flat.types.get_or_insert_default()),
                [] => {}
                [only] => self.absorb(flat, only, hops + 1),
                _ => flat.unions.push(branches),
            }
        }
    }

    /// Where a local `$ref` leads.
    fn target(&self, schema: &'a Map<String, Value>) -> Option<(&'a str, &'a Value)> {
        let name = schema.get("$ref")?.as_str()?;
        Some((name, self.root.pointer(name.strip_prefix('#')?)?))
    }

    /// Whether a branch allows null and nothing else.
    fn is_null(&self, mut branch: &'a Value) -> bool {
        for _ in 0..MOST_HOPS {
            let Some(schema) = branch.as_object() else {
                return false;
            };
            if let Some((_, target)) = self.target(schema) {
                branch = target;
                continue;
            }
            let values = list(schema, "enum");
            return schema.get("type").is_some_and(|name| name == "null")
                || schema.get("const").is_some_and(Value::is_null)
                || (!values.is_empty() && values.iter().all(Value::is_null));
        }
        false
    }
}

// === impl Flat ===

impl<'a> Flat<'a> {
    /// Whether it describes an object, as far as its own level says.
    pub(super) fn is_object(&self) -> bool {
        match &self.types {
            Some(types) => types.as_slice() == ["object"],
            None => !self.properties.is_empty() || self.open.is_some() || self.patterned,
        }
    }

    /// Adds type and description: all that is left where something is cut.
    fn add_kind(&mut self, schema: &'a Map<String, Value>) {
        let types: Vec<&'a str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && self.types.is_none() {
            self.nullable |= types.contains(&"null");
            self.types = Some(types.into_iter().filter(|name| *name != "null").collect());
        }
        if self.description.is_none() {
            self.description = schema.get("description").and_then(Value::as_str);
        }
        self.nullable |= schema.get("nullable") == Some(&Value::Bool(true));
    }

    /// Adds what the subset has words for.
    fn add(&mut self, schema: &'a Map<String, Value>) {
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let fresh = self.properties.is_empty();
            for (name, property) in properties {
                match self.properties.iter_mut().find(|(known, _)| !fresh && known == name) {
                    Some((_, schemas)) => schemas.push(property),
                    None => self.properties.push((name, vec![property])),
                }
            }
        }
        self.required
            .extend(list(schema, "required").iter().filter_map(Value::as_str));
        match schema.get("additionalProperties") {
            Some(Value::Bool(open)) => self.open = Some(self.open.unwrap_or(true) && *open),
            Some(_) => self.patterned = true,
            None => {}
        }
        self.patterned |= schema.contains_key("patternProperties");
        if self.items.is_empty() {
            let tuple = list(schema, "prefixItems").iter().chain(list(schema, "items"));
            let one = schema.get("items").filter(|items| items.is_object());
            self.items = tuple.chain(one).collect();
        }
        if self.values.is_none() {
            let values = list(schema, "enum").iter().chain(schema.get("const"));
            self.values = Some(values.collect()).filter(|values: &Vec<_>| !values.is_empty());
        }
        self.limits.extend(schema.iter().filter_map(|(name, value)| {
            (name.starts_with("min") || name.starts_with("max") || name.starts_with("excl"))
                .then_some((name.as_str(), value))
        }));
    }

    /// The number under this keyword.
    pub(super) fn limit(&self, name: &str) -> Option<f64> {
        let (_, value) = self.limits.iter().find(|(known, _)| *known == name)?;
        value.as_f64().filter(|value| value.is_finite())
    }
}

/// The array under `name`; empty when there is none.
fn list<'a>(schema: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
