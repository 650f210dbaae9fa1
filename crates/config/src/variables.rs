//! `${NAME}` in strings, and where the values of variables come from.
//!
//! Strongest first: the process environment, the `.env` files, then `env` of the config itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use yabby_core::text;

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind, Severity},
    dot_env,
    environment::Environment,
    source::Place,
    tree::{Node, Value},
};

/// Every variable a config may refer to. No `Debug`: values are secrets.
#[derive(Clone, Default)]
pub(crate) struct Variables {
    process: Environment,
    dot_env: BTreeMap<String, String>,
    config: BTreeMap<String, String>,
}

/// A string after substitution.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    pub(crate) used: Vec<String>,
    pub(crate) missing: Vec<String>,
}

/// `${NAME}` or `${NAME:-fallback}`.
struct Reference<'a> {
    name: &'a str,
    fallback: Option<&'a str>,
    /// Bytes from `$` to `}`.
    len: usize,
}

// === impl Variables ===

impl Variables {
    pub(crate) fn new(process: &Environment) -> Self {
        Self {
            process: process.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let stored = |map: &'_ BTreeMap<String, String>| map.contains_key(name);
        if let Some(value) = self.process.get(name) {
            return Some(value);
        }
        let map = if stored(&self.dot_env) {
            &self.dot_env
        } else {
            &self.config
        };
        map.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variables whose names are `prefix` and a number, in the order of the numbers.
    pub(crate) fn numbered(&self, prefix: &str) -> Vec<&str> {
        let stored = self.dot_env.keys().chain(self.config.keys()).map(String::as_str);
        let names: BTreeSet<(u32, &str)> = self
            .process
            .names()
            .chain(stored)
            .filter_map(|name| Some((name.strip_prefix(prefix)?.parse().ok()?, name)))
            .collect();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Adds the variables of a `.env` file. An absent file is no problem; earlier files win.
    pub(crate) fn read_dot_env(&mut self, path: &Path, diagnostics: &mut Vec<Diagnostic>) {
        let Ok(bytes) = std::fs::read(path) else {
            return;
        };
        let content = String::from_utf8_lossy(&bytes);
        for entry in dot_env::parse(&content) {
            match entry {
                Ok((name, value)) => {
                    self.dot_env.entry(name).or_insert(value);
                }
                Err(line) => diagnostics.push(broken_line(path, line)),
            }
        }
    }

    /// Takes the variables that the config itself sets below `env`.
    pub(crate) fn read_config(&mut self, root: &Node) {
        let Some(env) = root.member("env") else {
            return;
        };
        let inline = env.value.members().iter();
        let vars = env.value.member("vars").map_or(&[][..], |vars| vars.value.members());
        let mut found = BTreeMap::new();
        for member in inline.chain(vars) {
            if let Some(value) = member.value.as_str() {
                let value = self.substitute(value);
                if value.missing.is_empty() {
                    found.insert(member.key.clone(), value.text);
                }
            }
        }
        self.config = found;
    }

    /// Substitutes in every string below `node`.
    pub(crate) fn apply(&self, node: &mut Node) {
        match &mut node.value {
            Value::String(text) if text.contains('$') => {
                let done = self.substitute(text);
                *text = done.text;
                node.variables = done.used;
                node.missing = done.missing;
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Object(members) => members.iter_mut().for_each(|member| self.apply(&mut member.value)),
            _ => {}
        }
    }

    pub(crate) fn substitute(&self, text: &str) -> Substituted {
        let mut done = Substituted::default();
        let mut missing = BTreeSet::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            done.text.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(escaped) = rest.strip_prefix('$').and_then(Reference::at_start) {
                done.text.push_str(&rest[1..=escaped.len]);
                rest = &rest[escaped.len + 1..];
            } else if let Some(reference) = Reference::at_start(rest) {
                let literal = &rest[..reference.len];
                rest = &rest[reference.len..];
                if let Some(value) = self.get(reference.name) {
                    done.text.push_str(value);
                    done.used.push(reference.name.to_owned());
                } else if let Some(fallback) = reference.fallback {
                    done.text.push_str(fallback);
                } else {
                    done.text.push_str(literal);
                    if missing.insert(reference.name.to_owned()) {
                        done.missing.push(reference.name.to_owned());
                    }
                }
            } else {
                done.text.push('$');
                rest = &rest[1..];
            }
        }
        done.text.push_str(rest);
        done
    }
}

// === impl Reference ===

impl<'a> Reference<'a> {
    fn at_start(text: &'a str) -> Option<Self> {
        let body = text.strip_prefix("${")?;
        let close = body.find('}')?;
        let inner = &body[..close];
        let (name, fallback) = match inner.split_once(":-") {
            Some((name, fallback)) => (name, Some(fallback)),
            None => (inner, None),
        };
        let plain = fallback.is_none_or(|fallback| !fallback.contains(['$', '{']));
        (is_variable_name(name) && plain).then_some(Self {
            name,
            fallback,
            len: close + 3,
        })
    }
}

/// Whether `name` is written like a variable: capitals, digits and underscores, no digit first.
pub fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn broken_line(path: &Path, line: usize) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        kind: DiagnosticKind::DotEnv,
        message: text!(
            "line {line} of {file} is not NAME=value, so it is ignored",
            line = line,
            file = path.display()
        ),
        key: String::new(),
        place: Some(Place {
            file: path.to_owned(),
            line,
            column: 1,
            span: 0..0,
        }),
        help: Some(text!("write NAME=value, and close every quotation mark")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn substitute(text: &str) -> Substituted {
        Variables::new(&Environment::from_vars([("A", "1"), ("_B2", "two"), ("EMPTY", "")])).substitute(text)
    }

    #[test]
    fn what_is_substituted_and_what_stays() {
        let cases = [
            ("x ${A} ${_B2}", "x 1 two"),
            ("${NO:-fallback} ${EMPTY:-} ${A:-x}", "fallback  1"),
            ("$${A} $${A:-x}", "${A} ${A:-x}"),
            ("${a} ${1A} ${A:=x} ${A-x} $A $ ${", "${a} ${1A} ${A:=x} ${A-x} $A $ ${"),
            ("${A:-${_B2}}", "${A:-two}"),
            ("$$$${A}", "$$${A}"),
        ];
        for (text, expected) in cases {
            assert_eq!(substitute(text).text, expected, "{text}");
        }
    }

    #[test]
    fn missing_variables_stay_and_are_named_once() {
        let done = substitute("${NO} ${EMPTY} ${NO} ${A}");
        assert_eq!(done.text, "${NO} ${EMPTY} ${NO} 1");
        assert_eq!(
            (done.missing, done.used),
            (vec!["NO".into(), "EMPTY".into()], vec!["A".into()])
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "[$\\{\\}A:\\-x中]{0,24}") {
            let _ = substitute(&text);
        }
    }
}
