//! Whether a value fits a schema, and in words where it does not.
//!
//! Only what is certainly wrong is found: a keyword that is not known here, or has a value that it cannot have, says
//! nothing (`pattern`, `format`, `not`, `if` and their like are for the tool itself). So a schema with a mistake in
//! it rejects no call.

use serde_json::{Map, Value};

use super::{
    budget::{Budget, length},
    schema::{Schema, is_one_of, kind, others, stated},
};

/// The deepest level that is checked; what a schema still wants below it counts as not fitting. Alternatives are a
/// level too.
const MAX_DEPTH: usize = 128;

/// The most characters of a list in a message.
const LIST_CHARS: usize = 120;

/// The most characters of a key in a path.
const KEY_CHARS: usize = 64;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The keys on the way there, the last one first. They are written down only on the way back from a fault.
    keys: Vec<String>,
    /// What is allowed there.
    pub what: String,
    reason: Reason,
}

/// Why something does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// It is not what the schema allows.
    Wrong,
    /// The same, and an alternative that is told from others by this value is not meant.
    Elsewhere,
    /// Nobody knows: there is no time to look.
    Unchecked,
}

type Checked = Result<(), Fault>;

/// Whether a number breaks a limit.
type Breaks = fn(f64, f64) -> bool;

/// A walk through a value.
#[derive(Debug)]
pub(super) struct Check<'b> {
    budget: &'b Budget,
    /// The addresses of the schemas and values that are being looked at: a schema that comes to itself again at the
    /// same value says nothing new.
    open: Vec<(*const Value, *const Value)>,
}

fn fault_for(reason: Reason, what: impl Into<String>) -> Checked {
    Err(Fault {
        keys: Vec::new(),
        what: what.into(),
        reason,
    })
}

fn fault(what: impl Into<String>) -> Checked {
    fault_for(Reason::Wrong, what)
}

// === impl Fault ===

impl Fault {
    /// Where it is, as a JSON pointer; long keys are cut.
    pub(super) fn place(&self) -> String {
        let keys = self.keys.iter().rev();
        let place: String = keys
            .flat_map(|key| ["/".to_owned(), key.replace('~', "~0").replace('/', "~1")])
            .collect();
        if place.is_empty() { "/".to_owned() } else { place }
    }
}

// === impl Check ===

impl<'b> Check<'b> {
    pub(super) fn new(budget: &'b Budget) -> Self {
        Self {
            budget,
            open: Vec::new(),
        }
    }

    /// The first thing that does not fit.
    pub(super) fn value(&mut self, value: &Value, schema: Schema<'_>) -> Checked {
        self.at(value, schema, 0)
    }

    /// Counts the steps of one piece of work; false when there were too many.
    pub(super) fn goes_on(&self, steps: usize) -> bool {
        self.budget.spend(steps)
    }

    fn at(&mut self, value: &Value, schema: Schema<'_>, depth: usize) -> Checked {
        if !self.goes_on(1) {
            return fault_for(Reason::Unchecked, "is too large to be checked");
        }
        if schema.here == &Value::Bool(false) {
            return fault("must be left out");
        }
        if depth > MAX_DEPTH {
            let says = schema.constrains();
            return if says {
                fault("is too deep to be checked")
            } else {
                Ok(())
            };
        }
        let this = (std::ptr::from_ref(schema.here), std::ptr::from_ref(value));
        let mut same_place = self.open.iter().rev().take_while(|open| open.1 == this.1);
        if same_place.any(|open| *open == this) {
            return Ok(());
        }
        self.open.push(this);
        let checked = self.parts(value, schema, depth);
        self.open.pop();
        checked
    }

    fn parts(&mut self, value: &Value, schema: Schema<'_>, depth: usize) -> Checked {
        for part in schema.parts() {
            kind_fits(value, part)?;
            listed(value, part)?;
            match value {
                Value::Object(map) => self.object(map, schema, part, depth)?,
                Value::Array(values) => self.array(values, schema, part, depth)?,
                Value::String(text) if part.contains_key("minLength") || part.contains_key("maxLength") => {
                    // What this costs has an effect at the next place.
                    self.goes_on(length(text));
                    sized(text.chars().count(), part, "Length", "characters")?;
                }
                Value::Number(_) => number_fits(value, part)?,
                Value::String(_) | Value::Null | Value::Bool(_) => {}
            }
            for branches in schema.branches(part) {
                self.any(value, &branches, depth)?;
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        map: &Map<String, Value>,
        schema: Schema<'_>,
        part: &Map<String, Value>,
        depth: usize,
    ) -> Checked {
        let required = part.get("required").and_then(Value::as_array).into_iter().flatten();
        if let Some(missing) = required.filter_map(Value::as_str).find(|name| !map.contains_key(*name)) {
            return below(missing, fault("is required"));
        }
        let properties = part.get("properties").and_then(Value::as_object);
        for (key, value) in map {
            let own = properties.and_then(|properties| properties.get(key));
            let other = others(part);
            match (own, other) {
                (None, Some(Value::Bool(false))) => {
                    let known = list(properties.into_iter().flat_map(Map::keys).cloned());
                    let known = if known.is_empty() { "none" } else { &known };
                    return below(key, fault(format!("is not known; allowed are: {known}")));
                }
                (Some(wanted), _) | (None, Some(wanted)) => {
                    below(key, self.at(value, schema.at(wanted), depth + 1))?;
                }
                (None, None) => {}
            }
        }
        sized(map.len(), part, "Properties", "properties")
    }

    fn array(&mut self, values: &[Value], schema: Schema<'_>, part: &Map<String, Value>, depth: usize) -> Checked {
        for (index, value) in values.iter().enumerate() {
            if let Some(wanted) = schema.element(part, index)
                && let Err(mut fault) = self.at(value, wanted, depth + 1)
            {
                fault.keys.push(index.to_string());
                return Err(fault);
            }
        }
        sized(values.len(), part, "Items", "elements")
    }

    /// One of the alternatives must fit; otherwise the fault of the one that was meant, if that can be told.
    fn any(&mut self, value: &Value, branches: &[Schema<'_>], depth: usize) -> Checked {
        let mut nearest: Option<Fault> = None;
        let mut types = Vec::new();
        for branch in branches {
            let Err(fault) = self.at(value, *branch, depth + 1) else {
                return Ok(());
            };
            if fault.reason == Reason::Unchecked {
                return Err(fault);
            }
            let allowed = branch.types();
            let meant = allowed.is_empty() || is_one_of(kind(value), &allowed);
            types.extend(allowed);
            let rank = |fault: &Fault| (fault.reason != Reason::Elsewhere, fault.keys.len());
            if meant && nearest.as_ref().is_none_or(|nearest| rank(&fault) > rank(nearest)) {
                nearest = Some(fault);
            }
        }
        match nearest {
            Some(fault) => Err(fault),
            None => fault(format!(
                "must be {}, but is {}",
                named(&types),
                with_article(kind(value))
            )),
        }
    }
}

/// Writes down the key that a fault is below.
fn below(key: &str, checked: Checked) -> Checked {
    checked.map_err(|mut fault| {
        let cut = key
            .char_indices()
            .nth(KEY_CHARS)
            .map(|(at, _)| format!("{}…", &key[..at]));
        fault.keys.push(cut.unwrap_or_else(|| key.to_owned()));
        fault
    })
}

fn kind_fits(value: &Value, part: &Map<String, Value>) -> Checked {
    const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let types = stated(part);
    let unknown = types.iter().any(|name| !TYPES.contains(name));
    if types.is_empty() || unknown || is_one_of(kind(value), &types) {
        return Ok(());
    }
    fault(format!(
        "must be {}, but is {}",
        named(&types),
        with_article(kind(value))
    ))
}

fn listed(value: &Value, part: &Map<String, Value>) -> Checked {
    let listed = match (part.get("const"), part.get("enum")) {
        (Some(one), _) => std::slice::from_ref(one),
        (None, Some(Value::Array(several))) if !several.is_empty() => several,
        _ => return Ok(()),
    };
    let nullable = value.is_null() && part.get("nullable") == Some(&Value::Bool(true));
    if nullable || listed.iter().any(|one| same(one, value)) {
        return Ok(());
    }
    let what = match listed {
        [one] => format!("must be {}", list([one.to_string()])),
        _ => format!("must be one of {}", list(listed.iter().map(Value::to_string))),
    };
    fault_for(Reason::Elsewhere, what)
}

/// The keywords `min…` and `max…` of what is counted.
fn sized(size: usize, part: &Map<String, Value>, keyword: &str, what: &str) -> Checked {
    let limit = |which: &str| part.get(&format!("{which}{keyword}")).and_then(Value::as_u64);
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    if let Some(least) = limit("min").filter(|least| size < *least) {
        return fault(format!("must have at least {least} {what}, but has {size}"));
    }
    match limit("max").filter(|most| size > *most) {
        Some(most) => fault(format!("must have at most {most} {what}, but has {size}")),
        None => Ok(()),
    }
}

fn number_fits(value: &Value, part: &Map<String, Value>) -> Checked {
    let Some(number) = value.as_f64() else { return Ok(()) };
    let bounds: [(&str, Breaks, &str); 4] = [
        ("minimum", |number, limit| number < limit, "at least"),
        ("maximum", |number, limit| number > limit, "at most"),
        ("exclusiveMinimum", |number, limit| number <= limit, "more than"),
        ("exclusiveMaximum", |number, limit| number >= limit, "less than"),
    ];
    for (keyword, breaks, words) in bounds {
        if let Some(limit) = part.get(keyword)
            && limit.as_f64().is_some_and(|limit| breaks(number, limit))
        {
            return fault(format!("must be {words} {limit}, but is {value}"));
        }
    }
    let step = part.get("multipleOf").and_then(Value::as_i64).filter(|step| *step > 0);
    match (step, value.as_i64()) {
        (Some(step), Some(number)) if number % step != 0 => fault(format!("must be a multiple of {step}")),
        _ => Ok(()),
    }
}

/// Whether two values are equal as JSON Schema compares them: `1` is `1.0`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64()),
        _ => one == other,
    }
}

fn with_article(kind: &str) -> String {
    match kind {
        "null" => "null".to_owned(),
        "integer" | "array" | "object" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

fn named(types: &[&str]) -> String {
    let mut known: Vec<&str> = Vec::new();
    for name in types {
        if !known.contains(name) {
            known.push(name);
        }
    }
    known
        .iter()
        .map(|name| with_article(name))
        .collect::<Vec<_>>()
        .join(" or ")
}

/// Words with commas between them, as many as are read gladly.
pub(super) fn list(words: impl IntoIterator<Item = String>) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push_str(", ");
        }
        if out.chars().count() + word.chars().count() > LIST_CHARS {
            out.push('…');
            break;
        }
        out.push_str(&word);
    }
    out
}
