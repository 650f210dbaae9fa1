//! Holds the tree against the schema: unknown keys, wrong types, variables that are not set.
//!
//! What is wrong is removed with the smallest section it belongs to, so that the rest can be used.

use std::path::Path;

use yabby_core::{Text, text};

use crate::{
    closed,
    diagnostic::{Diagnostic, DiagnosticKind, UnusedKey},
    known,
    path::{Seg, dotted, matches},
    privacy,
    schema::Shape,
    secret::Redactor,
    source::{Sources, Span},
    tree::{Member, Node, Value},
};

/// Sections that are off as a whole when something in them is wrong.
const SECTIONS: [&str; 15] = [
    "models.providers.*",
    "models.providers.*.models.*",
    "agents.list.*",
    "agents.list.*.privacy",
    "agents.entries.*",
    "agents.entries.*.privacy",
    "agents.defaults.models.*",
    "agents.defaults.privacy",
    "session.reset",
    "session.resetByType.*",
    "session.resetByChannel.*",
    "session.maintenance",
    "mcp.servers.*",
    "skills.entries.*",
    "secrets.providers.*",
];

/// What the check found.
pub(crate) struct Checked {
    /// The part of the config that can be used.
    pub(crate) tree: Node,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) unused: Vec<UnusedKey>,
}

/// The value cannot be used.
struct Bad;

struct Checker<'a> {
    sources: &'a Sources,
    /// The file to put variables into.
    dot_env: &'a Path,
    redactor: &'a Redactor,
    diagnostics: Vec<Diagnostic>,
    unused: Vec<UnusedKey>,
}

/// Checks `tree` against the schema of the config.
pub(crate) fn check(mut tree: Node, sources: &Sources, dot_env: &Path, redactor: &Redactor) -> Checked {
    let mut checker = Checker {
        sources,
        dot_env,
        redactor,
        diagnostics: Vec::new(),
        unused: Vec::new(),
    };
    if checker.node(&mut tree, Shape::root(), &mut Vec::new()).is_err() {
        tree.value = Value::Object(Vec::new());
    }
    Checked {
        tree,
        diagnostics: checker.diagnostics,
        unused: checker.unused,
    }
}

// === impl Checker ===

impl Checker<'_> {
    fn node(&mut self, node: &mut Node, shape: Shape, path: &mut Vec<Seg>) -> Result<(), Bad> {
        let alternatives = shape.alternatives();
        let free = alternatives.iter().any(|shape| shape.types().is_empty());
        let Some(shape) = alternatives.iter().copied().find(|shape| accepts(*shape, node)) else {
            if free {
                self.variables(node, path);
                return Ok(());
            }
            let expected: Vec<&str> = alternatives.iter().flat_map(|shape| shape.types()).collect();
            return Err(self.wrong_type(node, &expected, path));
        };
        if node.missing.is_empty() {
            self.limits(node, shape, path)?;
        } else {
            self.missing_variables(node, path);
            if !shape.choices().is_empty() {
                // It is none of the words, and nothing behind this check can read another one.
                return Err(Bad);
            }
        }
        match &mut node.value {
            Value::Object(members) => {
                let members = std::mem::take(members);
                let kept = self.members(members, shape, path)?;
                let absent = shape
                    .required()
                    .find(|key| kept.iter().all(|member| member.key != *key));
                node.value = Value::Object(kept);
                if let Some(key) = absent {
                    return Err(self.missing_key(node.span, key, path));
                }
            }
            Value::Array(items) => {
                let mut kept = Vec::with_capacity(items.len());
                for (index, mut item) in std::mem::take(items).into_iter().enumerate() {
                    path.push(Seg::Index(index));
                    let result = match shape.items() {
                        Some(shape) => self.node(&mut item, shape, path),
                        None => Ok(()),
                    };
                    let result = settle(&result, path);
                    path.pop();
                    if result? {
                        kept.push(item);
                    }
                }
                *items = kept;
            }
            _ => {}
        }
        Ok(())
    }

    fn members(&mut self, members: Vec<Member>, shape: Shape, path: &mut Vec<Seg>) -> Result<Vec<Member>, Bad> {
        let mut kept = Vec::with_capacity(members.len());
        for mut member in members {
            path.push(Seg::Key(member.key.clone()));
            let result = if let Some(shape) = shape.property(&member.key) {
                if known::is_idle(path) {
                    self.unused.push(UnusedKey {
                        key: dotted(path),
                        place: self.sources.place(member.key_span),
                    });
                }
                self.node(&mut member.value, shape, path)
            } else if known::is_unused(path) {
                self.unused.push(UnusedKey {
                    key: dotted(path),
                    place: self.sources.place(member.key_span),
                });
                path.pop();
                continue;
            } else if let Some(shape) = shape.additional() {
                self.node(&mut member.value, shape, path)
            } else if shape.properties().is_some() {
                self.unknown_key(&member, shape, path);
                path.pop();
                continue;
            } else {
                self.variables(&member.value, path);
                Ok(())
            };
            let result = settle(&result, path);
            path.pop();
            if result? {
                kept.push(member);
            }
        }
        Ok(kept)
    }

    /// Reports variables that are not set, in a value of any shape.
    fn variables(&mut self, node: &Node, path: &mut Vec<Seg>) {
        self.missing_variables(node, path);
        match &node.value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Seg::Index(index));
                    self.variables(item, path);
                    path.pop();
                }
            }
            Value::Object(members) => {
                for member in members {
                    path.push(Seg::Key(member.key.clone()));
                    self.variables(&member.value, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn missing_variables(&mut self, node: &Node, path: &[Seg]) {
        for name in &node.missing {
            let message = text!("the environment variable {name} is not set", name = name);
            let help = set_variable(name, self.dot_env);
            let diagnostic = Diagnostic::warning(DiagnosticKind::MissingVariable, message);
            self.push(diagnostic.with_help(help), node.span, path);
        }
    }

    fn limits(&mut self, node: &Node, shape: Shape, path: &[Seg]) -> Result<(), Bad> {
        if let Value::Number(number) = &node.value {
            let value = number.as_f64().unwrap_or_default();
            let message = if let Some(minimum) = shape.minimum().filter(|minimum| value < *minimum) {
                text!(
                    "{value} is too small; the least is {limit}",
                    value = number,
                    limit = minimum
                )
            } else if let Some(maximum) = shape.maximum().filter(|maximum| value > *maximum) {
                text!(
                    "{value} is too large; the most is {limit}",
                    value = number,
                    limit = maximum
                )
            } else {
                return Ok(());
            };
            return Err(self.bad(message, None, node.span, path));
        }
        let choices = shape.choices();
        let Some(word) = node
            .as_str()
            .filter(|word| !choices.is_empty() && !choices.contains(word))
        else {
            return Ok(());
        };
        let message = text!(
            "{value} is not one of {choices}",
            value = self.redactor.redact(&format!("{word:?}")),
            choices = choices.join(", ")
        );
        let help = known::similar(word, choices.iter().copied()).map(did_you_mean);
        Err(self.bad(message, help, node.span, path))
    }

    fn wrong_type(&mut self, node: &Node, expected: &[&str], path: &[Seg]) -> Bad {
        let mut names: Vec<&str> = Vec::new();
        for name in expected.iter().copied().filter(|name| *name != "null") {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let message = text!(
            "expected {expected}, found {found}",
            expected = names.join(" | "),
            found = node.type_name()
        );
        self.bad(message, None, node.span, path)
    }

    fn missing_key(&mut self, span: Span, key: &str, path: &[Seg]) -> Bad {
        let message = text!("the key {key} is missing here", key = key);
        let help = consequence(path);
        self.push(
            Diagnostic::error(DiagnosticKind::MissingKey, message).with_help(help),
            span,
            path,
        );
        Bad
    }

    fn bad(&mut self, message: Text, help: Option<Text>, span: Span, path: &[Seg]) -> Bad {
        let help = help.unwrap_or_else(|| consequence(path));
        let diagnostic = Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help);
        self.push(diagnostic, span, path);
        Bad
    }

    fn unknown_key(&mut self, member: &Member, shape: Shape, path: &[Seg]) {
        let within = &path[..path.len() - 1];
        let own = shape
            .properties()
            .into_iter()
            .flat_map(|keys| keys.keys().map(String::as_str));
        let guess = known::similar(&member.key, own.chain(known::unused_below(within)));
        let message = text!("unknown key {key}", key = member.key);
        let mut diagnostic = Diagnostic::warning(DiagnosticKind::UnknownKey, message);
        diagnostic.help = Some(match guess {
            Some(guess) => did_you_mean(guess),
            None if privacy::is_privacy(&dotted(within)) => privacy::consequence(),
            None => closed::consequence(&dotted(path), DiagnosticKind::UnknownKey)
                .unwrap_or_else(|| text!("it has no effect; remove it")),
        });
        self.push(diagnostic, member.key_span, path);
    }

    fn push(&mut self, diagnostic: Diagnostic, span: Span, path: &[Seg]) {
        self.diagnostics
            .push(diagnostic.for_key(dotted(path)).at(self.sources, span));
    }
}

/// Whether to keep the child at `path`, or that its parent is bad too because both are in the same section.
fn settle(result: &Result<(), Bad>, path: &[Seg]) -> Result<bool, Bad> {
    if result.is_ok() {
        return Ok(true);
    }
    let inside_section = (outermost(path)..path.len()).any(|length| is_section(&path[..length]));
    if inside_section && !is_section(path) && !closed::stands_alone(path) {
        Err(Bad)
    } else {
        Ok(false)
    }
}

fn is_section(path: &[Seg]) -> bool {
    SECTIONS.iter().any(|section| matches(path, section))
}

/// The length of the shortest part of `path` that can be a section with what stands at its end.
fn outermost(path: &[Seg]) -> usize {
    let alone = (1..path.len()).find(|length| closed::stands_alone(&path[..*length]));
    alone.unwrap_or(1)
}

/// What is off because of an error at `path`.
fn consequence(path: &[Seg]) -> Text {
    let alone = closed::stands_alone(path);
    let section = (outermost(path)..=path.len())
        .rev()
        .find(|length| !alone && is_section(&path[..*length]));
    let off = dotted(&path[..section.unwrap_or(path.len())]);
    if off.is_empty() {
        return text!("the whole config is off until this is corrected");
    }
    if privacy::is_privacy(&off) {
        return privacy::consequence();
    }
    if let Some(consequence) = closed::consequence(&off, DiagnosticKind::WrongType) {
        return consequence;
    }
    text!("{key} is off until this is corrected; the rest is used", key = off)
}

/// The help that proposes another word.
pub(crate) fn did_you_mean(word: &str) -> Text {
    text!("did you mean {word}?", word = word)
}

/// The help for a variable that is not set.
pub(crate) fn set_variable(name: &str, dot_env: &Path) -> Text {
    text!(
        "set {name}, put it into {file}, or give a fallback such as {example}",
        name = name,
        file = dot_env.display(),
        example = format!("${{{name}:-value}}")
    )
}

fn accepts(shape: Shape, node: &Node) -> bool {
    let found = node.type_name();
    shape
        .types()
        .iter()
        .any(|name| *name == found || *name == "number" && found == "integer")
}
