//! Secrets that are kept outside of the config: in files, and behind programs.
//!
//! Reading a config never opens such a file and starts no program: `config explain`, `config check` and the drafts of
//! `setup` stay fast, and work while a vault is locked. What a config refers to is noted when it is read. A command that
//! needs the secrets calls [`Loaded::fetch`] once, before it begins: then a slow or broken vault is told at once and holds
//! up no request later, as in OpenClaw. Until then a provider has no such key, and nothing is stored.
//!
//! It is done here and not where requests are sent, because the environment of a program is made of variables that only
//! this crate reads, and what fails is a finding about a place in the config. It blocks, so that the crate needs no runtime;
//! [`Vault`] asks several providers at the same time.
//!
//! The meaning of every key is OpenClaw's (docs.openclaw.ai, "Secrets management"; `src/secrets/resolve.ts`).

mod answer;
mod error;
mod file;
mod keeper;
mod program;
mod reference;
mod vault;

use serde_json::{Map, Value, json};

pub use self::vault::Vault;
pub(crate) use self::{error::SecretError, keeper::Keepers, reference::Written, vault::Vault as Answers};
use crate::{
    Loaded,
    path::{Seg, matches},
    secret::is_secret_value,
};

/// Whose secrets a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Those below `models`.
    Models,
    /// Those below `models`, and the address of the database in which replicas share what was spent.
    Question,
    /// The address of that database.
    Spent,
    /// Those below `store`.
    Store,
    /// All.
    All,
}

// === impl Needs ===

impl Needs {
    fn include(self, path: &[Seg]) -> bool {
        let section = path.first().and_then(Seg::key);
        match self {
            Self::Models => section == Some("models"),
            Self::Question => section == Some("models") || matches(path, "store.url"),
            Self::Spent => matches(path, "store.url"),
            Self::Store => section == Some("store"),
            Self::All => true,
        }
    }
}

impl Loaded {
    /// Gets the secrets that are needed from their files and programs, each once for all that share the vault, and puts them
    /// into the config. What cannot be had is a diagnostic, and its value alone is off. It blocks for as long as the slowest
    /// of the programs may take.
    pub fn fetch(&mut self, vault: &Vault, needs: Needs) {
        let needed = self.references.iter().filter(|written| needs.include(&written.path));
        let asked: Vec<_> = needed.map(|written| written.asked.clone()).collect();
        if !asked.is_empty() {
            vault.ask(asked);
            self.resolve(vault);
        }
    }

    /// How many secrets the config takes from files and programs, fetched or not.
    pub fn kept_elsewhere(&self) -> usize {
        self.references.len()
    }

    /// Puts into the shown config where secrets are kept, in the place of the secrets themselves.
    pub(crate) fn show_references(&self, shown: &mut Value) {
        for written in &self.references {
            let place = json!({
                "source": written.asked.keeper.source(),
                "provider": written.asked.provider,
                "id": if is_secret_value(&written.asked.id) { "***" } else { written.asked.id.as_str() },
            });
            put_at(shown, &written.path, place);
        }
        if let (Value::Object(shown), Some(keepers)) = (shown, self.keepers.shown()) {
            shown.insert("secrets".to_owned(), keepers);
        }
    }
}

/// Puts a value at a path, where the section around it is shown.
fn put_at(shown: &mut Value, path: &[Seg], value: Value) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let listed = matches(path, "models.providers.*.apiKeys.*");
    let mut section = shown;
    // A list shows the keys that could be had, and the environment's: the place of a reference among them is not its index.
    let parents = if listed { &parents[..parents.len() - 1] } else { parents };
    for seg in parents {
        let found = match seg {
            Seg::Key(key) if key == "headers" => section
                .as_object_mut()
                .map(|members| members.entry("headers").or_insert_with(|| Map::new().into())),
            Seg::Key(key) => section.get_mut(key),
            Seg::Index(index) => section.get_mut(index),
        };
        let Some(found) = found else { return };
        section = found;
    }
    let Some(members) = section.as_object_mut() else {
        return;
    };
    if listed {
        let list = members.entry("apiKeys").or_insert_with(|| Vec::<Value>::new().into());
        if let Some(list) = list.as_array_mut() {
            list.push(value);
        }
    } else if let Some(key) = last.key() {
        members.insert(key.to_owned(), value);
    }
}
