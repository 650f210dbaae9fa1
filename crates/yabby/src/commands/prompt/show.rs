//! A prompt as people and programs read it.

use serde_json::{Value, json};
use yabby_agent::{
    Cut, FileName, Prompt, Section, Served, Size, SkillTroubleKind, Skills, Source, TroubleKind, Workspace,
};
use yabby_core::{Exactness, Text, TokenCount, text};

use super::counting::Counts;
use crate::{table::table, terminal::Terminal};

/// All that is told of a prompt.
pub(super) struct Shown<'a> {
    pub(super) agent: &'a str,
    /// `None` where there is no model yet.
    pub(super) served: Option<&'a Served>,
    pub(super) prompt: &'a Prompt,
    pub(super) total: TokenCount,
    pub(super) counts: Counts,
    pub(super) workspace: &'a Workspace,
    pub(super) skills: &'a Skills,
}

impl Shown<'_> {
    pub(super) fn lines(&self, terminal: Terminal) -> Vec<String> {
        let say = |text: Text| terminal.say(&text);
        let budget = self.prompt.budget;
        let mut lines = vec![say(self.title()), say(self.window())];
        lines.push(say(text!(
            "budget: {own} tokens for Yabby's words and tools, {files} for files, {skills} for skills",
            own = budget.own,
            files = budget.files,
            skills = budget.skills
        )));
        lines.push(String::new());
        let head = [say(text!("part")), say(text!("tokens")), say(text!("notes"))];
        lines.extend(table(&head, &self.rows(terminal)));
        lines.push(String::new());
        lines.extend(self.notes().into_iter().map(say));
        lines
    }

    fn title(&self) -> Text {
        match self.served {
            Some(served) => text!(
                "the prompt of the agent {agent} for {model}",
                agent = self.agent,
                model = served.model
            ),
            None => text!(
                "the prompt of the agent {agent}; no model is configured or found",
                agent = self.agent
            ),
        }
    }

    fn window(&self) -> Text {
        let window = self.served.and_then(|served| served.window);
        match (window, self.prompt.budget.size) {
            (None, _) => text!("the window is not known: a small prompt"),
            (Some(window), Size::Small) => text!("window of {window} tokens: a small prompt", window = window),
            (Some(window), Size::Large) => text!("window of {window} tokens: a large prompt", window = window),
        }
    }

    fn rows(&self, terminal: Terminal) -> Vec<Vec<String>> {
        let row = |name: String, tokens: u32, notes: String| vec![name, tokens.to_string(), notes];
        let sections = self.prompt.sections.iter().zip(&self.counts.sections);
        let mut rows: Vec<Vec<String>> = sections
            .map(|(section, tokens)| {
                let notes = section.cut.map(|cut| terminal.say(&cut_words(section, cut)));
                row(section.name.to_owned(), *tokens, notes.unwrap_or_default())
            })
            .collect();
        if !self.counts.tools.is_empty() {
            rows.push(row(
                terminal.say(&text!("{count} tools", count = self.counts.tools.len())),
                self.counts.tools.iter().sum(),
                names(self.prompt.shown().iter().map(|tool| tool.name.as_str())),
            ));
        }
        rows.push(row(terminal.say(&text!("template")), self.counts.rest, String::new()));
        let how = match self.total.exactness {
            Exactness::Exact => text!("counted by the server"),
            Exactness::Estimated => text!("estimated"),
        };
        rows.push(row(
            terminal.say(&text!("total")),
            self.total.tokens,
            terminal.say(&how),
        ));
        rows
    }

    /// What is not shown, and why.
    fn notes(&self) -> Vec<Text> {
        let mut notes = Vec::new();
        notes.push(text!(
            "files are read from {folder}",
            folder = self.workspace.folder.display()
        ));
        if !self.prompt.tools.findable.is_empty() {
            let names = names(self.prompt.tools.findable.iter().map(String::as_str));
            notes.push(if self.prompt.tools.searchable {
                text!("found by tool_search: {names}", names = names)
            } else {
                text!(
                    "there is no room for these tools, and tool_search is denied or has none either: {names}",
                    names = names
                )
            });
        }
        if !self.prompt.left_out.is_empty() {
            notes.push(text!(
                "no room for: {names}",
                names = names(self.prompt.left_out.iter().map(|name| name.file()))
            ));
        }
        if self.prompt.skills_left_out > 0 {
            notes.push(text!(
                "skills without a line: {count} (there is no room, or no tool that reads files)",
                count = self.prompt.skills_left_out
            ));
        }
        notes.extend(self.workspace.troubles.iter().map(|trouble| {
            let file = trouble.name.file();
            match trouble.kind {
                TroubleKind::TooLarge => text!("{file} is not read: it has more than 2 MiB", file = file),
                TroubleKind::Outside => {
                    text!("{file} is not read: it is no file of the workspace", file = file)
                }
                TroubleKind::Unreadable(kind) => {
                    text!("{file} cannot be read: {reason}", file = file, reason = kind)
                }
            }
        }));
        notes.extend(self.skills.troubles.iter().map(|trouble| {
            let path = trouble.path.display();
            match &trouble.why {
                SkillTroubleKind::Unreadable => text!("the skill {path} cannot be read", path = path),
                SkillTroubleKind::TooLarge => text!("the skill {path} is too large", path = path),
                SkillTroubleKind::NoDescription => {
                    text!("the skill {path} has no description", path = path)
                }
                SkillTroubleKind::FrontMatter(wrong) => text!(
                    "the skill {path} is used, but its front matter is no YAML: {reason}",
                    path = path,
                    reason = wrong
                ),
                SkillTroubleKind::Lacks(what) => {
                    text!("the skill {path} needs {what}", path = path, what = what)
                }
            }
        }));
        notes
    }

    pub(super) fn json(&self) -> Value {
        let budget = self.prompt.budget;
        let sections = self.prompt.sections.iter().zip(&self.counts.sections);
        let sections = sections.map(|(section, tokens)| {
            json!({
                "name": section.name,
                "tokens": tokens,
                "source": match section.source {
                    Source::Yabby => "yabby",
                    Source::File(_) => "file",
                    Source::Skills => "skills",
                },
                "cut": section.cut.map(|cut| json!({"shown": cut.shown, "of": cut.of})),
            })
        });
        let tools = self.prompt.shown().iter().zip(&self.counts.tools);
        let tools = tools.map(|(tool, tokens)| json!({"name": tool.name, "tokens": tokens}));
        json!({
            "agent": self.agent,
            "model": self.served.map(|served| served.model.to_string()),
            "window": self.served.and_then(|served| served.window),
            "tokens": self.total.tokens,
            "exactness": self.total.exactness,
            "budget": {
                "size": match budget.size {
                    Size::Small => "small",
                    Size::Large => "large",
                },
                "own": budget.own,
                "files": budget.files,
                "skills": budget.skills,
                "whole": budget.whole(),
            },
            "sections": sections.collect::<Vec<_>>(),
            "tools": tools.collect::<Vec<_>>(),
            "template": self.counts.rest,
            "findable": self.prompt.tools.findable,
            "leftOut": self.prompt.left_out.iter().copied().map(FileName::file).collect::<Vec<_>>(),
            "skillsLeftOut": self.prompt.skills_left_out,
            "notes": self.notes().iter().map(Text::english).collect::<Vec<_>>(),
            "workspace": self.workspace.folder,
            "system": self.prompt.system(),
        })
    }
}

fn cut_words(section: &Section, cut: Cut) -> Text {
    match section.source {
        Source::Skills => text!("descriptions are shortened"),
        Source::Yabby | Source::File(_) => text!("cut: {shown} of {of} characters", shown = cut.shown, of = cut.of),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
