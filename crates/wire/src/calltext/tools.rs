//! The registered tools, as readers of text ask for them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::cursor::{Cursor, Read, Stop};
pub(super) use crate::arguments::Given;
use crate::arguments::{self, PREFIXES};

/// A call that stood in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
}

/// The tools that a call may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools(Arc<arguments::Tools>);

// === impl Tools ===

impl Tools {
    pub(super) fn new(tools: Arc<arguments::Tools>) -> Self {
        Self(tools)
    }

    /// Whether no text is a call.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty() && !self.0.takes_any()
    }

    /// Whether any call counts, and a tool is registered by this name.
    pub(super) fn takes_any_and_has(&self, name: &str) -> bool {
        self.0.takes_any() && self.0.names().any(|registered| registered == name)
    }

    /// Reads a name and gives the registered one that it means; what can no longer become one is none.
    pub(super) fn name(&self, c: &mut Cursor<'_>) -> Read<&str> {
        let rest = c.rest();
        match c.name() {
            Ok(name) => {
                let known = self.0.known(name.strip_suffix(".call").unwrap_or(name));
                known.ok_or(Stop::No)
            }
            Err(Stop::More) if self.may_become_known(rest) => Err(Stop::More),
            Err(_) => Err(Stop::No),
        }
    }

    fn may_become_known(&self, begun: &str) -> bool {
        let fits = |name: &str, begun: &str| name.starts_with(begun) || begun.starts_with(name);
        self.0.names().any(|name| fits(name, begun))
            || PREFIXES.iter().any(|prefix| match begun.strip_prefix(*prefix) {
                Some(rest) => self.0.names().any(|name| fits(name, rest)),
                None => prefix.starts_with(begun),
            })
    }

    /// The registered name that `name` means; where any call counts, also one that nobody has registered.
    pub(super) fn known<'a>(&'a self, name: &'a str) -> Read<&'a str> {
        let known = self.0.known(name);
        let any = || Some(name.trim()).filter(|name| self.0.takes_any() && may_be_tool(name));
        known.or_else(any).ok_or(Stop::No)
    }

    /// The call of a tool with what it was given, if that fits the tool's schema, or any call counts.
    pub(super) fn call(&self, name: &str, given: impl IntoIterator<Item = (String, Given)>) -> Read<Found> {
        let given: Vec<(String, Given)> = given.into_iter().collect();
        let arguments = match self.0.fit_given(name, given.iter().cloned()) {
            Ok(arguments) => arguments,
            // What is wrong with it is told when it is made into a call.
            Err(_) if self.0.takes_any() => given.into_iter().map(as_it_stands).collect(),
            Err(_) => return Err(Stop::No),
        };
        Ok(Found {
            name: name.to_owned(),
            arguments,
        })
    }

    /// The same for an object.
    pub(super) fn call_object(&self, name: &str, arguments: Map<String, Value>) -> Read<Found> {
        self.call(
            name,
            arguments.into_iter().map(|(key, value)| (key, Given::Typed(value))),
        )
    }
}

/// The most bytes of a name.
const LONGEST_NAME: usize = 64;

/// Whether a tool may be called so.
fn may_be_tool(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let other = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    name.len() <= LONGEST_NAME && name.starts_with(first) && name.chars().all(other)
}

fn as_it_stands((key, given): (String, Given)) -> (String, Value) {
    let value = match given {
        Given::Text(text) => Value::String(text),
        Given::Typed(value) => value,
    };
    (key, value)
}
