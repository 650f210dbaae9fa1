//! A request that cannot be read, with the place that is wrong.

/// Why a request cannot be read: the thing to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// The body is no JSON.
    NotJson,
    /// A field that must be there is not.
    Missing,
    /// A field has the wrong type, or a value that it cannot have.
    Wrong,
    /// The request wants what is not done here.
    Unsupported,
}

/// A request that cannot be read. Its words are English, as all words of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", self.place())]
pub struct InvalidRequest {
    /// The kind, to match on.
    pub kind: InvalidKind,
    /// The field, such as `messages[2].content[0].type`; empty where it is the whole body.
    pub field: String,
    /// What is wrong with it, and what is wanted instead.
    pub problem: String,
}

impl InvalidRequest {
    pub(super) fn new(kind: InvalidKind, field: &str, problem: impl Into<String>) -> Self {
        Self {
            kind,
            field: field.to_owned(),
            problem: problem.into(),
        }
    }

    /// A field that is not there.
    pub(super) fn missing(field: &str) -> Self {
        Self::new(InvalidKind::Missing, field, "is required")
    }

    /// A field with a wrong type or value.
    pub(super) fn wrong(field: &str, problem: impl Into<String>) -> Self {
        Self::new(InvalidKind::Wrong, field, problem)
    }

    /// A field that asks for what is not done here.
    pub(super) fn unsupported(field: &str, problem: impl Into<String>) -> Self {
        Self::new(InvalidKind::Unsupported, field, problem)
    }

    /// The same error seen from outside of `outer`.
    pub(super) fn within(mut self, outer: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => outer.to_owned(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        self
    }

    /// The same error seen from outside of the list in which it stands at `index`.
    pub(super) fn at(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }

    fn place(&self) -> String {
        if self.field.is_empty() {
            String::new()
        } else {
            format!("`{}`: ", self.field)
        }
    }
}
