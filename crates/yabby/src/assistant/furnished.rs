//! What an agent of the config is given: its files, its skills, and which tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use yabby_agent::{FileLimits, Here, Ingredients, Scene, SkillEntry, Skills, SkillsSettings, Workspace};
use yabby_config::{AssistantSettings, Config, Environment, Paths, ToolChoice, ToolProfile, vars};
use yabby_tools::{Choice, Profile, Registry};

/// What an agent is given, as it stands in its folder now.
pub(crate) struct Furnished {
    pub(crate) name: Option<String>,
    pub(crate) workspace: Workspace,
    pub(crate) limits: FileLimits,
    pub(crate) skills: Skills,
}

impl Furnished {
    /// Reads the files and skills of an agent.
    pub(crate) fn of(config: &Config, env: &Environment, paths: &Paths, agent: &str) -> Self {
        let settings = config.assistant(agent);
        let folder = folder(env, paths, &settings);
        let here = Here {
            env,
            config: &|_| false,
        };
        let skills = Skills::find(&skills(config, env, paths, &folder, &settings), &here);
        let usual = FileLimits::default();
        let chars = |number: Option<u32>, usual: usize| number.map_or(usual, |number| number as usize);
        let limits = FileLimits {
            each: chars(settings.prompt.file_chars, usual.each),
            all: chars(settings.prompt.files_chars, usual.all),
            skills: chars(config.skills.max_chars, usual.skills),
            most_skills: chars(config.skills.max, usual.most_skills),
            ..usual
        };
        Self {
            name: settings
                .name
                .clone()
                .or_else(|| config.agent(agent).and_then(|agent| agent.name.clone())),
            workspace: if settings.prompt.has_files {
                Workspace::read(&folder)
            } else {
                Workspace {
                    folder,
                    ..Workspace::default()
                }
            },
            limits,
            skills,
        }
    }

    /// What a prompt is made of, with `tools` that were chosen already.
    pub(crate) fn ingredients<'a>(&'a self, scene: Scene, tools: &'a Registry, choice: &'a Choice) -> Ingredients<'a> {
        Ingredients {
            name: self.name.as_deref(),
            scene,
            workspace: &self.workspace,
            limits: self.limits,
            skills: &self.skills,
            tools,
            choice,
        }
    }
}

/// The folder of an agent's files.
pub(crate) fn folder(env: &Environment, paths: &Paths, settings: &AssistantSettings) -> PathBuf {
    match env.get(vars::OPENCLAW_WORKSPACE) {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => settings.workspace.folder(paths),
    }
}

/// The tools that the config leaves of `all`.
pub(crate) fn chosen(all: &Registry, settings: &AssistantSettings) -> Registry {
    let tools = &settings.tools;
    let begin = Choice {
        profile: tools.profile.map_or(Profile::Full, profile),
        allow: Vec::new(),
        also_allow: tools.also_allow.clone(),
        deny: if tools.in_doubt {
            vec!["*".to_owned()]
        } else {
            Vec::new()
        },
    };
    // Each narrows what the one before has left.
    let narrow = |left: Registry, choice: &ToolChoice| {
        left.chosen(&Choice {
            profile: Profile::Full,
            allow: choice.allow.clone(),
            also_allow: choice.also_allow.clone(),
            deny: choice.deny.clone(),
        })
    };
    tools.choices.iter().fold(all.chosen(&begin), narrow)
}

fn profile(profile: ToolProfile) -> Profile {
    match profile {
        ToolProfile::Minimal => Profile::Minimal,
        ToolProfile::Messaging => Profile::Messaging,
        ToolProfile::Coding => Profile::Coding,
        ToolProfile::Full => Profile::Full,
    }
}

/// Where skills are looked for, and which of them count.
fn skills(
    config: &Config,
    env: &Environment,
    paths: &Paths,
    folder: &Path,
    settings: &AssistantSettings,
) -> SkillsSettings {
    let home = env.get(vars::HOME).map(Path::new);
    let openclaw = paths.openclaw_config.parent().unwrap_or(Path::new(""));
    let entries: BTreeMap<String, SkillEntry> = config
        .skills
        .entries
        .iter()
        .map(|(name, entry)| {
            let kept = SkillEntry {
                enabled: entry.enabled,
                env: entry.env.iter().map(|(name, _)| name.clone()).collect(),
                has_key: entry.key.is_some(),
            };
            (name.clone(), kept)
        })
        .collect();
    let usual = SkillsSettings::default();
    SkillsSettings {
        folders: SkillsSettings::places(folder, home, openclaw, &config.skills.folders),
        entries,
        only: if config.skills.in_doubt {
            Some(BTreeSet::new())
        } else {
            settings.skills.clone()
        },
        largest: config.skills.max_bytes.map_or(usual.largest, u64::from),
        ..usual
    }
}
