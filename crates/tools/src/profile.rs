//! Which tools an agent has.

use crate::{Group, Manifest};

/// A choice of tools by what the agent is for, with OpenClaw's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Hardly anything: the time, the session.
    Minimal,
    /// Messages, reminders, memory.
    Messaging,
    /// Files, programs, memory, the web.
    Coding,
    /// Everything.
    #[default]
    Full,
}

/// The tools of an agent: a profile, what is added to it, and what is taken away, which counts most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Where it begins.
    pub profile: Profile,
    /// When not empty, only these of the profile: names, `group:…`, `*` at the end of a name.
    pub allow: Vec<String>,
    /// These beside the profile.
    pub also_allow: Vec<String>,
    /// Not these, whatever else is said.
    pub deny: Vec<String>,
}

impl Profile {
    fn has(self, manifest: &Manifest) -> bool {
        let group = manifest.group;
        match self {
            Self::Full => true,
            Self::Minimal => group == Group::Agent || manifest.tool.name == "session_status",
            Self::Messaging => matches!(
                group,
                Group::Agent | Group::Messaging | Group::Memory | Group::Automation | Group::Sessions
            ),
            Self::Coding => !matches!(group, Group::Messaging),
        }
    }
}

impl Choice {
    /// Whether an agent with this choice has a tool.
    pub fn has(&self, manifest: &Manifest) -> bool {
        let named = |list: &[String]| list.iter().any(|word| matches(word, manifest));
        if named(&self.deny) {
            return false;
        }
        let chosen = self.profile.has(manifest) && (self.allow.is_empty() || named(&self.allow));
        chosen || named(&self.also_allow) || manifest.group == Group::Agent
    }
}

/// Whether a word of a config means a tool. Case does not count, and OpenClaw's other names for a tool are known.
fn matches(word: &str, manifest: &Manifest) -> bool {
    let word = word.trim().to_ascii_lowercase();
    if let Some(group) = word.strip_prefix("group:") {
        return group == manifest.group.name();
    }
    let word = match word.as_str() {
        "bash" => "exec",
        "apply-patch" => "apply_patch",
        other => other,
    };
    let name = manifest.tool.name.to_ascii_lowercase();
    word.strip_suffix('*')
        .map_or(word == name, |begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use yabby_core::Tool;

    use super::*;
    use crate::{Effect, Returns};

    fn manifest(name: &str, group: Group) -> Manifest {
        Manifest {
            tool: Tool {
                name: name.to_owned(),
                description: String::new(),
                parameters: json!({"type": "object"}),
            },
            effect: Effect::Read,
            sinks: Vec::new(),
            returns: Returns::Own,
            repeatable: true,
            group,
            core: true,
        }
    }

    #[test]
    fn deny_counts_most_and_allow_narrows() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let choice = Choice {
            profile: Profile::Coding,
            allow: words(&["group:fs", "Bash"]),
            also_allow: words(&["send_*"]),
            deny: words(&["write"]),
        };
        let tools = [
            ("read", Group::Files),
            ("write", Group::Files),
            ("exec", Group::Runtime),
            ("process", Group::Runtime),
            ("send_message", Group::Messaging),
            ("tool_search", Group::Agent),
            ("result", Group::Sessions),
        ];
        let has = tools.map(|(name, group)| (name, choice.has(&manifest(name, group))));
        let minimal = Choice {
            profile: Profile::Minimal,
            ..Choice::default()
        };
        let of_sessions = ["session_status", "recall"].map(|name| minimal.has(&manifest(name, Group::Sessions)));
        assert_eq!(of_sessions, [true, false]);
        assert_eq!(
            has,
            [
                ("read", true),
                ("write", false),
                ("exec", true),
                ("process", false),
                ("send_message", true),
                ("tool_search", true),
                ("result", false)
            ]
        );
    }
}
