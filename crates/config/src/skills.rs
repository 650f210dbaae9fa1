//! Which skills there are.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;
use yabby_core::Secret;

use crate::{
    assistant::{secret, secrets},
    path::{at, below, dotted},
    raw,
    resolve::Resolver,
    tree::Node,
};

/// Which skills there are, for all agents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SkillSettings {
    /// What is said of single skills, by their names.
    pub entries: BTreeMap<String, SkillEntry>,
    /// Whether a mistake hides what is said of them, so that none is used.
    pub in_doubt: bool,
    /// Folders with skills in them; those of the workspace win over them.
    pub folders: Vec<PathBuf>,
    /// The most skills in the prompt.
    pub max: Option<u32>,
    /// The most characters of them in the prompt.
    pub max_chars: Option<u32>,
    /// The largest `SKILL.md` that is read, in bytes.
    pub max_bytes: Option<u32>,
}

/// What is said of one skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkillEntry {
    /// Whether it is used.
    pub enabled: bool,
    /// The value of the variable that it names as its key.
    #[serde(
        rename = "apiKey",
        skip_serializing_if = "Option::is_none",
        serialize_with = "secret"
    )]
    pub key: Option<Secret>,
    /// Environment variables of programs that are run for it.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "secrets")]
    pub env: Vec<(String, Secret)>,
}

// === impl SkillSettings ===

impl SkillSettings {
    /// Whether a skill may be used, as far as this section says.
    pub fn allows(&self, name: &str) -> bool {
        !self.in_doubt && self.entries.get(name).is_none_or(|entry| entry.enabled)
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn skills(&mut self, raw: raw::Skills) -> SkillSettings {
        let path = at!["skills", "entries"];
        let mut entries = BTreeMap::new();
        for (name, skill) in raw.entries.0 {
            let path = below(&path, &name);
            let key = self.key(skill.api_key.as_ref(), &below(&path, "apiKey"));
            let entry = SkillEntry {
                enabled: skill.enabled.unwrap_or(true),
                key: key.map(|key| key.secret),
                env: self.named(skill.env, &below(&path, "env")),
            };
            entries.insert(name, entry);
        }
        for member in self.written.find(&path).map_or(&[][..], Node::members) {
            // Whether it was to be used cannot be told.
            if self.doubts.closes(&dotted(&below(&path, &member.key))) {
                let entry = entries.entry(member.key.clone()).or_insert(SkillEntry {
                    enabled: false,
                    key: None,
                    env: Vec::new(),
                });
                entry.enabled = false;
            }
        }
        SkillSettings {
            entries,
            in_doubt: self.doubts.closes("skills.entries"),
            folders: self.paths(&raw.load.extra_dirs, &at!["skills", "load", "extraDirs"]),
            max: raw.limits.max_skills_in_prompt,
            max_chars: raw.limits.max_skills_prompt_chars,
            max_bytes: raw.limits.max_skill_file_bytes,
        }
    }
}
