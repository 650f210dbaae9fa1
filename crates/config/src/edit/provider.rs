//! Model servers in the config.

use jsonc_parser::cst::{CstArray, CstNode, CstObject, CstObjectProp};

use super::{child, decoded, not_a_list, not_an_object, property, style::Piece, writer::Writer};
use crate::{Api, ConfigError};

/// A provider to add. What is not given is not written, and stays as it is where the provider is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewProvider {
    /// The id; upper and lower case are alike.
    pub id: String,
    /// The address of its API.
    pub base_url: Option<String>,
    /// The protocol.
    pub api: Option<Api>,
    /// The environment variable that holds its key. The key itself is never written.
    pub key_env: Option<String>,
    /// Models to list. One that is listed already stays as it is.
    pub models: Vec<NewModel>,
}

/// A model to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewModel {
    /// The id, as the server knows it.
    pub id: String,
    /// Its window in tokens, for servers that do not tell it. It is a cap where they do.
    pub context_window: Option<u32>,
}

/// Adds or completes the providers.
pub(super) fn add(root: &CstObject, providers: &[NewProvider], writer: &mut Writer) -> Result<(), ConfigError> {
    let providers = by_id(providers);
    if providers.is_empty() {
        return Ok(());
    }
    let block = |providers: &[NewProvider]| {
        let member = |provider: &NewProvider| (provider.id.clone(), piece(provider));
        Piece::Block(providers.iter().map(member).collect())
    };
    let Some(models) = child(root, "models", "models")? else {
        let value = Piece::Block(vec![("providers".to_owned(), block(&providers))]);
        writer.append(root, "models", &value);
        return Ok(());
    };
    let Some(known) = child(&models, "providers", "models.providers")? else {
        writer.append(&models, "providers", &block(&providers));
        return Ok(());
    };
    for provider in &providers {
        match find(&known, &provider.id) {
            None => writer.append(&known, &provider.id, &piece(provider)),
            Some(property) => {
                let key = format!("models.providers.{}", property.decoded_name().unwrap_or_default());
                let object = property.object_value().ok_or_else(|| not_an_object(&key))?;
                complete(&object, provider, &key, writer)?;
            }
        }
    }
    Ok(())
}

/// The same providers, each id once.
fn by_id(providers: &[NewProvider]) -> Vec<NewProvider> {
    let mut merged: Vec<NewProvider> = Vec::new();
    for provider in providers {
        let mut provider = provider.clone();
        let models = std::mem::take(&mut provider.models);
        let same = |known: &NewProvider| known.id.eq_ignore_ascii_case(&provider.id);
        let at = merged.iter().position(same).unwrap_or(merged.len());
        if at == merged.len() {
            merged.push(provider);
        } else {
            let known = &mut merged[at];
            known.base_url = provider.base_url.or(known.base_url.take());
            known.api = provider.api.or(known.api.take());
            known.key_env = provider.key_env.or(known.key_env.take());
        }
        for model in models {
            if !merged[at].models.iter().any(|listed| listed.id == model.id) {
                merged[at].models.push(model);
            }
        }
    }
    merged
}

/// The provider with this id. Of two that differ in case alone the first counts, of two that are the same the last.
fn find(providers: &CstObject, id: &str) -> Option<CstObjectProp> {
    let alike = |property: &CstObjectProp| {
        property
            .decoded_name()
            .is_some_and(|name| name.eq_ignore_ascii_case(id))
    };
    let name = providers.properties().into_iter().find(alike)?.decoded_name()?;
    property(providers, &name)
}

fn piece(provider: &NewProvider) -> Piece {
    let text = |text: &str| Piece::Text(text.to_owned());
    let mut members = Vec::new();
    members.extend(
        provider
            .base_url
            .as_deref()
            .map(|url| ("baseUrl".to_owned(), text(url))),
    );
    members.extend(provider.api.as_ref().map(|api| ("api".to_owned(), text(api.name()))));
    members.extend(
        provider
            .key_env
            .as_deref()
            .map(|name| ("apiKey".to_owned(), text(&reference(name)))),
    );
    if !provider.models.is_empty() {
        let models = provider.models.iter().map(model).collect();
        members.push(("models".to_owned(), Piece::List(models)));
    }
    if members.is_empty() {
        Piece::Object(members)
    } else {
        Piece::Block(members)
    }
}

fn model(model: &NewModel) -> Piece {
    let mut members = vec![("id".to_owned(), Piece::Text(model.id.clone()))];
    members.extend(
        model
            .context_window
            .map(|tokens| ("contextWindow".to_owned(), Piece::Number(tokens))),
    );
    Piece::Object(members)
}

fn reference(name: &str) -> String {
    format!("${{{name}}}")
}

/// Sets what is given of a provider that is there.
fn complete(object: &CstObject, provider: &NewProvider, key: &str, writer: &mut Writer) -> Result<(), ConfigError> {
    let list = match property(object, "models") {
        None => None,
        Some(models) => {
            let list = models
                .array_value()
                .ok_or_else(|| not_a_list(&format!("{key}.models")))?;
            Some(list)
        }
    };
    if let Some(url) = &provider.base_url {
        set(object, "baseUrl", url, writer);
    }
    if let Some(api) = &provider.api {
        set(object, "api", api.name(), writer);
    }
    if let Some(name) = &provider.key_env
        && !means(object, name)
    {
        set(object, "apiKey", &reference(name), writer);
    }
    match list {
        Some(list) => list_models(&list, &provider.models, writer),
        None if provider.models.is_empty() => {}
        None => {
            let models = provider.models.iter().map(model).collect();
            writer.append(object, "models", &Piece::List(models));
        }
    }
    Ok(())
}

fn set(object: &CstObject, name: &str, text: &str, writer: &mut Writer) {
    match property(object, name) {
        None => writer.append(object, name, &Piece::Text(text.to_owned())),
        Some(property) if property.value().as_ref().and_then(decoded).as_deref() == Some(text) => {}
        Some(property) => writer.set_text(&property, text),
    }
}

/// Whether the key is that variable's value already, in one of the other spellings.
fn means(object: &CstObject, name: &str) -> bool {
    let Some(value) = property(object, "apiKey").and_then(|property| property.value()) else {
        return false;
    };
    if let Some(object) = value.as_object() {
        let is = |key: &str, wanted: &str| {
            let value = property(&object, key).and_then(|property| property.value());
            value.as_ref().and_then(decoded).as_deref() == Some(wanted)
        };
        return is("source", "env") && is("id", name);
    }
    decoded(&value).is_some_and(|text| text == name)
}

fn list_models(list: &CstArray, models: &[NewModel], writer: &mut Writer) {
    let listed: Vec<String> = list.elements().iter().filter_map(id).collect();
    for new in models.iter().filter(|new| !listed.contains(&new.id)) {
        writer.push(list, &model(new));
    }
}

fn id(entry: &CstNode) -> Option<String> {
    let id = property(&entry.as_object()?, "id")?;
    decoded(&id.value()?)
}
