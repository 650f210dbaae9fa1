//! From ingredients to a prompt.

use yabby_core::{ModelRequest, Tool};
use yabby_tools::{Choice, Group, Registry};

use super::{Budget, Cut, ShownTools, Tokens, cut, hello, words};
use crate::{
    Frozen, Scene,
    skills::{Skills, list},
    workspace::{FileName, Workspace, WorkspaceFile},
};

/// What a prompt is made of.
#[derive(Clone)]
pub struct Ingredients<'a> {
    /// What the assistant is called, where the config says it.
    pub name: Option<&'a str>,
    /// For what kind of conversation.
    pub scene: Scene,
    /// The owner's files.
    pub workspace: &'a Workspace,
    /// How long files may be.
    pub limits: FileLimits,
    /// The skills.
    pub skills: &'a Skills,
    /// All tools that there are.
    pub tools: &'a Registry,
    /// Those that this agent has.
    pub choice: &'a Choice,
}

/// How long the owner's files and the lines of skills may be, in characters, beside what the window lets them be. The
/// defaults are OpenClaw's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Each file.
    pub each: usize,
    /// `USER.md`.
    pub user: usize,
    /// All files together.
    pub all: usize,
    /// The lines of skills together.
    pub skills: usize,
    /// How many skills.
    pub most_skills: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            each: 20_000,
            user: 4_000,
            all: 60_000,
            skills: 18_000,
            most_skills: 150,
        }
    }
}

/// What stands before a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The parts of the system prompt, in their order.
    pub sections: Vec<Section>,
    /// The tools.
    pub tools: ShownTools,
    /// Files for which there was no room.
    pub left_out: Vec<FileName>,
    /// Skills that have no line.
    pub skills_left_out: usize,
    /// What it was made to fit.
    pub budget: Budget,
}

/// A part of the system prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name for people.
    pub name: &'static str,
    /// Its words.
    pub text: String,
    /// Whose words they are.
    pub source: Source,
    /// What it was cut to.
    pub cut: Option<Cut>,
}

/// Whose words a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Yabby's.
    Yabby,
    /// The owner's, in a file of the workspace.
    File(FileName),
    /// Those of skills.
    Skills,
}

/// Between sections.
const GAP: &str = "\n\n";

/// Tokens that a gap and the heading of a file have at most.
const AROUND_FILE: u32 = 8;

/// Tokens for what stands around the files and skills.
const AROUND_FILES: u32 = 60;

/// A folder with a longer name is not told: it would be most of a small prompt.
const LONGEST_FOLDER: usize = 160;

/// A longer name is no name.
const LONGEST_NAME: usize = 40;

impl Prompt {
    /// Makes a prompt that has at most [`Budget::whole`] tokens, as far as `tokens` can tell.
    ///
    /// Yabby's own words are always there: with a budget that is smaller than they are, nothing else is.
    pub fn new(from: &Ingredients<'_>, budget: Budget, tokens: &Tokens) -> Self {
        // Sections together may have some tokens more than each alone.
        let (mut files, mut skills) = (budget.files, budget.skills);
        for _ in 0..4 {
            let prompt = Self::within(from, budget, files, skills, tokens);
            let over = prompt.estimate(tokens).saturating_sub(budget.whole());
            if over == 0 {
                return prompt;
            }
            files = files.saturating_sub(over + 1);
            skills = if files == 0 { 0 } else { skills };
        }
        Self::within(from, budget, 0, 0, tokens)
    }

    fn within(from: &Ingredients<'_>, budget: Budget, files: u32, skills: u32, tokens: &Tokens) -> Self {
        let chosen = from.tools.chosen(from.choice);
        let mut sections = own(from, budget, &chosen);
        let tools = ShownTools::within(&chosen, from.choice, &joined(&sections), budget.own, tokens);
        let can_read = tools.has("read") || tools.searchable && tools.findable.iter().any(|name| name == "read");
        sections.extend(tools.more().map(|text| section("more tools", text)));
        let skills_left_out = if can_read {
            skill_lines(from, &mut sections, skills, tokens)
        } else {
            from.skills.usable.len()
        };
        let left_out = workspace_files(from, &mut sections, files, can_read, tokens);
        Self {
            sections,
            tools,
            left_out,
            skills_left_out,
            budget,
        }
    }

    /// The system prompt.
    pub fn system(&self) -> String {
        joined(&self.sections)
    }

    /// What an epoch begins with.
    pub fn frozen(&self) -> Frozen {
        Frozen {
            system: self.system(),
            tools: self.tools.shown.clone(),
        }
    }

    /// The shortest request with this prompt, to be counted.
    pub fn request(&self) -> ModelRequest {
        hello(self.system(), self.tools.shown.clone())
    }

    /// Its tokens as estimated, with the shortest message and the template.
    pub fn estimate(&self, tokens: &Tokens) -> u32 {
        tokens.of_prompt(&self.system(), &self.tools.shown)
    }

    /// The tools that the model sees.
    pub fn shown(&self) -> &[Tool] {
        &self.tools.shown
    }
}

fn section(name: &'static str, text: String) -> Section {
    Section {
        name,
        text,
        source: Source::Yabby,
        cut: None,
    }
}

fn joined(sections: &[Section]) -> String {
    let texts: Vec<&str> = sections.iter().map(|section| section.text.as_str()).collect();
    texts.join(GAP)
}

/// Yabby's own words.
fn own(from: &Ingredients<'_>, budget: Budget, chosen: &Registry) -> Vec<Section> {
    let has_tools = chosen.iter().next().is_some();
    let has_files = chosen
        .iter()
        .any(|tool| matches!(tool.manifest().group, Group::Files | Group::Runtime));
    let named_by_file = from
        .workspace
        .files
        .iter()
        .any(|file| matches!(file.name, FileName::Soul | FileName::Identity) && from.scene.sees(file.name));
    let name = from.name.filter(|name| name.chars().count() <= LONGEST_NAME);
    let name = name.or((!named_by_file).then_some("Yabby"));
    let mut sections = vec![
        section("who", words::who(name, from.scene)),
        section("answers", words::ANSWERS.to_owned()),
        section(
            "work",
            if has_tools {
                words::work(budget.size, has_files)
            } else {
                words::NO_TOOLS.to_owned()
            },
        ),
        section("trust", words::TRUST.to_owned()),
    ];
    sections.extend(words::scene(from.scene).map(|text| section("scene", text.to_owned())));
    let folder = from.workspace.folder.display().to_string();
    if has_files && !folder.is_empty() && folder.chars().count() <= LONGEST_FOLDER {
        sections.push(section("workspace", words::place(&folder)));
    }
    sections
}

/// Adds the lines of skills; how many have none is the answer.
fn skill_lines(from: &Ingredients<'_>, sections: &mut Vec<Section>, room: u32, tokens: &Tokens) -> usize {
    let usable = &from.skills.usable;
    let some = &usable[..usable.len().min(from.limits.most_skills)];
    let listed = list(some, tokens, room, from.limits.skills);
    if !listed.text.is_empty() {
        let of: usize = usable.iter().map(|skill| skill.description.chars().count()).sum();
        sections.push(Section {
            name: "skills",
            source: Source::Skills,
            cut: listed.shortened.then(|| Cut {
                shown: listed.text.chars().count().min(of),
                of,
            }),
            text: listed.text,
        });
    }
    usable.len() - listed.shown
}

/// Adds the owner's files; those for which there is no room are the answer.
fn workspace_files(
    from: &Ingredients<'_>,
    sections: &mut Vec<Section>,
    room: u32,
    can_read: bool,
    tokens: &Tokens,
) -> Vec<FileName> {
    let files: Vec<&WorkspaceFile> = from
        .workspace
        .files
        .iter()
        .filter(|file| from.scene.sees(file.name))
        .collect();
    let wants: Vec<(u32, u32)> = files
        .iter()
        .map(|file| {
            (
                tokens.of_text(&file.text).saturating_add(AROUND_FILE),
                weight(file.name),
            )
        })
        .collect();
    let shares = cut::shares(&wants, room.saturating_sub(AROUND_FILES));
    let mut characters = from.limits.all;
    let mut left_out = Vec::new();
    let mut shown = Vec::new();
    for (file, share) in files.into_iter().zip(shares) {
        let name = file.name.file();
        let most = match file.name {
            FileName::User => from.limits.user.min(from.limits.each),
            _ => from.limits.each,
        };
        let note = |cut: Cut| words::cut(name, cut.shown, cut.of, can_read);
        let share = share.saturating_sub(AROUND_FILE);
        match cut::cut(&file.text, tokens, share, most.min(characters), note) {
            Some((text, cut)) => {
                characters = characters.saturating_sub(text.chars().count());
                shown.push(Section {
                    name,
                    text: format!("=== {name}\n{text}"),
                    source: Source::File(file.name),
                    cut,
                });
            }
            None => left_out.push(file.name),
        }
    }
    if room > AROUND_FILES && !(shown.is_empty() && left_out.is_empty()) {
        let persona = shown
            .iter()
            .any(|section| matches!(section.source, Source::File(FileName::Soul | FileName::Identity)));
        let mut head = words::files(persona).to_owned();
        if !left_out.is_empty() {
            let names: Vec<&str> = left_out.iter().map(|name| name.file()).collect();
            head.push('\n');
            head.push_str(&words::left_out(&names.join(", "), can_read));
        }
        sections.push(section("notes", head));
        sections.append(&mut shown);
    }
    left_out
}

/// How much of what is missing a file is spared.
const fn weight(file: FileName) -> u32 {
    match file {
        FileName::Agents | FileName::Bootstrap | FileName::Heartbeat => 3,
        FileName::Soul | FileName::User | FileName::Memory => 2,
        FileName::Identity | FileName::Tools => 1,
    }
}
