//! Writing one level of a schema in the subset.

use serde_json::{Map, Value, json};

use super::{DEEPEST, Lowered, Lowering, flat::Flat};

/// The longest `enum`; each value becomes a rule of the grammar.
const MOST_VALUES: usize = 64;

/// The most characters of values that a description names in place of an `enum`.
const MOST_NAMED: usize = 600;

/// Lengths and counts end below llama.cpp's `MAX_REPETITION_THRESHOLD` (`ggml-org/llama.cpp#25746`).
const LENGTH_END: f64 = 2000.0;

/// The largest number that is safe as a limit: some compilers keep 32 bits.
const LARGEST: f64 = 2_147_483_648.0;

/// All types, for a value that may be anything.
const EVERYTHING: [&str; 5] = ["string", "number", "boolean", "object", "array"];

/// One of the types of JSON Schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    String,
    Number,
    Integer,
    Boolean,
    Any,
}

/// Whether these branches are the union of all types that lowering writes.
pub(super) fn is_everything(branches: &[Value]) -> bool {
    branches.len() == EVERYTHING.len()
        && branches
            .iter()
            .zip(EVERYTHING)
            .all(|(branch, name)| branch.as_object().is_some_and(|schema| schema.len() == 1) && branch["type"] == name)
}

impl<'a> Lowering<'a> {
    /// Writes a root that must be an object.
    pub(super) fn write_parameters(&mut self, mut flat: Flat<'a>) -> Map<String, Value> {
        let unions = std::mem::take(&mut flat.unions);
        let mut schema = self.typed(Kind::Object, &flat, 0);
        schema.entry("properties").or_insert_with(|| json!({}));
        for union in unions {
            self.fold(&mut schema, &union, 0);
        }
        described(schema, flat.description)
    }

    /// Writes one level.
    pub(super) fn write(&mut self, mut flat: Flat<'a>, depth: usize) -> Lowered {
        let mut nullable = flat.nullable;
        if let Some(values) = &flat.values {
            nullable |= values.iter().any(|value| value.is_null());
            let values: Vec<Value> = values
                .iter()
                .filter(|value| !value.is_null())
                .map(|value| (*value).clone())
                .collect();
            if values.is_empty() {
                flat.types = Some(Vec::new());
            } else if !values.iter().any(|value| value.is_object() || value.is_array()) {
                let schema = enumeration(values, flat.description);
                return Lowered { schema, nullable };
            }
        }
        let unions = std::mem::take(&mut flat.unions);
        if flat.properties.is_empty() && depth < DEEPEST {
            for union in &unions {
                let mut branches = Vec::new();
                for branch in union {
                    let lowered = self.lower(&[branch], depth + 1);
                    nullable |= lowered.nullable;
                    branches.push(lowered.schema.into());
                }
                if let Some(schema) = either(branches) {
                    let schema = described(schema, flat.description);
                    return Lowered { schema, nullable };
                }
            }
        }
        let schema = match Kind::all_of(&flat).as_slice() {
            [] => Map::from_iter([("type".to_owned(), "null".into())]),
            [kind] => {
                let mut schema = self.typed(*kind, &flat, depth);
                if *kind == Kind::Object && depth < DEEPEST && !flat.properties.is_empty() {
                    for union in unions {
                        self.fold(&mut schema, &union, depth);
                    }
                }
                schema
            }
            kinds if depth < DEEPEST => {
                let branches = kinds.iter().map(|kind| self.typed(*kind, &flat, depth + 1).into());
                either(branches.collect()).unwrap_or_else(everything)
            }
            _ => everything(),
        };
        Lowered {
            schema: described(schema, flat.description),
            nullable,
        }
    }

    /// Writes one level as a value of this kind.
    fn typed(&mut self, kind: Kind, flat: &Flat<'a>, depth: usize) -> Map<String, Value> {
        let mut schema = Map::new();
        match kind {
            Kind::Any => return everything(),
            Kind::Object => {
                schema.insert("type".to_owned(), "object".into());
                // Without its properties an object must stay open.
                if depth < DEEPEST {
                    self.write_object(&mut schema, flat, depth);
                }
            }
            Kind::Array => {
                schema.insert("type".to_owned(), "array".into());
                // The branches of a tuple stand one level deeper.
                let below = if flat.items.len() > 1 { depth + 2 } else { depth + 1 };
                if below <= DEEPEST {
                    let items = flat.items.iter().map(|items| self.lower(&[items], below).schema.into());
                    if let Some(items) = either(items.collect()) {
                        schema.insert("items".to_owned(), items.into());
                    }
                }
                lengths(&mut schema, flat, "minItems", "maxItems");
            }
            Kind::String => {
                schema.insert("type".to_owned(), "string".into());
                lengths(&mut schema, flat, "minLength", "maxLength");
            }
            Kind::Number | Kind::Integer => {
                let whole = kind == Kind::Integer;
                schema.insert("type".to_owned(), if whole { "integer" } else { "number" }.into());
                bounds(&mut schema, flat, whole);
            }
            Kind::Boolean => drop(schema.insert("type".to_owned(), "boolean".into())),
        }
        schema
    }

    fn write_object(&mut self, schema: &mut Map<String, Value>, flat: &Flat<'a>, depth: usize) {
        let mut properties = Map::new();
        let mut required: Vec<Value> = Vec::new();
        for (name, schemas) in &flat.properties {
            if schemas.contains(&&Value::Bool(false)) {
                continue;
            }
            let lowered = self.lower(schemas, depth + 1);
            if flat.required.contains(name) && !lowered.nullable {
                required.push((*name).into());
            }
            properties.insert((*name).to_owned(), lowered.schema.into());
        }
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), properties.into());
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if let Some(open) = flat.open.filter(|open| *open || !flat.patterned) {
            schema.insert("additionalProperties".to_owned(), open.into());
        }
    }

    /// Adds the properties of all branches to an object that cannot have branches itself. Those that every branch
    /// requires are required.
    fn fold(&mut self, schema: &mut Map<String, Value>, branches: &[&'a Value], depth: usize) {
        let mut choices: Map<String, Value> = Map::new();
        let mut always: Option<Vec<Value>> = None;
        for branch in branches {
            // One level deeper, because alternatives of a property stand one level deeper.
            let mut lowered = self.lower(&[branch], depth + 1).schema;
            if lowered.get("type").is_none_or(|name| name != "object") {
                continue;
            }
            let required = match lowered.remove("required") {
                Some(Value::Array(names)) => names,
                _ => Vec::new(),
            };
            always = Some(match always {
                Some(names) => names.into_iter().filter(|name| required.contains(name)).collect(),
                None => required,
            });
            if let Some(Value::Object(properties)) = lowered.remove("properties") {
                for (name, property) in properties {
                    if let Some(list) = choices.entry(name).or_insert_with(|| json!([])).as_array_mut() {
                        list.push(property);
                    }
                }
            }
        }
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            return;
        };
        for (name, list) in choices {
            if let (Value::Array(list), false) = (list, properties.contains_key(&name)) {
                properties.insert(name, either(list).unwrap_or_else(everything).into());
            }
        }
        let always: Vec<Value> = always.unwrap_or_default();
        if let Some(required) = schema.entry("required").or_insert_with(|| json!([])).as_array_mut() {
            for name in always {
                if !required.contains(&name) {
                    required.push(name);
                }
            }
        }
        if schema.get("required") == Some(&json!([])) {
            schema.remove("required");
        }
    }
}

// === impl Kind ===

impl Kind {
    /// The kinds of value that are possible; none when only null is.
    fn all_of(flat: &Flat<'_>) -> Vec<Self> {
        let mut kinds: Vec<Self> = match &flat.types {
            Some(types) => types.iter().map(|name| Self::of(name)).collect(),
            None if flat.is_object() => vec![Self::Object],
            None if !flat.items.is_empty() => vec![Self::Array],
            None => vec![Self::Any],
        };
        if kinds.contains(&Self::Any) {
            return vec![Self::Any];
        }
        let number = kinds.contains(&Self::Number);
        let mut seen = Vec::new();
        kinds.retain(|kind| {
            let known = seen.contains(kind) || (number && *kind == Self::Integer);
            seen.push(*kind);
            !known
        });
        kinds
    }

    /// The kind that a name means. Names that JSON Schema does not know come from other languages; what is still
    /// unknown is an object.
    fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "array" | "list" => Self::Array,
            "string" | "str" | "text" => Self::String,
            "number" | "float" | "double" => Self::Number,
            "integer" | "int" | "long" => Self::Integer,
            "boolean" | "bool" => Self::Boolean,
            "any" | "unknown" => Self::Any,
            _ => Self::Object,
        }
    }
}

fn everything() -> Map<String, Value> {
    let branches: Vec<Value> = EVERYTHING.iter().map(|name| json!({"type": name})).collect();
    Map::from_iter([("anyOf".to_owned(), branches.into())])
}

/// The schema with this description, if there is one; it goes before the schema's own.
fn described(mut schema: Map<String, Value>, description: Option<&str>) -> Map<String, Value> {
    if let Some(description) = description {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

/// One of these lowered schemas; `None` when that may be anything.
fn either(branches: Vec<Value>) -> Option<Map<String, Value>> {
    let mut distinct: Vec<Value> = Vec::new();
    for mut branch in branches {
        let inner = match branch.get_mut("anyOf") {
            Some(Value::Array(inner)) if is_everything(inner) => return None,
            Some(Value::Array(inner)) => std::mem::take(inner),
            _ => vec![branch],
        };
        for branch in inner {
            if !distinct.contains(&branch) {
                distinct.push(branch);
            }
        }
    }
    // Null counts only alone.
    if distinct.iter().any(|branch| branch["type"] != "null") {
        distinct.retain(|branch| branch["type"] != "null");
    }
    if distinct.len() > 1 && distinct.iter().all(|branch| branch.get("enum").is_some()) {
        let values = distinct.iter().filter_map(|branch| branch["enum"].as_array()).flatten();
        return Some(enumeration(values.cloned().collect(), None));
    }
    if distinct.len() > 1 {
        return Some(Map::from_iter([("anyOf".to_owned(), distinct.into())]));
    }
    match distinct.pop() {
        Some(Value::Object(only)) => Some(only),
        _ => None,
    }
}

/// One of these values; when there are many, any value of their type, with the values in the description.
fn enumeration(values: Vec<Value>, description: Option<&str>) -> Map<String, Value> {
    let mut distinct: Vec<Value> = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    let all = |is: fn(&Value) -> bool| distinct.iter().all(is);
    let name = if all(Value::is_string) {
        Some("string")
    } else if all(|value| value.is_i64() || value.is_u64()) {
        Some("integer")
    } else if all(Value::is_number) {
        Some("number")
    } else if all(Value::is_boolean) {
        Some("boolean")
    } else {
        None
    };
    let mut schema = Map::new();
    if let Some(name) = name {
        schema.insert("type".to_owned(), name.into());
    }
    if distinct.len() <= MOST_VALUES {
        schema.insert("enum".to_owned(), distinct.into());
        return described(schema, description);
    }
    if name.is_none() {
        schema = everything();
    }
    let mut text = description.map(|text| format!("{text}\n")).unwrap_or_default();
    let end = text.len() + MOST_NAMED;
    text.push_str("One of: ");
    for (position, value) in distinct.iter().enumerate() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if text.len() + value.len() > end {
            text.push_str(", …");
            break;
        }
        if position > 0 {
            text.push_str(", ");
        }
        text.push_str(&value);
    }
    described(schema, Some(&text))
}

/// Writes a pair of lengths, each if it is a small whole number, and both only if they leave something.
fn lengths(schema: &mut Map<String, Value>, flat: &Flat<'_>, least: &str, most: &str) {
    let length = |name: &str| flat.limit(name).filter(|length| *length >= 0.0 && *length < LENGTH_END);
    let (low, high) = (length(least).map(f64::ceil), length(most).map(f64::floor));
    pair(schema, (least, low), (most, high), true);
}

/// Writes the limits of a number. Exclusive ones become inclusive ones, because llama.cpp reads only one of a pair.
fn bounds(schema: &mut Map<String, Value>, flat: &Flat<'_>, whole: bool) {
    let (step, low, high) = if whole {
        let low = flat.limit("exclusiveMinimum").map(f64::floor);
        (1.0, low, flat.limit("exclusiveMaximum").map(f64::ceil))
    } else {
        (0.0, flat.limit("exclusiveMinimum"), flat.limit("exclusiveMaximum"))
    };
    let rounded = |limit: Option<f64>, round: fn(f64) -> f64| if whole { limit.map(round) } else { limit };
    let low = rounded(flat.limit("minimum"), f64::ceil).or(low.map(|value| value + step));
    let high = rounded(flat.limit("maximum"), f64::floor).or(high.map(|value| value - step));
    let small = |value: &f64| value.abs() <= LARGEST;
    pair(
        schema,
        ("minimum", low.filter(small)),
        ("maximum", high.filter(small)),
        whole,
    );
}

fn pair(schema: &mut Map<String, Value>, low: (&str, Option<f64>), high: (&str, Option<f64>), whole: bool) {
    if matches!((low.1, high.1), (Some(low), Some(high)) if low > high) {
        return;
    }
    for (name, value) in [low, high] {
        let Some(value) = value else { continue };
        #[expect(clippy::cast_possible_truncation, reason = "limits are within 2^31")]
        let value: Value = if whole { (value as i64).into() } else { value.into() };
        schema.insert(name.to_owned(), value);
    }
}
