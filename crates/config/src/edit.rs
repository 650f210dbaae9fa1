//! Edits of the config text that keep comments and layout.

use std::path::Path;

use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode};

use crate::{ConfigError, source::position, tree};

/// Sets the primary model in `text`, and changes nothing else.
///
/// The short form (`model: "a/b"`) stays short. What is missing on the way is added; an empty text becomes a small
/// config.
pub fn set_primary(text: &str, model: &str) -> Result<String, ConfigError> {
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        return set_primary(rest, model).map(|edited| format!("\u{feff}{edited}"));
    }
    let root = CstRootNode::parse(text, &tree::parse_options()).map_err(|error| {
        let (line, column) = position(text, error.range().start);
        ConfigError::Syntax {
            line,
            column,
            reason: tree::reason(error.kind()),
        }
    })?;
    if root.value().is_none() {
        return Ok(new_config(text, model));
    }
    let root_object = root.object_value().ok_or_else(|| not_an_object(""))?;
    let agents = child(&root_object, "agents", "agents")?;
    let defaults = child(&agents, "defaults", "agents.defaults")?;
    match defaults.get("model").and_then(|property| property.value()) {
        None => {
            let chain = CstInputValue::Object(vec![("primary".to_owned(), string(model))]);
            match defaults.get("model") {
                Some(property) => property.set_value(chain),
                None => drop(defaults.append("model", chain)),
            }
        }
        Some(value) => set_in(&value, model)?,
    }
    Ok(root.to_string())
}

/// The text of a config that takes everything from the file `include`, except the primary model.
pub fn include_and_set_primary(include: &Path, model: &str) -> String {
    let include = std::path::absolute(include).unwrap_or_else(|_| include.to_owned());
    let include = serde_json::Value::from(include.to_string_lossy());
    let model = serde_json::Value::from(model);
    format!(
        "// Made by `yabby models set`: all of the included config, and the model that is set here.\n{{\n  \
         $include: {include},\n  agents: {{ defaults: {{ model: {{ primary: {model} }} }} }},\n}}\n"
    )
}

fn set_in(value: &CstNode, model: &str) -> Result<(), ConfigError> {
    if let Some(literal) = value.as_string_lit() {
        literal.set_raw_value(quoted(model, &literal.raw_value()));
        return Ok(());
    }
    let chain = value
        .as_object()
        .ok_or_else(|| not_an_object("agents.defaults.model"))?;
    let Some(primary) = chain.get("primary") else {
        chain.insert(0, "primary", string(model));
        return Ok(());
    };
    match primary.value().and_then(|value| value.as_string_lit()) {
        Some(literal) => literal.set_raw_value(quoted(model, &literal.raw_value())),
        None => primary.set_value(string(model)),
    }
    Ok(())
}

fn child(parent: &CstObject, name: &str, key: &str) -> Result<CstObject, ConfigError> {
    parent.object_value_or_create(name).ok_or_else(|| not_an_object(key))
}

fn not_an_object(key: &str) -> ConfigError {
    ConfigError::NotAnObject { key: key.to_owned() }
}

fn string(text: &str) -> CstInputValue {
    CstInputValue::String(text.to_owned())
}

/// `model` as a string literal, in the quotation marks that stood there before.
fn quoted(model: &str, before: &str) -> String {
    let simple = !model.contains(['\'', '\\', '"']) && !model.contains(char::is_control);
    if before.starts_with('\'') && simple {
        return format!("'{model}'");
    }
    serde_json::Value::from(model).to_string()
}

/// A config that sets the model alone, after the comments that `text` may hold.
fn new_config(text: &str, model: &str) -> String {
    let comments = text.trim_end();
    let gap = if comments.is_empty() { "" } else { "\n" };
    let model = serde_json::Value::from(model);
    format!("{comments}{gap}{{\n  agents: {{ defaults: {{ model: {{ primary: {model} }} }} }},\n}}\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_stays_what_it_is() {
        let cases = [
            (
                "{agents: {defaults: {model: 'a/b'}}} // end",
                "{agents: {defaults: {model: 'x/y'}}} // end",
            ),
            (
                "{agents: {defaults: {model: \"a/b\"}}}",
                "{agents: {defaults: {model: \"x/y\"}}}",
            ),
            (
                "{\n  agents: { defaults: { model: { primary: 'a/b', /* c */ fallbacks: ['c/d',] } } },\n}\n",
                "{\n  agents: { defaults: { model: { primary: 'x/y', /* c */ fallbacks: ['c/d',] } } },\n}\n",
            ),
            ("", "{\n  agents: { defaults: { model: { primary: \"x/y\" } } },\n}\n"),
            (
                "// mine\n",
                "// mine\n{\n  agents: { defaults: { model: { primary: \"x/y\" } } },\n}\n",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(set_primary(text, "x/y").unwrap(), expected);
        }
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_stay() {
        let text = "\u{feff}{\r\n  // c\r\n  agents: { defaults: { model: 'a/b' } },\r\n}\r\n";
        assert_eq!(set_primary(text, "x/y").unwrap(), text.replace("a/b", "x/y"));
        let added = set_primary("{\n  // mine\n  models: {},\n}\n", "x/y").unwrap();
        assert_eq!(
            added,
            "{\n  // mine\n  models: {},\n  \"agents\": {\n    \"defaults\": {\n      \"model\": {\n        \"primary\": \"x/y\"\n      }\n    }\n  },\n}\n"
        );
    }

    #[test]
    fn errors_name_the_place() {
        let error = set_primary("{a: 1 b: 2}", "x/y").unwrap_err();
        assert!(
            matches!(error, ConfigError::Syntax { line: 1, column: 6, .. }),
            "{error:?}"
        );
        let error = set_primary("{agents: []}", "x/y").unwrap_err();
        assert_eq!(error, not_an_object("agents"));
        assert_eq!(set_primary("[]", "x/y").unwrap_err(), not_an_object(""));
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back(
            text in prop::sample::select(vec![
                "", "{}", "{ agents: {} }", "{ // c\n agents: { defaults: { workspace: 'w' } } }",
                "{ agents: { defaults: { model: {} } }, models: {} }", "{\n}\n", "{ agents: { defaults: { model: null } } }",
            ]),
            model in "[a-z\"'\\\\]{1,6}/[a-zA-Z0-9.:/'\"-]{1,10}",
        ) {
            let edited = set_primary(text, &model);
            if text.contains("null") {
                prop_assert!(edited.is_err());
                return Ok(());
            }
            let loaded = crate::load_text(&edited.unwrap(), &crate::Environment::default());
            prop_assert_eq!(loaded.config.policy().primary, Some(model));
        }
    }
}
