//! Where an effective value came from.

use serde_json::Value;
use yabby_core::{Text, text};

use crate::{
    Loaded,
    config::Provider,
    key::{self, Part},
    known,
    path::{Seg, at, dotted},
    schema::Shape,
    secret::mask_at,
    source::Place,
    tree::{self, Node},
};

/// Everything there is to say about one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The key, spelt in full.
    pub key: String,
    /// The effective value with secrets as `***`; `None` when nothing is set and there is no default.
    pub value: Option<Value>,
    /// Where the value came from.
    pub source: ValueSource,
    /// Environment variables that went into it.
    pub variables: Vec<String>,
    /// What the key means.
    pub documentation: Option<String>,
    /// Whether it has an effect.
    pub status: KeyStatus,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// It is written in a file.
    File(Place),
    /// An environment variable alone gives it.
    Variable(String),
    /// Yabby knows it without any config.
    BuiltIn,
    /// It follows from another key.
    Derived {
        /// That key.
        key: String,
        /// Where it stands.
        place: Option<Place>,
    },
    /// It is the default of the key.
    Default,
    /// Nothing is set.
    Unset,
}

/// Whether a key has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It does.
    InUse,
    /// OpenClaw has it; Yabby does not use it yet.
    NotUsedYet,
    /// Its section is off because of an error.
    Off,
}

/// A key that neither the config nor Yabby has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text().english())]
pub struct UnknownKey {
    /// The key as typed.
    pub key: String,
    /// Keys that exist and are like it, best first.
    pub suggestions: Vec<String>,
}

// === impl UnknownKey ===

impl UnknownKey {
    /// The error for a person.
    pub fn text(&self) -> Text {
        if self.suggestions.is_empty() {
            return text!("there is no key {key}", key = self.key);
        }
        text!(
            "there is no key {key}; did you mean {suggestions}?",
            key = self.key,
            suggestions = self.suggestions.join(", ")
        )
    }
}

impl Loaded {
    /// The value of `key`, where it came from and what it means.
    ///
    /// Parts of the key that hold dots may be quoted (`agents.defaults.models["a/b.c"]`), and need not be when such
    /// a key exists. Items of lists go by index (`models[0]`) or by id.
    pub fn explain(&self, key: &str) -> Result<Explanation, UnknownKey> {
        let effective = self.show();
        let view = View {
            loaded: self,
            effective: &effective,
        };
        let parts = key::split(key);
        match view.resolve(&parts, &mut Vec::new()) {
            Some(path) if !path.is_empty() => Ok(view.explain(&path)),
            _ => Err(UnknownKey {
                key: key.to_owned(),
                suggestions: view.suggestions(key),
            }),
        }
    }
}

impl Loaded {
    /// The same for every value that there is, in the order of the config as it is shown. Lists of simple values are one value.
    pub fn explain_all(&self) -> Vec<Explanation> {
        let effective = self.show();
        let view = View {
            loaded: self,
            effective: &effective,
        };
        let mut paths = Vec::new();
        leaves(&effective, &mut Vec::new(), &mut paths);
        paths.iter().map(|path| view.explain(path)).collect()
    }
}

struct View<'a> {
    loaded: &'a Loaded,
    effective: &'a Value,
}

// === impl View ===

impl View<'_> {
    /// The path of an existing key; the longest names first.
    fn resolve(&self, parts: &[Part], path: &mut Vec<Seg>) -> Option<Vec<Seg>> {
        let Some(first) = parts.first() else {
            return Some(path.clone());
        };
        let longest = if first.whole {
            1
        } else {
            parts.iter().take_while(|part| !part.whole).count()
        };
        for length in (1..=longest).rev() {
            let texts: Vec<&str> = parts[..length].iter().map(|part| part.text.as_str()).collect();
            let Some(seg) = self.step(path, &texts.join(".")) else {
                continue;
            };
            path.push(seg);
            let found = self.resolve(&parts[length..], path);
            path.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn step(&self, path: &[Seg], name: &str) -> Option<Seg> {
        let value = value_at(self.effective, path);
        let node = self.node(&self.loaded.written, path);
        let effective = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let written = match node.map(|node| &node.value) {
            Some(tree::Value::Array(items)) => items.as_slice(),
            _ => &[],
        };
        if value.is_some_and(Value::is_array) || !written.is_empty() {
            let by_id = effective
                .iter()
                .position(|item| item.get("id").and_then(Value::as_str) == Some(name));
            // Items that are off stand in the file alone, and keep their id as their name.
            let off = || {
                written
                    .iter()
                    .any(|item| id_of(item) == Some(name))
                    .then(|| Seg::from(name))
            };
            let length = effective.len().max(written.len());
            let by_index = || name.parse().ok().filter(|index| *index < length).map(Seg::Index);
            return by_id.map(Seg::Index).or_else(off).or_else(by_index);
        }
        let in_value = value.is_some_and(|value| value.get(name).is_some());
        let in_node = node.is_some_and(|node| node.member(name).is_some());
        let in_schema = Shape::at(path).is_some_and(|shape| {
            let mut alternatives = shape.alternatives().into_iter();
            alternatives.any(|shape| shape.property(name).is_some())
        });
        (in_value || in_node || in_schema).then(|| Seg::from(name))
    }

    fn explain(&self, path: &[Seg]) -> Explanation {
        let written = self.node(&self.loaded.written, path);
        let mut value = value_at(self.effective, path).cloned().filter(|value| !value.is_null());
        if value.is_none()
            && let Some(node) = written
        {
            let mut shown = node.to_json_without(&|span| self.loaded.sources.is_hidden(span));
            let in_env = path.first().and_then(Seg::key) == Some("env");
            let in_secret = at!["secret"];
            mask_at(&mut shown, if in_env { &in_secret } else { path });
            self.loaded.redactor.redact_json(&mut shown);
            value = Some(shown);
        }
        let mut variables = written.map(|node| node.variables.clone()).unwrap_or_default();
        if let Some(name) = self.key_variable(path)
            && written.is_some()
            && !variables.iter().any(|known| known == name)
        {
            variables.push(name.to_owned());
        }
        Explanation {
            key: dotted(path),
            source: self.source(path, written, value.is_some()),
            value,
            variables,
            documentation: Shape::at(path).and_then(Shape::description),
            status: self.status(path, written),
        }
    }

    fn source(&self, path: &[Seg], written: Option<&Node>, has_value: bool) -> ValueSource {
        let place = |node: &Node| self.loaded.sources.place(node.span);
        if let Some(place) = written.and_then(place) {
            return ValueSource::File(place);
        }
        if let Some(name) = self.key_variable(path) {
            return ValueSource::Variable(name.to_owned());
        }
        if !has_value {
            return ValueSource::Unset;
        }
        let model = at!["agents", "defaults", "model"];
        if path.starts_with(&model) && path.get(3).and_then(Seg::key) != Some("fallbacks") {
            let first = self.loaded.config.providers().find(|provider| provider.configured);
            let from = at![
                "models",
                "providers",
                first.map_or("", |provider| provider.id.as_str()),
                "models"
            ];
            return self.derived(&from);
        }
        let Some(provider) = self.provider(path) else {
            return ValueSource::Default;
        };
        let field = path.last().and_then(Seg::key).unwrap_or_default();
        if provider.built_in && path.len() <= 4 && (!provider.configured || matches!(field, "baseUrl" | "api")) {
            return ValueSource::BuiltIn;
        }
        // Limits that a model does not state come from its provider.
        let of_provider = at!["models", "providers", provider.id.as_str(), field];
        if path.len() > 4 && self.loaded.written.find(&of_provider).is_some() {
            return self.derived(&of_provider);
        }
        ValueSource::Default
    }

    fn derived(&self, from: &[Seg]) -> ValueSource {
        let node = self.loaded.written.find(from);
        ValueSource::Derived {
            key: dotted(from),
            place: node.and_then(|node| self.loaded.sources.place(node.span)),
        }
    }

    fn status(&self, path: &[Seg], written: Option<&Node>) -> KeyStatus {
        if (1..=path.len()).any(|length| known::is_unused(&path[..length]) || known::is_idle(&path[..length])) {
            return KeyStatus::NotUsedYet;
        }
        let removed = written.is_some() && self.node(&self.loaded.usable, path).is_none();
        let provider_off =
            path.len() > 2 && path.starts_with(&at!["models", "providers"]) && self.provider(path).is_none();
        if removed || provider_off {
            KeyStatus::Off
        } else {
            KeyStatus::InUse
        }
    }

    fn provider(&self, path: &[Seg]) -> Option<&Provider> {
        let below = path.strip_prefix(&at!["models", "providers"])?;
        self.loaded.config.provider(below.first()?.key()?)
    }

    /// The variable that gives the key at `path`, or the first of the keys.
    fn key_variable(&self, path: &[Seg]) -> Option<&str> {
        if path == at!["tools", "web", "search", "apiKey"] {
            let search = &self.loaded.config.assistants.shared.tools.search;
            return search.brave.as_ref()?.source.variable();
        }
        let provider = self.provider(path)?;
        let (single, listed) = provider.split_keys();
        let at = dotted(path);
        let by_place = || provider.keys.iter().find(|key| key.written.as_ref() == Some(&at));
        let key = match (path.get(3)?.key()?, path.get(4), path.len()) {
            ("apiKey", None, 4) => single,
            ("apiKeys", None, 4) => listed.first().filter(|key| key.written.is_none()),
            ("apiKeys", Some(Seg::Index(index)), 5) => {
                by_place().or_else(|| listed.get(*index).filter(|key| key.written.is_none()))
            }
            _ => None,
        };
        key?.source.variable()
    }

    /// The node at an effective path. Items of lists are matched by id, because items with errors are left out.
    fn node<'n>(&self, root: &'n Node, path: &[Seg]) -> Option<&'n Node> {
        let mut node = root;
        for (depth, seg) in path.iter().enumerate() {
            let id = || value_at(self.effective, &path[..=depth])?.get("id")?.as_str();
            node = match (&node.value, seg) {
                (tree::Value::Array(items), Seg::Index(index)) => {
                    let has_id = |item: &&Node| id_of(item) == id();
                    match id() {
                        Some(_) => items.iter().find(has_id)?,
                        None => items.get(*index)?,
                    }
                }
                (tree::Value::Array(items), Seg::Key(key)) => items.iter().find(|item| id_of(item) == Some(key))?,
                // The short form of a policy is its primary model.
                (tree::Value::String(_), Seg::Key(key)) if key == "primary" => node,
                (_, Seg::Key(key)) => &node.member(key)?.value,
                _ => return None,
            };
        }
        Some(node)
    }

    fn suggestions(&self, key: &str) -> Vec<String> {
        let mut keys = Vec::new();
        collect(self.effective, &mut Vec::new(), &mut keys);
        let found = known::closest(key, keys.iter().map(String::as_str), 3);
        found.into_iter().map(str::to_owned).collect()
    }
}

fn id_of(item: &Node) -> Option<&str> {
    item.member("id")?.value.as_str()
}

fn value_at<'a>(value: &'a Value, path: &[Seg]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, seg| match seg {
        Seg::Key(key) => value.get(key),
        Seg::Index(index) => value.get(index),
    })
}

/// The paths of all values that have none below them.
fn leaves(value: &Value, path: &mut Vec<Seg>, paths: &mut Vec<Vec<Seg>>) {
    let mut below = |seg: Seg, value: &Value| {
        path.push(seg);
        leaves(value, path, paths);
        path.pop();
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                below(Seg::from(key.as_str()), value);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                below(Seg::Index(index), item);
            }
        }
        Value::Null => {}
        _ if path.is_empty() => {}
        _ => paths.push(path.clone()),
    }
}

fn collect(value: &Value, path: &mut Vec<Seg>, keys: &mut Vec<String>) {
    if !path.is_empty() {
        keys.push(dotted(path));
    }
    if let Value::Object(members) = value {
        for (key, value) in members {
            path.push(Seg::from(key.as_str()));
            collect(value, path, keys);
            path.pop();
        }
    }
    if let Value::Array(items) = value {
        for (index, item) in items.iter().enumerate() {
            path.push(Seg::Index(index));
            collect(item, path, keys);
            path.pop();
        }
    }
}
