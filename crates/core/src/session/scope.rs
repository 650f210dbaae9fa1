//! Which conversations share a session.

use serde::{Deserialize, Serialize};

/// What sessions are for: OpenClaw's `session.scope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A session for each conversation.
    #[default]
    PerSender,
    /// One session for everything that an agent is told.
    Global,
}

/// Which direct messages share a session: OpenClaw's `session.dmScope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DmScope {
    /// All of them share the main session.
    #[default]
    Main,
    /// Those of a person, on every channel.
    PerPeer,
    /// Those of a person on a channel.
    PerChannelPeer,
    /// Those of a person on an account of a channel.
    PerAccountChannelPeer,
}

/// Which groups and rooms share a session: OpenClaw's `session.groupScope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupScope {
    /// Each has its own.
    #[default]
    PerGroup,
    /// All of them share the main session, their threads too.
    Main,
}

/// Names of people, with the ids that they have on channels: OpenClaw's `session.identityLinks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityLinks(Vec<(String, Vec<String>)>);

// === impl IdentityLinks ===

impl IdentityLinks {
    /// The names with their ids, which are `<channel>:<id>` or an id alone for any channel.
    pub fn new(links: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        Self(links.into_iter().collect())
    }

    /// The names with their ids, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, ids)| (name.as_str(), ids.as_slice()))
    }

    /// Whose id it is, upper and lower case alike; the first name that has it.
    pub fn name_of(&self, channel: &str, id: &str) -> Option<&str> {
        let id = token(id);
        if id.is_empty() {
            return None;
        }
        let scoped = format!("{}:{id}", token(channel));
        let is_it = |known: &String| matches!(token(known), known if known == id || known == scoped);
        let mut named = self.iter().map(|(name, ids)| (name.trim(), ids));
        named
            .find(|(name, ids)| !name.is_empty() && ids.iter().any(is_it))
            .map(|(name, _)| name)
    }
}

fn token(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_by_channel_and_id_or_by_id() {
        let links = IdentityLinks::new([
            (" ".to_owned(), vec!["telegram:1".to_owned()]),
            (
                " Alice ".to_owned(),
                vec![" Telegram:1 ".to_owned(), "U2".to_owned(), String::new()],
            ),
            ("bob".to_owned(), vec!["telegram:1".to_owned()]),
        ]);
        assert_eq!(links.name_of("telegram", "1"), Some("Alice"));
        assert_eq!(links.name_of("discord", "1"), None);
        assert_eq!(links.name_of("slack", " u2"), Some("Alice"));
        assert_eq!(links.name_of("", " "), None);
    }
}
