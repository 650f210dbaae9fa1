//! Dotted paths of keys: `models.providers.lmstudio.models[0].id`.

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seg {
    Key(String),
    Index(usize),
}

impl Seg {
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

impl From<&str> for Seg {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Seg {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Builds a path: `at!["models", "providers", id, 0]`.
macro_rules! at {
    ($($seg:expr),* $(,)?) => { [$($crate::path::Seg::from($seg)),*] };
}
pub(crate) use at;

/// The path as people write it. Keys with dots, slashes or spaces stand quoted in brackets.
pub(crate) fn dotted(path: &[Seg]) -> String {
    let mut out = String::new();
    for seg in path {
        match seg {
            Seg::Index(index) => out.extend(["[", &index.to_string(), "]"]),
            Seg::Key(key) if is_plain(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Seg::Key(key) => out.extend(["[", &serde_json::Value::from(key.as_str()).to_string(), "]"]),
        }
    }
    out
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '$'))
}

/// The path of `key` below `path`.
pub(crate) fn below(path: &[Seg], key: &str) -> Vec<Seg> {
    path.iter().cloned().chain([Seg::from(key)]).collect()
}

/// Whether `path` fits `pattern`, where `*` is any one step.
pub(crate) fn matches(path: &[Seg], pattern: &str) -> bool {
    let mut parts = pattern.split('.');
    path.iter()
        .all(|seg| parts.next().is_some_and(|part| part == "*" || seg.key() == Some(part)))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_quotes_what_needs_it() {
        let path = at!["agents", "defaults", "models", "a/b.c", "params", 2usize];
        assert_eq!(dotted(&path), r#"agents.defaults.models["a/b.c"].params[2]"#);
    }

    #[test]
    fn patterns() {
        let path = at!["agents", "list", 0usize, "tools"];
        assert!(matches(&path, "agents.list.*.tools"));
        assert!(!matches(&path, "agents.list.*"));
        assert!(!matches(&path, "agents.entries.*.tools"));
    }
}
