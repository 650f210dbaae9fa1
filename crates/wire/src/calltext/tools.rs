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

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a name and gives the registered one that it means; what can no longer become one is none.
    pub(super) fn name(&self, c: &mut Cursor<'_>) -> Read<&str> {
        let rest = c.rest();
        match c.name() {
            Ok(name) => self.known(name.strip_suffix(".call").unwrap_or(name)),
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

    /// The registered name that `name` means.
    pub(super) fn known(&self, name: &str) -> Read<&str> {
        self.0.known(name).ok_or(Stop::No)
    }

    /// The call of a tool with what it was given, if that fits the tool's schema.
    pub(super) fn call(&self, name: &str, given: impl IntoIterator<Item = (String, Given)>) -> Read<Found> {
        match self.0.fit_given(name, given) {
            Ok(arguments) => Ok(Found {
                name: name.to_owned(),
                arguments,
            }),
            Err(_) => Err(Stop::No),
        }
    }

    /// The same for an object.
    pub(super) fn call_object(&self, name: &str, arguments: Map<String, Value>) -> Read<Found> {
        self.call(
            name,
            arguments.into_iter().map(|(key, value)| (key, Given::Typed(value))),
        )
    }
}
