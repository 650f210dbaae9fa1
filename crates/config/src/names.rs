//! From the names that people write to model references.

use yabby_core::{ModelRef, Text, text};

use crate::{Config, known};

/// A model name that stands for no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text().english())]
pub struct UnknownModel {
    /// The name as written.
    pub name: String,
    /// Names that exist and are like it, best first.
    pub suggestions: Vec<String>,
}

// === impl UnknownModel ===

impl UnknownModel {
    /// The error for a person.
    pub fn text(&self) -> Text {
        if self.suggestions.is_empty() {
            return text!("no model is called {name}", name = self.name);
        }
        text!(
            "no model is called {name}; did you mean {suggestions}?",
            name = self.name,
            suggestions = self.suggestions.join(", ")
        )
    }
}

impl Config {
    /// The model that `name` stands for: an alias (upper and lower case alike), `provider/model` of a known provider,
    /// or the id of a model that exactly one provider lists.
    pub fn resolve(&self, name: &str) -> Result<ModelRef, UnknownModel> {
        let name = name.trim();
        let by_alias = self
            .written_aliases()
            .find(|(alias, _)| alias.to_lowercase() == name.to_lowercase())
            .and_then(|(_, target)| self.reference(target));
        by_alias
            .or_else(|| self.reference(name))
            .ok_or_else(|| self.unknown(name))
    }

    /// Ids of agents that are like `name`, best first.
    pub fn agents_like(&self, name: &str) -> Vec<String> {
        let ids = self.agents.entries.iter().map(|agent| agent.id.as_str());
        known::closest(name, ids, 2).into_iter().map(str::to_owned).collect()
    }

    /// Every alias with its model, in the order of the file. Aliases of unknown providers are left out.
    pub fn aliases(&self) -> Vec<(String, ModelRef)> {
        self.written_aliases()
            .filter_map(|(alias, target)| Some((alias.to_owned(), self.reference(target)?)))
            .collect()
    }

    /// `provider/model` of a known provider, or the id of a model that exactly one provider lists.
    fn reference(&self, name: &str) -> Option<ModelRef> {
        let qualified = name.split_once('/').and_then(|(provider, model)| {
            let provider = self.provider(provider)?;
            ModelRef::new(&provider.id, model).ok()
        });
        qualified.or_else(|| {
            let mut listing = self.providers().filter(|provider| provider.model(name).is_some());
            let only = listing.next().filter(|_| listing.next().is_none())?;
            ModelRef::new(&only.id, name).ok()
        })
    }

    fn written_aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.agents.defaults.models.iter();
        settings.filter_map(|settings| Some((settings.alias.as_deref()?.trim(), settings.name.as_str())))
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let listed = self.providers().flat_map(|provider| {
            let models = provider.models.iter();
            models.map(move |model| format!("{}/{}", provider.id, model.id))
        });
        let aliases = self.aliases();
        let referenced = aliases.iter().map(|(_, model)| model.to_string());
        let names: Vec<String> = aliases
            .iter()
            .map(|(alias, _)| alias.clone())
            .chain(listed)
            .chain(referenced)
            .collect();
        let mut suggestions: Vec<String> = Vec::new();
        for found in known::closest(name, names.iter().map(String::as_str), names.len()) {
            if suggestions.len() < 3 && !suggestions.iter().any(|known| known.eq_ignore_ascii_case(found)) {
                suggestions.push(found.to_owned());
            }
        }
        UnknownModel {
            name: name.to_owned(),
            suggestions,
        }
    }
}
