//! Keys whose default must not stand in for a value with a mistake: it would let people hear each other, store things
//! where their owner does not look for them, or give an agent what its owner has taken from it.

use yabby_core::{Text, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind},
    known,
    path::{Seg, matches},
    privacy::{is_within, last, parent},
    tree::{Duplicate, Node},
};

pub(crate) const DM_SCOPE: &str = "session.dmScope";
/// Where and how things are stored.
pub(crate) const STORE: [&str; 3] = ["store.url", "store.path", "store.secretsKey"];
/// What chooses tools.
const CHOICE: [&str; 4] = ["profile", "allow", "alsoAllow", "deny"];
/// What says which programs may run.
const EXEC: [&str; 3] = ["mode", "security", "ask"];
/// What says where memories go.
const MEMORY: [&str; 5] = ["enabled", "provider", "remote", "sources", "extraPaths"];
/// Keys of agents that take something away.
const OF_AGENTS: [&str; 4] = ["tools", "skills", "memorySearch", "limits"];

fn keys() -> impl Iterator<Item = &'static str> {
    STORE.into_iter().chain([DM_SCOPE])
}

/// The key, or the section with it, of which this finding leaves open what is meant.
pub(crate) fn hidden_by(found: &Diagnostic) -> Option<String> {
    if let Some(key) = keys().find(|key| is_within(&found.key, key)) {
        return Some(key.to_owned());
    }
    let (around, name) = (parent(&found.key), last(&found.key));
    let misspelt = |word: &'static str| means(name, &[word]);
    let hidden = match found.kind {
        DiagnosticKind::WrongType => ["session", "store"].into_iter().find(|section| *section == found.key),
        DiagnosticKind::UnknownKey if around.is_empty() => {
            ["session", "store"].into_iter().find(|section| misspelt(section))
        }
        DiagnosticKind::UnknownKey => keys().find(|key| parent(key) == around && misspelt(last(key))),
        _ => None,
    };
    hidden.map(str::to_owned).or_else(|| taken(&found.key, found.kind))
}

/// What an agent does not have while there is a mistake of this kind at `key`: the key of a section, of which the doubt is
/// about all that is below.
fn taken(key: &str, kind: DiagnosticKind) -> Option<String> {
    let parts = parts(key);
    let names: Vec<&str> = parts.iter().map(|(_, name)| *name).collect();
    let up_to = |count: usize| parts[count - 1].0;
    let is_unknown = kind == DiagnosticKind::UnknownKey;
    match names.as_slice() {
        [name] if is_unknown => {
            let found = ["tools", "skills"].into_iter().find(|word| means(name, &[word]))?;
            Some(if found == "skills" { "skills.entries" } else { found }.to_owned())
        }
        ["tools", rest @ ..] => tools("tools", rest, is_unknown),
        ["agents", "defaults", "tools", ..] => Some("tools".to_owned()),
        ["agents", "entries" | "list", _, "tools", rest @ ..] => tools(up_to(4), rest, is_unknown),
        ["agents", "defaults", name, rest @ ..] => of_agent(up_to(2), name, rest, is_unknown),
        ["agents", "entries" | "list", _, name, rest @ ..] => of_agent(up_to(3), name, rest, is_unknown),
        // It lacks its key, and is the same skill.
        ["skills", "entries", _, "apiKey" | "env", ..] if kind == DiagnosticKind::MissingVariable => None,
        ["skills"] => Some("skills.entries".to_owned()),
        ["skills", name, ..] if *name == "entries" || is_unknown && means(name, &["entries"]) => {
            Some(if names.len() > 2 { up_to(3) } else { "skills.entries" }.to_owned())
        }
        ["mcp", "servers", _] if !is_unknown => Some(up_to(3).to_owned()),
        ["mcp", "servers", _, name] if is_unknown && means(name, &["enabled", "toolFilter"]) => {
            Some(up_to(3).to_owned())
        }
        ["mcp", "servers", _, "toolFilter", ..] => Some(up_to(3).to_owned()),
        _ => None,
    }
}

fn tools(section: &str, rest: &[&str], is_unknown: bool) -> Option<String> {
    let below = |key: &str| Some(format!("{section}.{key}"));
    let misspelt = |name: &str, words: &[&'static str]| is_unknown && means(name, words);
    match rest {
        [] => Some(section.to_owned()),
        [name, ..] if CHOICE.contains(name) => below("deny"),
        [name] if misspelt(name, &CHOICE) => below("deny"),
        ["exec"] => below("exec"),
        ["exec", name, ..] if EXEC.contains(name) || misspelt(name, &EXEC) => below("exec"),
        ["fs" | "files", ..] => below("fs"),
        ["subagents", ..] => below("subagents"),
        ["web"] => below("web"),
        ["web", tool @ ("search" | "fetch")] => below(&format!("web.{tool}")),
        ["web", tool @ ("search" | "fetch"), name, ..]
            if matches!(*name, "enabled" | "ssrfPolicy") || misspelt(name, &["enabled", "ssrfPolicy"]) =>
        {
            below(&format!("web.{tool}"))
        }
        ["web", name] if is_unknown => {
            let tool = ["search", "fetch"].into_iter().find(|word| means(name, &[word]))?;
            below(&format!("web.{tool}"))
        }
        [name] if is_unknown => {
            let words = ["exec", "fs", "files", "subagents", "web"];
            let meant = words.into_iter().find(|word| means(name, &[word]))?;
            below(if meant == "files" { "fs" } else { meant })
        }
        _ => None,
    }
}

fn of_agent(agent: &str, name: &str, rest: &[&str], is_unknown: bool) -> Option<String> {
    let misspelt = |word: &'static str| is_unknown && rest.is_empty() && means(name, &[word]);
    let meant = OF_AGENTS.into_iter().find(|word| *word == name || misspelt(word))?;
    let counts = match (meant, rest) {
        ("memorySearch", [key, ..]) => MEMORY.contains(key) || is_unknown && means(key, &MEMORY),
        _ => true,
    };
    counts.then(|| format!("{agent}.{meant}"))
}

/// Whether a key that nobody knows was likely meant to be one of these.
fn means(name: &str, words: &[&'static str]) -> bool {
    known::similar(name, words.iter().copied()).is_some()
}

/// The steps of a dotted key: the key up to there, and the name of the step.
fn parts(key: &str) -> Vec<(&str, &str)> {
    let mut ends = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in key.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            '.' | '[' if !quoted && at > 0 => ends.push(at),
            _ => {}
        }
    }
    ends.push(key.len());
    let mut start = 0;
    let parts = ends.into_iter().map(|end| {
        let name = key[start..end].trim_start_matches('.');
        let name = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(name);
        start = end;
        (&key[..end], name.trim_matches('"'))
    });
    parts.collect()
}

/// Whether a key that stands twice hides something that takes from an agent.
pub(crate) fn hides(duplicate: &Duplicate) -> bool {
    let of_agents = [
        "agents",
        "agents.defaults",
        "agents.entries",
        "agents.entries.*",
        "agents.list",
        "agents.list.*",
    ];
    of_agents.iter().any(|pattern| matches(&duplicate.path, pattern)) && holds(&duplicate.member.value)
}

fn holds(node: &Node) -> bool {
    let mut members = node.members().iter();
    members.any(|member| OF_AGENTS.contains(&member.key.as_str()) || holds(&member.value))
        || node.items().iter().any(holds)
}

/// What follows from a mistake at `key`, or from the one that turns it off.
pub(crate) fn consequence(key: &str, kind: DiagnosticKind) -> Option<Text> {
    if key == "session" || is_within(key, DM_SCOPE) {
        return Some(text!(
            "until this is corrected, each person has a session of their own on each account"
        ));
    }
    if key == "store" || STORE.iter().any(|closed| is_within(key, closed)) {
        return Some(text!("until this is corrected, nothing is stored"));
    }
    let taken = taken(key, kind)?;
    let parts = parts(&taken);
    let names: Vec<&str> = parts.iter().map(|(_, name)| *name).collect();
    Some(match names.as_slice() {
        ["mcp", ..] => text!("{key} is off until this is corrected; the rest is used", key = taken),
        [.., "tools" | "deny"] => text!("until this is corrected, there are no tools"),
        [.., "exec"] => text!("until this is corrected, no program is run"),
        [.., "fs"] => text!("until this is corrected, tools stay in the workspace"),
        [.., "subagents"] => text!("until this is corrected, tasks that are handed on have no tools"),
        [.., "skills"] | ["skills", "entries"] => text!("until this is corrected, no skill is used"),
        ["skills", ..] => text!("until this is corrected, the skill is not used"),
        [.., "memorySearch"] => text!("until this is corrected, the memory is not searched"),
        [.., "limits"] => text!("until this is corrected, a turn may cost nothing"),
        _ => text!("until this is corrected, the tool is off"),
    })
}

/// Whether the key at `path` is one of an agent that is off alone when it is wrong. A mistake in the others leaves open who
/// the agent is.
pub(crate) fn stands_alone(path: &[Seg]) -> bool {
    let of_agent = ["agents.list.*.*", "agents.entries.*.*"]
        .iter()
        .any(|pattern| matches(path, pattern));
    let name = path.last().and_then(Seg::key);
    of_agent && !matches!(name, Some("id" | "name" | "model" | "privacy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_keys() {
        let names = |key| parts(key).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(
            names("agents.list[0].tools.deny[1]"),
            ["agents", "list", "0", "tools", "deny", "1"]
        );
        assert_eq!(names(r#"mcp.servers["a.b[c"].env"#), ["mcp", "servers", "a.b[c", "env"]);
        assert_eq!(names(r#"["x y"].z"#), ["x y", "z"]);
        assert_eq!(names(""), [""]);
        assert_eq!(parts(r#"mcp.servers["a.b"].env"#)[2].0, r#"mcp.servers["a.b"]"#);
    }
}
