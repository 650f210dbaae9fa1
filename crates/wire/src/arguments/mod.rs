//! The tools that a request offers, and arguments that fit their schemas.
//!
//! What a model writes is first made to fit where it is clear what it meant (`coerce`), then checked against the
//! schema as the tool gave it (`check`), not as it was lowered for the server. Calls that the server made out and
//! calls that stand in the text go the same way.

mod budget;
mod check;
mod coerce;
mod read;
mod schema;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yabby_core::Tool;

pub(crate) use self::read::object;
use self::{budget::Budget, check::Check, schema::Schema};
use crate::decoder::Expectation;

/// What some models write before the name of a tool: gpt-oss and Kimi (`wire-facts.md` §7.1, §3); Gemini's code.
pub(crate) const PREFIXES: [&str; 3] = ["functions.", "default_api.", "tools."];

/// The most characters of what a model is told about a call.
const PROBLEM_CHARS: usize = 300;

/// The most characters of a name that nobody knows.
const NAME_CHARS: usize = 64;

/// The tools that a call may name, for one answer.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    names: Vec<String>,
    schemas: BTreeMap<String, Value>,
    /// What is written as a call is one, whatever it names.
    any: bool,
    /// What all calls of the answer share; with nothing left, no more arguments fit.
    budget: Budget,
}

/// How a value is given.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// As text without a type.
    Text(String),
    /// With its type.
    Typed(Value),
}

// === impl Tools ===

impl Tools {
    pub(crate) fn new(expect: &Expectation) -> Self {
        Self {
            names: expect.tools.clone(),
            schemas: expect.schemas.clone(),
            any: expect.any_call,
            budget: Budget::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether what is written as a call is one, also when it cannot be run.
    pub(crate) fn takes_any(&self) -> bool {
        self.any
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The registered name that `name` means.
    pub(crate) fn known(&self, name: &str) -> Option<&str> {
        let name = name.trim();
        let short = PREFIXES.iter().find_map(|prefix| name.strip_prefix(*prefix));
        let mut meant = [Some(name), short].into_iter().flatten();
        meant.find_map(|name| self.names().find(|known| *known == name))
    }

    /// The arguments of a registered tool as its schema wants them, or what is wrong with them.
    pub(crate) fn fit(&self, name: &str, arguments: Map<String, Value>) -> Result<Map<String, Value>, String> {
        let Some(schema) = self.schemas.get(name).map(Schema::new) else {
            return Ok(arguments);
        };
        let value = coerce::typed(Value::Object(arguments), schema, &self.budget);
        if let Err(fault) = Check::new(&self.budget).value(&value, schema) {
            return Err(problem(&format!(
                "the arguments of the tool `{name}` do not fit: {}: {}",
                fault.place(),
                fault.what
            )));
        }
        match value {
            Value::Object(arguments) => Ok(arguments),
            _ => Ok(Map::new()),
        }
    }

    /// The same for values some of which have no type yet.
    pub(crate) fn fit_given(
        &self,
        name: &str,
        given: impl IntoIterator<Item = (String, Given)>,
    ) -> Result<Map<String, Value>, String> {
        let schema = self.schemas.get(name).map(Schema::new);
        let parts = schema.map(Schema::parts).unwrap_or_default();
        let arguments = given.into_iter().map(|(key, given)| {
            let value = match given {
                Given::Typed(value) => value,
                Given::Text(text) => {
                    let wanted = schema.and_then(|schema| schema.property(&parts, &key).into_iter().next());
                    coerce::untyped(text, wanted, &self.budget)
                }
            };
            (key, value)
        });
        self.fit(name, arguments.collect())
    }

    /// What is wrong with a name that is not registered; those that it is like come first.
    pub(crate) fn no_such_tool(&self, name: &str) -> String {
        let mut known: Vec<String> = self.names().map(str::to_owned).collect();
        let alike = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        known.sort_by_key(|other| std::cmp::Reverse(alike(other)));
        let known = match known.as_slice() {
            [] => "no tools are offered".to_owned(),
            known => format!("there are: {}", check::list(known.iter().cloned())),
        };
        if name.is_empty() {
            problem(&format!("the call does not name a tool; {known}"))
        } else {
            let name: String = name.chars().take(NAME_CHARS).collect();
            problem(&format!("the tool `{name}` does not exist; {known}"))
        }
    }
}

/// The arguments as the schema of `tool` wants them, or what is wrong with them, in English, for the model.
///
/// The rules are those of a call in an answer. For a call that comes in another way: as an argument of a call.
pub fn fit_arguments(tool: &Tool, arguments: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let tools = Tools {
        names: vec![tool.name.clone()],
        schemas: BTreeMap::from([(tool.name.clone(), tool.parameters.clone())]),
        any: false,
        budget: Budget::default(),
    };
    tools.fit(&tool.name, arguments)
}

/// A sentence for the model, not too long.
pub(crate) fn problem(sentence: &str) -> String {
    match sentence.char_indices().nth(PROBLEM_CHARS - 1) {
        Some((at, _)) => format!("{}…", &sentence[..at]),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests;
