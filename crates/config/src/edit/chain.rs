//! The primary model and its fallbacks.

use jsonc_parser::cst::{CstNode, CstObject};

use super::{
    child, decoded, not_a_list, not_an_object, property,
    style::{Piece, quoted_as},
    writer::Writer,
};
use crate::ConfigError;

const MODEL: &str = "agents.defaults.model";

/// Sets the primary model and adds a fallback, as far as they are given.
pub(super) fn set(
    root: &CstObject,
    primary: Option<&str>,
    fallback: Option<&str>,
    writer: &mut Writer,
) -> Result<(), ConfigError> {
    if primary.is_none() && fallback.is_none() {
        return Ok(());
    }
    let fallback = fallback.filter(|fallback| primary.is_none_or(|primary| !same(primary, fallback)));
    let below = |name: &str, value: Piece| Piece::Object(vec![(name.to_owned(), value)]);
    let Some(agents) = child(root, "agents", "agents")? else {
        let value = below("defaults", below("model", whole(primary, fallback)));
        writer.append(root, "agents", &value);
        return Ok(());
    };
    let Some(defaults) = child(&agents, "defaults", "agents.defaults")? else {
        writer.append(&agents, "defaults", &below("model", whole(primary, fallback)));
        return Ok(());
    };
    let Some(model) = property(&defaults, "model") else {
        writer.append(&defaults, "model", &whole(primary, fallback));
        return Ok(());
    };
    let value = model.value().ok_or_else(|| not_an_object(MODEL))?;
    if let Some(written) = decoded(&value) {
        let first = primary.unwrap_or(&written);
        match fallback.filter(|fallback| !same(fallback, first)) {
            None => writer.set_text(&model, first),
            // The short form has no room for a fallback.
            Some(fallback) => writer.replace(&value, &whole(Some(first), Some(fallback))),
        }
        return Ok(());
    }
    let chain = value.as_object().ok_or_else(|| not_an_object(MODEL))?;
    // Both are looked at before anything is changed.
    let fallbacks = fallbacks(&chain)?;
    if let Some(primary) = primary {
        set_primary(&chain, &fallbacks, primary, writer);
    }
    if let Some(fallback) = fallback {
        add_fallback(&chain, fallback, writer);
    }
    Ok(())
}

fn whole(primary: Option<&str>, fallback: Option<&str>) -> Piece {
    let text = |text: &str| Piece::Text(text.to_owned());
    let primary = primary.map(|primary| ("primary".to_owned(), text(primary)));
    let fallbacks = fallback.map(|fallback| ("fallbacks".to_owned(), Piece::List(vec![text(fallback)])));
    Piece::Object(primary.into_iter().chain(fallbacks).collect())
}

fn fallbacks(chain: &CstObject) -> Result<Vec<CstNode>, ConfigError> {
    let Some(property) = property(chain, "fallbacks") else {
        return Ok(Vec::new());
    };
    let list = property.array_value();
    list.map(|list| list.elements())
        .ok_or_else(|| not_a_list("agents.defaults.model.fallbacks"))
}

fn set_primary(chain: &CstObject, fallbacks: &[CstNode], primary: &str, writer: &mut Writer) {
    let Some(written) = property(chain, "primary") else {
        writer.prepend(chain, "primary", &Piece::Text(primary.to_owned()));
        return;
    };
    let before = written.value().as_ref().and_then(decoded);
    writer.set_text(&written, primary);
    let Some(before) = before.filter(|before| !same(before, primary)) else {
        return;
    };
    // A fallback that repeats the primary would help nobody, and the one that was first would be lost.
    for again in fallbacks.iter().filter(|node| names(node, primary)) {
        if let Some(literal) = again.as_string_lit() {
            literal.set_raw_value(quoted_as(&before, &literal.raw_value()));
        }
    }
}

fn add_fallback(chain: &CstObject, fallback: &str, writer: &mut Writer) {
    let first = property(chain, "primary").and_then(|primary| decoded(&primary.value()?));
    if first.is_some_and(|first| same(&first, fallback)) {
        return;
    }
    let Some(list) = property(chain, "fallbacks").and_then(|property| property.array_value()) else {
        writer.append(chain, "fallbacks", &Piece::List(vec![Piece::Text(fallback.to_owned())]));
        return;
    };
    if list.elements().iter().any(|node| names(node, fallback)) {
        return;
    }
    writer.push(&list, &Piece::Text(fallback.to_owned()));
}

fn names(node: &CstNode, model: &str) -> bool {
    decoded(node).is_some_and(|text| same(&text, model))
}

/// Whether two names are one model's. Upper and lower case make no difference in provider ids; aliases are not followed.
fn same(a: &str, b: &str) -> bool {
    match (a.split_once('/'), b.split_once('/')) {
        (Some((provider, model)), Some((other, name))) => provider.eq_ignore_ascii_case(other) && model == name,
        _ => a == b,
    }
}
