//! Lays what an agent says over what all have.

use std::time::Duration;

use yabby_core::text;

use super::{
    AssistantSettings, Assistants, CompactionSettings, PromptSettings, PruningSettings, SubagentSettings, Workspace,
};
use crate::{
    agents::policy,
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, at, below, dotted},
    raw,
    resolve::Resolver,
    session::age,
    source::Span,
    tree::Node,
};

/// The agent of a config that names none.
const MAIN: &str = "main";

/// An agent as it is written at one place.
struct Written {
    id: String,
    name: Option<String>,
    keys: raw::AgentKeys,
    own: raw::OwnKeys,
    /// Where it stands in the checked tree, and where in the file: items with mistakes are left out of the one.
    path: Vec<Seg>,
    said: Vec<Seg>,
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn assistants(
        &mut self,
        agents: &mut raw::Agents,
        tools: raw::Tools,
        plugins: raw::Plugins,
    ) -> Assistants {
        let path = at!["agents", "defaults"];
        let mut shared = AssistantSettings {
            workspace: Workspace::usual(self.of_openclaw),
            ..AssistantSettings::default()
        };
        let defaults = &mut agents.defaults;
        let max_concurrent = defaults.shared.max_concurrent;
        self.shared(&mut shared, std::mem::take(&mut defaults.shared), &path);
        self.lay(&mut shared, std::mem::take(&mut defaults.keys), &path, &path);
        self.tools(&mut shared.tools, tools, &at!["tools"], &at!["tools"]);
        self.searchers(&mut shared.tools.search, plugins);

        let written = self.written_agents(agents);
        let marked = written.iter().rev().find(|agent| agent.own.default == Some(true));
        let main = || written.iter().find(|agent| agent.id == MAIN);
        let default = marked.or_else(main).or(written.last());
        let mut assistants = Assistants {
            default: default.map_or_else(|| MAIN.to_owned(), |agent| agent.id.clone()),
            max_concurrent,
            shared,
            agents: Vec::new(),
        };
        for agent in written {
            let known = assistants.agents.iter().position(|(id, _)| *id == agent.id);
            let index = known.unwrap_or_else(|| {
                let settings = AssistantSettings {
                    workspace: assistants.workspace_of(&agent.id),
                    ..assistants.shared.clone()
                };
                assistants.agents.push((agent.id.clone(), settings));
                assistants.agents.len() - 1
            });
            let settings = &mut assistants.agents[index].1;
            let name = agent.own.identity.name.or(agent.name);
            settings.name = name.filter(|name| !name.trim().is_empty()).or(settings.name.take());
            self.lay(settings, agent.keys, &agent.path, &agent.said);
            let (path, said) = (below(&agent.path, "tools"), below(&agent.said, "tools"));
            self.tools(&mut settings.tools, agent.own.tools, &path, &said);
        }
        assistants
    }

    /// The agents, the one that counts most last: those of `agents.list` from its end, then those of `agents.entries`.
    fn written_agents(&self, agents: &mut raw::Agents) -> Vec<Written> {
        let places = |tree: &Node| -> Vec<Span> {
            let items = tree.find(&at!["agents", "list"]).map_or(&[][..], Node::items);
            items.iter().map(|item| item.span).collect()
        };
        let (kept, all) = (places(self.tree), places(self.written));
        let listed = agents.list.iter_mut().enumerate().map(|(index, agent)| {
            let span = kept.get(index);
            let said = all.iter().position(|place| Some(place) == span).unwrap_or(index);
            Written {
                id: agent.id.clone(),
                name: agent.name.clone(),
                keys: std::mem::take(&mut agent.keys),
                own: std::mem::take(&mut agent.own),
                path: at!["agents", "list", index].to_vec(),
                said: at!["agents", "list", said].to_vec(),
            }
        });
        let listed: Vec<Written> = listed.collect();
        let entries = agents.entries.0.iter_mut().map(|(id, agent)| {
            let path = at!["agents", "entries", id.as_str()].to_vec();
            Written {
                id: id.clone(),
                name: agent.name.clone(),
                keys: std::mem::take(&mut agent.keys),
                own: std::mem::take(&mut agent.own),
                said: path.clone(),
                path,
            }
        });
        let entries: Vec<Written> = entries.collect();
        listed.into_iter().rev().chain(entries.into_iter().rev()).collect()
    }

    fn shared(&mut self, settings: &mut AssistantSettings, raw: raw::SharedKeys, path: &[Seg]) {
        put(&mut settings.prompt.makes_no_files, raw.skip_bootstrap);
        settings.prompt.behind = filled(raw.additional_system_prompt);
        settings.prompt.time_zone = filled(raw.user_timezone);
        put(&mut settings.prompt.time_format, raw.time_format);
        let pruning = raw.context_pruning;
        let usual = PruningSettings::default();
        settings.pruning = PruningSettings {
            after_ttl: pruning.mode == Some(raw::PruningMode::CacheTtl),
            ttl: self.ttl(pruning.ttl.as_deref(), path).unwrap_or(usual.ttl),
            keep_answers: pruning.keep_last_assistants,
            tools: pruning.tools.allow,
            never: pruning.tools.deny,
        };
    }

    fn ttl(&mut self, written: Option<&str>, path: &[Seg]) -> Option<Duration> {
        let path = below(&below(path, "contextPruning"), "ttl");
        let written = written?.trim().to_ascii_lowercase();
        if !self.is_complete(&path) {
            return None;
        }
        let unit = written.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(written.len());
        let (number, unit) = written.split_at(unit);
        let number = number.trim().parse().ok();
        let time = number.and_then(|number| age(number, if unit.is_empty() { "m" } else { unit }));
        if time.is_none() {
            let message = text!("this is no length of time, so it has no effect");
            let help = text!("write a number with s, m, h or d, such as \"30d\"");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                &path,
            );
        }
        time
    }

    /// Lays what is written at `path` over `settings`.
    fn lay(&mut self, settings: &mut AssistantSettings, raw: raw::AgentKeys, path: &[Seg], said: &[Seg]) {
        if let Some(folder) = raw.workspace
            && let Some(folder) = self.path(&folder, &below(path, "workspace"))
        {
            settings.workspace = Workspace::at(folder);
        }
        if let Some(skills) = raw.skills {
            settings.skills = Some(skills.iter().map(|skill| skill.trim().to_owned()).collect());
        }
        if self.doubts.closes(&dotted(&below(said, "skills"))) {
            settings.skills = Some(std::collections::BTreeSet::new());
        }
        let prompt = &mut settings.prompt;
        *prompt = PromptSettings {
            file_chars: raw.bootstrap_max_chars.or(prompt.file_chars),
            files_chars: raw.bootstrap_total_max_chars.or(prompt.files_chars),
            has_files: raw
                .context_injection
                .map_or(prompt.has_files, |word| word != raw::ContextInjection::Never),
            instead: filled(raw.system_prompt_override).or(prompt.instead.take()),
            ..prompt.clone()
        };
        settings.context_tokens = raw.context_tokens.or(settings.context_tokens);
        settings.thinking = raw.thinking_default.or(settings.thinking);
        put(&mut settings.reasoning, raw.reasoning_default);
        put(&mut settings.verbose, raw.verbose_default);
        settings.limits.steps = raw.limits.steps.or(settings.limits.steps);
        settings.limits.tokens = raw.limits.tokens.or(settings.limits.tokens);
        settings.limits.usd = raw.limits.usd.or(settings.limits.usd);
        if self.doubts.closes(&dotted(&below(said, "limits"))) {
            settings.limits.usd = Some(0.0);
        }
        subagents(&mut settings.subagents, raw.subagents);
        compaction(&mut settings.compaction, raw.compaction);
        let (path, said) = (below(path, "memorySearch"), below(said, "memorySearch"));
        self.memory(&mut settings.memory, raw.memory_search, &path, &said);
    }
}

fn subagents(settings: &mut SubagentSettings, raw: raw::Subagents) {
    settings.model = raw.model.map(policy).or(settings.model.take());
    settings.thinking = raw.thinking.or(settings.thinking);
    settings.max_concurrent = raw.max_concurrent.or(settings.max_concurrent);
    settings.max_depth = raw.max_spawn_depth.or(settings.max_depth);
    settings.max_open = raw.max_children_per_agent.or(settings.max_open);
    if let Some(seconds) = raw.run_timeout_seconds {
        settings.timeout = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
    }
    put(&mut settings.agents, raw.allow_agents);
}

fn compaction(settings: &mut CompactionSettings, raw: raw::Compaction) {
    put(&mut settings.enabled, raw.enabled);
    let reserve = raw.reserve_tokens.or(settings.reserve_tokens);
    settings.reserve_tokens = reserve.max(raw.reserve_tokens_floor);
    settings.keep_tokens = raw.keep_recent_tokens.or(settings.keep_tokens);
    settings.keep_turns = raw.recent_turns_preserve.or(settings.keep_turns);
    settings.share = raw.max_history_share.or(settings.share);
    settings.instructions = filled(raw.custom_instructions).or(settings.instructions.take());
    settings.model = filled(raw.model).or(settings.model.take());
    settings.timeout = raw
        .timeout_seconds
        .map(|seconds| Duration::from_secs(seconds.into()))
        .or(settings.timeout);
    put(&mut settings.tells, raw.notify_user);
    put(&mut settings.remembers, raw.memory_flush.enabled);
}

/// Replaces `place` by what is written, where something is.
pub(crate) fn put<T>(place: &mut T, written: Option<T>) {
    if let Some(written) = written {
        *place = written;
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
