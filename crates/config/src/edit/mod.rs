//! Edits of the config text that keep comments and layout.
//!
//! A person's file stays a person's file: what is there keeps its place, its quotation marks and its line ends, and what
//! is new is written in the way of the rest. An edit that is made twice changes nothing the second time.

mod chain;
mod provider;
mod style;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

use jsonc_parser::cst::{CstNode, CstObject, CstObjectProp, CstRootNode, TrailingCommaMode};

pub use provider::{NewModel, NewProvider};

use crate::{ConfigError, source::position, tree};
use style::Style;
use writer::Writer;

/// What to change in a config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Providers to add, or to complete where they are there.
    pub providers: Vec<NewProvider>,
    /// The model to use first. One that is a fallback already changes places with the primary of before.
    pub primary: Option<String>,
    /// A model to add to the fallbacks, unless it is in the chain.
    pub fallback: Option<String>,
}

/// Makes the edit in `text`, and changes nothing else. What is missing on the way is added; an empty text becomes a
/// small config.
pub fn edit(text: &str, edit: &Edit) -> Result<String, ConfigError> {
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        return self::edit(rest, edit).map(|edited| format!("\u{feff}{edited}"));
    }
    let root = parse(text)?;
    if root.value().is_none() {
        // The comments stay, and the rest is as in any other file.
        let comments = text.trim_end();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let gap = if comments.is_empty() { "" } else { newline };
        let root = parse(&format!("{comments}{gap}{{{newline}}}{newline}"))?;
        return apply(&root, edit);
    }
    apply(&root, edit)
}

/// Sets the primary model in `text`. The short form (`model: "a/b"`) stays short.
pub fn set_primary(text: &str, model: &str) -> Result<String, ConfigError> {
    let change = Edit {
        primary: Some(model.to_owned()),
        ..Edit::default()
    };
    edit(text, &change)
}

/// Adds a provider to `text`, or what is missing of one that is there.
pub fn add_provider(text: &str, provider: &NewProvider) -> Result<String, ConfigError> {
    let change = Edit {
        providers: vec![provider.clone()],
        ..Edit::default()
    };
    edit(text, &change)
}

/// The text of a config that takes everything from the file `include`. Edits of it leave that file alone.
pub fn including(include: &Path) -> String {
    let include = std::path::absolute(include).unwrap_or_else(|_| include.to_owned());
    let include = serde_json::Value::from(include.to_string_lossy());
    format!("// Made by Yabby: all of the included config, and what is set here.\n{{\n  $include: {include},\n}}\n")
}

fn parse(text: &str) -> Result<CstRootNode, ConfigError> {
    CstRootNode::parse(text, &tree::parse_options()).map_err(|error| {
        let (line, column) = position(text, error.range().start);
        ConfigError::Syntax {
            line,
            column,
            reason: tree::reason(error.kind()),
        }
    })
}

fn apply(root: &CstRootNode, edit: &Edit) -> Result<String, ConfigError> {
    let object = root.object_value().ok_or_else(|| not_an_object(""))?;
    let style = Style::of(root, &object);
    let is_new = object.properties().is_empty();
    let mut writer = Writer::new(style);
    provider::add(&object, &edit.providers, &mut writer)?;
    chain::set(&object, edit.primary.as_deref(), edit.fallback.as_deref(), &mut writer)?;
    if is_new {
        object.set_trailing_commas(TrailingCommaMode::IfMultiline);
    }
    writer.finish();
    Ok(root.to_string())
}

/// The property with this name; the last of several, which is the one that counts.
fn property(object: &CstObject, name: &str) -> Option<CstObjectProp> {
    let named = |property: &CstObjectProp| property.decoded_name().as_deref() == Some(name);
    object.properties().into_iter().rev().find(named)
}

/// The object below `name`; `None` where there is no such key.
fn child(parent: &CstObject, name: &str, key: &str) -> Result<Option<CstObject>, ConfigError> {
    let Some(property) = property(parent, name) else {
        return Ok(None);
    };
    property.object_value().map(Some).ok_or_else(|| not_an_object(key))
}

/// The text of a string.
fn decoded(node: &CstNode) -> Option<String> {
    node.as_string_lit()?.decoded_value().ok()
}

fn not_an_object(key: &str) -> ConfigError {
    ConfigError::NotAnObject { key: key.to_owned() }
}

fn not_a_list(key: &str) -> ConfigError {
    ConfigError::NotAList { key: key.to_owned() }
}
