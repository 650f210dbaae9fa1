//! Files that make the agent, or a program, do something else from now on.

use std::path::{Component, Path};

/// Names and paths that are protected unless the settings add more: what an agent is told at the beginning of each session, and
/// what other programs run without being asked. Writing them is a change of what the agent may do.
pub const PROTECTED: &[&str] = &[
    // What the agent is told.
    "AGENTS.md",
    "SOUL.md",
    "USER.md",
    "MEMORY.md",
    "TOOLS.md",
    "IDENTITY.md",
    "HEARTBEAT.md",
    "BOOT.md",
    "BOOTSTRAP.md",
    "CLAUDE.md",
    "GEMINI.md",
    "SKILL.md",
    "/skills",
    ".agents",
    ".claude",
    ".mcp.json",
    // What git runs.
    ".git",
    ".gitmodules",
    ".gitconfig",
    ".githooks",
    ".husky",
    // What editors and shells run.
    ".vscode",
    ".idea",
    ".cursor",
    ".envrc",
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".ssh",
    // What builds run.
    "Makefile",
    "package.json",
    "requirements.txt",
];

/// The protected names, made comparable.
pub(super) struct Protected(Vec<Pattern>);

struct Pattern {
    /// Only at the top of a root.
    top: bool,
    parts: Vec<String>,
}

impl Protected {
    pub(super) fn new(more: &[String]) -> Self {
        let all = PROTECTED.iter().copied().chain(more.iter().map(String::as_str));
        let pattern = |text: &str| Pattern {
            top: text.starts_with('/'),
            parts: parts(Path::new(text)),
        };
        Self(all.map(pattern).filter(|pattern| !pattern.parts.is_empty()).collect())
    }

    /// Whether `path`, as seen from its root and without links in it, is protected or lies in something that is.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let path = parts(path);
        self.0.iter().any(|pattern| {
            if pattern.top {
                path.starts_with(&pattern.parts)
            } else {
                path.windows(pattern.parts.len()).any(|window| window == pattern.parts)
            }
        })
    }
}

fn parts(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(folded(&name.to_string_lossy())),
            _ => None,
        })
        .collect()
}

/// A name as a file system may compare it that does not tell case apart and leaves out characters that are not seen.
pub(super) fn folded(name: &str) -> String {
    name.chars()
        .filter(|char| !matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}'))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_protected_wherever_they_are_and_however_they_are_written() {
        let protected = Protected::new(&["deploy/keys".to_owned(), "/top.txt".to_owned()]);
        let cases = [
            (".git/hooks/pre-commit", true),
            ("project/.GIT/config", true),
            ("agents.md", true),
            ("AGENT\u{17f}.md", true),
            ("a/S\u{200b}KILL.md", true),
            ("skills/weather/run.sh", true),
            ("notes/skills/me.txt", false),
            ("a/deploy/keys/id", true),
            ("deploy/key", false),
            ("top.txt", true),
            ("a/top.txt", false),
            (".gitignore", false),
            ("memory/2026-01-01.md", false),
            ("", false),
        ];
        let told = cases.map(|(path, _)| (path, protected.holds(Path::new(path))));
        assert_eq!(told, cases);
    }
}
