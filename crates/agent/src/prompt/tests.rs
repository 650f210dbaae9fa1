//! The whole prompt, as models get it.

use std::{path::Path, sync::Arc};

use futures_util::future::BoxFuture;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use yabby_config::Environment;
use yabby_core::{Exactness, TokenCount};
use yabby_tools::{
    At, Choice, Effect, Group, Manifest, Output, Profile, Registry, Returns, Tool, ToolError, ToolErrorKind,
};

use super::*;
use crate::{FileName, Here, Scene, Skill, Skills, SkillsSettings, Toolset, Workspace, WorkspaceFile};

/// A tool that is only told of.
pub(crate) struct Told(Manifest);

impl Tool for Told {
    fn manifest(&self) -> &Manifest {
        &self.0
    }

    fn run<'a>(&'a self, _: &'a Map<String, Value>, _: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async { Err(ToolError::new(ToolErrorKind::Failed, "told only")) })
    }
}

pub(crate) fn tool(name: &str, group: Group, core: bool, description: &str, arguments: &[&str]) -> Arc<dyn Tool> {
    let fields: Map<String, Value> = arguments
        .iter()
        .map(|name| {
            let described = match *name {
                "when" => json!({"type": "string", "description": "a time, or a cron line"}),
                _ => json!({"type": "string"}),
            };
            ((*name).to_owned(), described)
        })
        .collect();
    Arc::new(Told(Manifest {
        tool: yabby_core::Tool {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: json!({"type": "object", "properties": fields, "required": arguments[..1]}),
        },
        effect: Effect::Read,
        sinks: Vec::new(),
        returns: Returns::Kept,
        repeatable: true,
        group,
        core,
    }))
}

/// As many tools as a person may have, each as long as Yabby's own are.
pub(crate) fn toolbox() -> Registry {
    let own = [
        (
            "read",
            Group::Files,
            true,
            "Read a file with line numbers. Give offset and limit for a part.",
            &["path", "offset", "limit"][..],
        ),
        (
            "write",
            Group::Files,
            true,
            "Write a file. It replaces what is there.",
            &["path", "content"],
        ),
        (
            "edit",
            Group::Files,
            true,
            "Replace one exact piece of text in a file.",
            &["path", "old", "new"],
        ),
        (
            "apply_patch",
            Group::Files,
            false,
            "Change several files with one patch.",
            &["patch"],
        ),
        ("list", Group::Files, true, "List a folder.", &["path"]),
        (
            "search",
            Group::Files,
            true,
            "Find text or file names below a folder.",
            &["pattern", "path"],
        ),
        (
            "exec",
            Group::Runtime,
            true,
            "Run a shell command. It ends after the time limit.",
            &["command", "seconds"],
        ),
        (
            "process",
            Group::Runtime,
            false,
            "List, read or stop programs in the background.",
            &["action", "id"],
        ),
        (
            "web_fetch",
            Group::Web,
            true,
            "Get a web page as readable text.",
            &["url"],
        ),
        ("web_search", Group::Web, true, "Search the web.", &["query"]),
        (
            "memory_search",
            Group::Memory,
            true,
            "Search what was noted earlier, by meaning and words.",
            &["query"],
        ),
        (
            "memory_write",
            Group::Memory,
            true,
            "Note something that is to be remembered.",
            &["text"],
        ),
        (
            "memory_get",
            Group::Memory,
            false,
            "Read a part of a memory file.",
            &["path"],
        ),
        (
            "send_message",
            Group::Messaging,
            true,
            "Send a message to a person or a group.",
            &["to", "text"],
        ),
        (
            "remind",
            Group::Automation,
            true,
            "Set a reminder or a repeated job.",
            &["when", "text"],
        ),
        (
            "recall",
            Group::Sessions,
            false,
            "Search earlier conversations.",
            &["query"],
        ),
        (
            "spawn",
            Group::Sessions,
            false,
            "Give a task to a helper with a context of its own.",
            &["task"],
        ),
        (
            "result",
            Group::Agent,
            true,
            "Read more of a result that was cut.",
            &["handle", "offset"],
        ),
    ];
    let own = own.map(|(name, group, core, description, arguments)| tool(name, group, core, description, arguments));
    let calendar = [
        ("calendar__create_event", "Create an event in the calendar."),
        ("calendar__list_events", "List events of the calendar between two days."),
    ];
    let calendar = calendar.map(|(name, description)| tool(name, Group::Mcp, false, description, &["day"]));
    Registry::new(own.into_iter().chain(calendar)).unwrap()
}

pub(crate) fn fixture() -> Workspace {
    Workspace {
        // A place that is the same on every machine.
        folder: "/home/yi/.openclaw/workspace".into(),
        ..Workspace::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/openclaw"))
    }
}

fn fixture_skills() -> Skills {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/openclaw/skills");
    let env = Environment::from_vars([("PATH", "/bin:/usr/bin")]);
    let here = Here {
        env: &env,
        config: &|_| false,
    };
    let mut skills = Skills::find(
        &SkillsSettings {
            folders: vec![folder.clone()],
            ..SkillsSettings::default()
        },
        &here,
    );
    for skill in &mut skills.usable {
        skill.path = Path::new("skills").join(skill.path.strip_prefix(&folder).unwrap());
    }
    skills
}

struct Kitchen {
    workspace: Workspace,
    skills: Skills,
    tools: Registry,
    choice: Choice,
    scene: Scene,
}

impl Kitchen {
    /// Nothing but Yabby's own words and tools.
    fn bare() -> Self {
        Self {
            workspace: Workspace {
                folder: "/home/yi/.yabby/workspace".into(),
                ..Workspace::default()
            },
            skills: Skills::default(),
            tools: toolbox(),
            choice: Choice::default(),
            scene: Scene::Private,
        }
    }

    /// The owner's files beside it.
    fn lived_in() -> Self {
        Self {
            workspace: fixture(),
            skills: fixture_skills(),
            ..Self::bare()
        }
    }

    fn ingredients(&self) -> Ingredients<'_> {
        Ingredients {
            name: None,
            scene: self.scene,
            workspace: &self.workspace,
            limits: FileLimits::default(),
            skills: &self.skills,
            tools: &self.tools,
            choice: &self.choice,
        }
    }

    fn prompt(&self, budget: Budget) -> Prompt {
        Prompt::new(&self.ingredients(), budget, &Tokens::default())
    }
}

const SIZES: [(&str, Option<u32>); 2] = [("small", Some(8_192)), ("large", Some(32_768))];

const PROFILES: [(&str, Profile); 4] = [
    ("minimal", Profile::Minimal),
    ("messaging", Profile::Messaging),
    ("coding", Profile::Coding),
    ("full", Profile::Full),
];

/// The prompt as a person reads it, with its tools.
fn shown(prompt: &Prompt) -> String {
    let tools: Vec<&str> = prompt.shown().iter().map(|tool| tool.name.as_str()).collect();
    format!(
        "{}\n\n=== tools: {}\n=== findable: {}\n=== {} of {} tokens",
        prompt.system(),
        tools.join(" "),
        prompt.tools.findable.join(" "),
        prompt.estimate(&Tokens::default()),
        prompt.budget.whole()
    )
}

#[test]
fn the_whole_prompt_of_each_profile_and_size() {
    for (profile_name, profile) in PROFILES {
        for (size, window) in SIZES {
            let mut kitchen = Kitchen::lived_in();
            kitchen.choice.profile = profile;
            let prompt = kitchen.prompt(Budget::fitting(window, None));
            insta::assert_snapshot!(format!("{profile_name}_{size}"), shown(&prompt));
        }
    }
}

#[test]
fn the_whole_prompt_of_each_scene() {
    for scene in [Scene::Group, Scene::Job, Scene::Heartbeat, Scene::SubAgent] {
        let kitchen = Kitchen {
            scene,
            ..Kitchen::lived_in()
        };
        let prompt = kitchen.prompt(Budget::fitting(Some(32_768), None));
        insta::assert_snapshot!(format!("{scene:?}").to_lowercase(), shown(&prompt));
    }
}

/// What a person has who has written nothing: the number that every first answer waits for.
#[test]
fn a_default_prompt_does_not_grow() {
    let mut sizes = Vec::new();
    for (size, window) in [("unknown", None), SIZES[0], SIZES[1]] {
        let budget = Budget::fitting(window, None);
        for (profile_name, profile) in PROFILES {
            let mut kitchen = Kitchen::bare();
            kitchen.choice.profile = profile;
            let prompt = kitchen.prompt(budget);
            let tokens = prompt.estimate(&Tokens::default());
            let most = if window >= Some(16_000) { 2_500 } else { 1_200 };
            assert!(tokens <= most, "{profile_name}, {size}: {tokens} tokens of {most}");
            let names: Vec<&str> = prompt.shown().iter().map(|tool| tool.name.as_str()).collect();
            if profile == Profile::Full {
                // Words that grow would drive tools out rather than exceed the budget.
                for name in ["read", "write", "edit", "exec", "web_search", "memory_search"] {
                    assert!(names.contains(&name), "{size}: {name} is no longer seen: {names:?}");
                }
            }
            sizes.push(format!("{size} {profile_name}: {tokens}, {}", names.join(" ")));
        }
    }
    // A smaller number is good news; a larger one wants a reason.
    insta::assert_snapshot!(sizes.join("\n"));
}

#[test]
fn without_tools_none_are_spoken_of() {
    let kitchen = Kitchen {
        tools: Registry::default(),
        ..Kitchen::lived_in()
    };
    let prompt = kitchen.prompt(Budget::fitting(Some(8_192), None));
    assert_eq!(prompt.tools, ShownTools::default());
    assert_eq!(prompt.skills_left_out, kitchen.skills.usable.len());
    for word in ["tool_", "call the tool", "read when", "Your folder"] {
        assert!(!prompt.system().contains(word), "{word}");
    }
}

#[test]
fn a_denied_search_leaves_what_fits() {
    let mut kitchen = Kitchen::bare();
    kitchen.choice.deny = vec!["tool_search".to_owned(), "exec".to_owned()];
    let prompt = kitchen.prompt(Budget::fitting(Some(8_192), None));
    let names: Vec<&str> = prompt.shown().iter().map(|tool| tool.name.as_str()).collect();
    assert!(
        names.starts_with(&["read"]) && names.ends_with(&["result"]),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.starts_with("tool_") || *name == "exec"));
    assert!(!prompt.system().contains("tool_search"));
}

#[test]
fn one_overlong_tool_takes_no_room_of_others() {
    let mut tools: Vec<Arc<dyn Tool>> = toolbox().iter().cloned().collect();
    tools.push(tool("reading", Group::Files, true, &"very long ".repeat(2_000), &["a"]));
    let kitchen = Kitchen {
        tools: Registry::new(tools).unwrap(),
        ..Kitchen::bare()
    };
    let prompt = kitchen.prompt(Budget::fitting(Some(32_768), None));
    let shown: Vec<&str> = prompt.shown().iter().map(|tool| tool.name.as_str()).collect();
    assert!(
        shown.contains(&"send_message") && !shown.contains(&"reading"),
        "{shown:?}"
    );
    assert!(prompt.tools.findable.contains(&"reading".to_owned()));
}

/// What is frozen is enough to know the tools again in another process.
#[test]
fn the_same_ingredients_give_the_same_bytes() {
    let budget = Budget::fitting(Some(8_192), None);
    let one = Kitchen::lived_in().prompt(budget).frozen();
    let other = Kitchen::lived_in().prompt(budget).frozen();
    assert_eq!(serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&other).unwrap());
    let toolset = Toolset::new(toolbox(), &one.tools);
    let call = yabby_core::ToolCall {
        id: "1".to_owned(),
        name: "tool_call".to_owned(),
        arguments: Map::from_iter([
            ("name".to_owned(), json!("recall")),
            ("arguments".to_owned(), json!({"query": "radio"})),
        ]),
    };
    let meant = toolset.meant(&call).unwrap();
    assert_eq!((meant.call.name.as_str(), meant.call.id.as_str()), ("recall", "1"));
}

/// Texts as people, programs and accidents write them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "([a-z]{1,8} ){0,40}",
        "(# [A-Z][a-z]{2,9}\n\n([a-z]{1,8} ){1,30}\n\n){0,20}",
        "([你好天氣很，。\n]{1,9}){0,200}",
        "(```|\r\n|`|#|- |\n\n|[a-z]{1,9}|\u{fffd}|😀){0,600}",
        "([a-z]{3}\\{\"a\":[0-9]{1,4}\\},){0,900}",
        Just("x".repeat(60_000)),
        Just(format!("---\n{}\n---\n", "key: value\n".repeat(3_000))),
        Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_files_exceed_the_budget(
        texts in prop::collection::vec(text(), 8),
        descriptions in prop::collection::vec(text(), 0..12),
        window in prop::option::of(2_000_u32..200_000),
        prefill in prop::option::of(1.0..2_000.0_f64),
        scene in 0_usize..5,
    ) {
        let files = FileName::ALL.into_iter().zip(texts).map(|(name, text)| WorkspaceFile { name, text });
        let scenes = [Scene::Private, Scene::Group, Scene::Job, Scene::Heartbeat, Scene::SubAgent];
        let skills = descriptions.into_iter().enumerate().map(|(number, description)| Skill {
            name: format!("skill-{number}"),
            description,
            path: format!("skills/{number}/SKILL.md").into(),
        });
        let kitchen = Kitchen {
            workspace: Workspace { files: files.collect(), ..Kitchen::bare().workspace },
            skills: Skills { usable: skills.collect(), troubles: Vec::new() },
            scene: scenes[scene],
            ..Kitchen::bare()
        };
        let budget = Budget::fitting(window, prefill);
        let prompt = kitchen.prompt(budget);
        let tokens = prompt.estimate(&Tokens::default());
        prop_assert!(tokens <= budget.whole(), "{tokens} of {}", budget.whole());
        prop_assert_eq!(&prompt, &kitchen.prompt(budget));
        prop_assert!(prompt.sections.iter().any(|section| section.name == "trust"));
    }

    #[test]
    fn bytes_of_any_kind_are_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("AGENTS.md"), &bytes).unwrap();
        let skill = folder.path().join("skills/x");
        std::fs::create_dir_all(&skill).unwrap();
        std::fs::write(skill.join("SKILL.md"), &bytes).unwrap();
        let env = Environment::default();
        let settings = SkillsSettings { folders: vec![folder.path().join("skills")], ..SkillsSettings::default() };
        let kitchen = Kitchen {
            workspace: Workspace::read(folder.path()),
            skills: Skills::find(&settings, &Here { env: &env, config: &|_| false }),
            ..Kitchen::bare()
        };
        let budget = Budget::fitting(None, None);
        prop_assert!(kitchen.prompt(budget).estimate(&Tokens::default()) <= budget.whole());
    }
}

/// A server whose tokenizer needs twice as many tokens.
#[test]
fn a_count_above_the_budget_makes_it_shorter() {
    let kitchen = Kitchen {
        workspace: Workspace {
            files: vec![WorkspaceFile {
                name: FileName::Agents,
                text: "Some rule or other.\n\n".repeat(900),
            }],
            ..Kitchen::bare().workspace
        },
        ..Kitchen::bare()
    };
    let from = kitchen.ingredients();
    let budget = Budget::fitting(Some(8_192), None);
    let twice = |prompt: &Prompt| TokenCount {
        tokens: 2 * prompt.estimate(&Tokens::default()),
        exactness: Exactness::Exact,
    };
    let mut fitting = Fitting::new(&from, budget, Tokens::default());
    let first = fitting.prompt();
    assert!(fitting.must_shrink(&first, twice(&first)));
    let second = fitting.prompt();
    assert!(twice(&second).tokens <= budget.whole(), "{:?}", twice(&second));
    assert!(!fitting.must_shrink(&second, twice(&second)));
    // An estimate is no reason.
    let estimated = TokenCount {
        exactness: Exactness::Estimated,
        ..twice(&first)
    };
    assert!(!Fitting::new(&from, budget, Tokens::default()).must_shrink(&first, estimated));
}
