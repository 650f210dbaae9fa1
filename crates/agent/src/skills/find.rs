//! Finding skills, and choosing those that an agent may use here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{FrontMatter, Here, Requires, front_matter};

/// The file that makes a folder a skill.
const FILE: &str = "SKILL.md";

/// How deep skills may stand in folders that group them.
const DEEPEST: usize = 3;

/// The longest name, in characters.
const NAME_CHARS: usize = 64;

/// Which skills are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillsSettings {
    /// Folders with skills; of two with one name, that of the earlier folder counts.
    pub folders: Vec<PathBuf>,
    /// What the config says of single skills, by their names.
    pub entries: BTreeMap<String, SkillEntry>,
    /// When given, only these.
    pub only: Option<BTreeSet<String>>,
    /// The most skills that are taken from one folder.
    pub most: usize,
    /// The largest `SKILL.md` that is read, in bytes.
    pub largest: u64,
}

/// What the config says of a skill (`skills.entries.<name>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillEntry {
    /// Whether it is used at all.
    pub enabled: bool,
    /// The environment variables that the config gives it.
    pub env: BTreeSet<String>,
    /// Whether the config gives it a key.
    pub has_key: bool,
}

/// The skills of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skills {
    /// Those that can be used, by their names.
    pub usable: Vec<Skill>,
    /// Those that cannot be used, and why.
    pub troubles: Vec<SkillTrouble>,
}

/// A skill that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// What it is for, in one line.
    pub description: String,
    /// Its `SKILL.md`.
    pub path: PathBuf,
}

/// A skill that cannot be used, or whose front matter was hard to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillTrouble {
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// Why.
    pub why: SkillTroubleKind,
}

/// Why a skill cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkillTroubleKind {
    /// It cannot be read, or leads out of its folder.
    Unreadable,
    /// It is larger than allowed.
    TooLarge,
    /// It says not what it is for.
    NoDescription,
    /// Its front matter is no YAML: the reader's words. It is used as far as it could be read.
    FrontMatter(String),
    /// This is not there.
    Lacks(String),
}

/// OpenClaw's limits (`src/agents/skills/workspace.ts`).
impl Default for SkillsSettings {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            entries: BTreeMap::new(),
            only: None,
            most: 200,
            largest: 256_000,
        }
    }
}

impl Default for SkillEntry {
    fn default() -> Self {
        Self {
            enabled: true,
            env: BTreeSet::new(),
            has_key: false,
        }
    }
}

impl SkillsSettings {
    /// OpenClaw's places for skills, the strongest first (docs.openclaw.ai, "Skills"): those of the workspace, those of the
    /// person, those of OpenClaw, and `extra` ones. Yabby brings none along.
    pub fn places(workspace: &Path, home: Option<&Path>, openclaw: &Path, extra: &[PathBuf]) -> Vec<PathBuf> {
        let mut places = vec![workspace.join("skills"), workspace.join(".agents/skills")];
        places.extend(home.map(|home| home.join(".agents/skills")));
        places.push(openclaw.join("skills"));
        places.extend_from_slice(extra);
        places
    }
}

impl Skills {
    /// Looks for skills. Blocks for as long as the disk takes.
    pub fn find(settings: &SkillsSettings, here: &Here<'_>) -> Self {
        let mut found = Self::default();
        let mut named: BTreeMap<String, Skill> = BTreeMap::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for root in &settings.folders {
            let mut files = Vec::new();
            files_below(root, DEEPEST, settings.most, &mut files);
            for path in files {
                let (front, folder) = match read(&path, root, settings.largest) {
                    Ok(read) => read,
                    Err(why) => {
                        found.troubles.push(SkillTrouble { path, why });
                        continue;
                    }
                };
                let name = name(&front, &folder);
                // Also one that cannot be used hides another of its name.
                if !seen.insert(name.clone()) {
                    continue;
                }
                match usable(settings, here, &name, &front) {
                    Ok(Some(description)) => {
                        if let Some(wrong) = front.wrong {
                            let why = SkillTroubleKind::FrontMatter(wrong);
                            found.troubles.push(SkillTrouble {
                                path: path.clone(),
                                why,
                            });
                        }
                        named.insert(
                            name.clone(),
                            Skill {
                                name,
                                description,
                                path,
                            },
                        );
                    }
                    Ok(None) => {}
                    Err(why) => found.troubles.push(SkillTrouble { path, why }),
                }
            }
        }
        found.usable = named.into_values().collect();
        found
    }
}

/// The description of a skill that a model may be told of; nothing of one that it may not.
fn usable(
    settings: &SkillsSettings,
    here: &Here<'_>,
    name: &str,
    front: &FrontMatter,
) -> Result<Option<String>, SkillTroubleKind> {
    let entry = settings.entries.get(name);
    let chosen = settings.only.as_ref().is_none_or(|only| only.contains(name));
    let off = entry.is_some_and(|entry| !entry.enabled) || yes(front.fields.get("disable-model-invocation"));
    if !chosen || off {
        return Ok(None);
    }
    if let Some(lack) = Requires::of(front).lack(here, entry) {
        return Err(SkillTroubleKind::Lacks(lack));
    }
    match line(front.fields.get("description")) {
        description if description.is_empty() => Err(SkillTroubleKind::NoDescription),
        description => Ok(Some(description)),
    }
}

fn yes(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1"),
        _ => false,
    }
}

/// A value as one line.
fn line(value: Option<&Value>) -> String {
    let text = match value {
        Some(Value::String(text)) => text.as_str(),
        _ => "",
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name that it gives itself, else that of its folder.
fn name(front: &FrontMatter, folder: &str) -> String {
    let own = line(front.fields.get("name"));
    let name = if own.is_empty() { folder } else { &own };
    name.chars().take(NAME_CHARS).collect()
}

/// The front matter of a skill, and the name of its folder.
fn read(path: &Path, root: &Path, largest: u64) -> Result<(FrontMatter, String), SkillTroubleKind> {
    let unreadable = |_| SkillTroubleKind::Unreadable;
    let real = path.canonicalize().map_err(unreadable)?;
    let inside = root.canonicalize().is_ok_and(|root| real.starts_with(root));
    let metadata = real.metadata().map_err(unreadable)?;
    if !inside || !metadata.is_file() {
        return Err(SkillTroubleKind::Unreadable);
    }
    if metadata.len() > largest {
        return Err(SkillTroubleKind::TooLarge);
    }
    let text = fs::read(&real).map_err(unreadable)?;
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    Ok((
        front_matter(&String::from_utf8_lossy(&text)),
        folder.to_string_lossy().into_owned(),
    ))
}

/// The `SKILL.md` files in the folders below `folder`, by name. A folder with one is not looked into further.
fn files_below(folder: &Path, depth: usize, most: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut below: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && name != "node_modules"
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    for path in below {
        if files.len() >= most {
            return;
        }
        let file = path.join(FILE);
        if file.is_file() {
            files.push(file);
        } else if depth > 1 {
            files_below(&path, depth - 1, most, files);
        }
    }
}

#[cfg(test)]
mod tests {
    use yabby_config::Environment;

    use super::*;

    fn write(root: &Path, folder: &str, text: &str) {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(FILE), text).unwrap();
    }

    fn find(settings: &SkillsSettings) -> Skills {
        let env = Environment::default();
        let here = Here {
            env: &env,
            config: &|_| false,
        };
        Skills::find(settings, &here)
    }

    fn names(skills: &Skills) -> Vec<(&str, &str)> {
        let pairs = skills.usable.iter();
        pairs
            .map(|skill| (skill.name.as_str(), skill.description.as_str()))
            .collect()
    }

    #[test]
    fn the_first_place_of_a_name_counts() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(
            first.path(),
            "weather",
            "---\nname: weather\ndescription: Mine.\n---\nbody",
        );
        write(
            first.path(),
            "group/notes",
            "---\ndescription: >\n  Take\n  notes.\n---\n",
        );
        write(
            first.path(),
            "off",
            "---\nname: mail\ndescription: Off.\ndisable-model-invocation: true\n---\n",
        );
        write(first.path(), ".git/x", "---\ndescription: no skill\n---\n");
        write(
            second.path(),
            "weather",
            "---\nname: weather\ndescription: Theirs.\n---\n",
        );
        write(second.path(), "mail", "---\nname: mail\ndescription: Hidden.\n---\n");
        write(second.path(), "zip", "---\nname: zip\ndescription: Pack.\n---\n");
        let mut settings = SkillsSettings {
            folders: vec![
                first.path().to_owned(),
                second.path().to_owned(),
                first.path().join("none"),
            ],
            ..SkillsSettings::default()
        };
        let found = find(&settings);
        assert_eq!(found.troubles, []);
        assert_eq!(
            names(&found),
            [("notes", "Take notes."), ("weather", "Mine."), ("zip", "Pack.")]
        );
        settings.entries.insert(
            "zip".to_owned(),
            SkillEntry {
                enabled: false,
                ..SkillEntry::default()
            },
        );
        assert_eq!(
            names(&find(&settings)),
            [("notes", "Take notes."), ("weather", "Mine.")]
        );
        settings.only = Some(BTreeSet::from(["weather".to_owned()]));
        assert_eq!(names(&find(&settings)), [("weather", "Mine.")]);
    }

    #[test]
    fn what_is_wrong_is_said_and_the_rest_is_used() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "a", "no front matter");
        write(
            root.path(),
            "b",
            "---\nname: b\ndescription: Use when: asked: now\n---\n",
        );
        write(
            root.path(),
            "c",
            "---\nname: c\ndescription: C.\nmetadata: {\"openclaw\":{\"requires\":{\"bins\":[\"nowhere\"]}}}\n---\n",
        );
        write(root.path(), "d", &"x".repeat(256_001));
        let found = find(&SkillsSettings {
            folders: vec![root.path().to_owned()],
            ..SkillsSettings::default()
        });
        assert_eq!(names(&found), [("b", "Use when: asked: now")]);
        let why: Vec<_> = found.troubles.iter().map(|trouble| &trouble.why).collect();
        assert!(
            matches!(
                why.as_slice(),
                [
                    SkillTroubleKind::NoDescription,
                    SkillTroubleKind::FrontMatter(_),
                    SkillTroubleKind::Lacks(what),
                    SkillTroubleKind::TooLarge
                ] if what == "nowhere"
            ),
            "{why:?}"
        );
    }
}
