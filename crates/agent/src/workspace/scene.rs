//! For whom a prompt is made.

use yabby_core::{SessionKey, SessionKind};

use super::FileName;

/// The kind of conversation, as far as it says what the model may see and what it must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scene {
    /// The owner alone.
    #[default]
    Private,
    /// Several people.
    Group,
    /// A timer or a webhook began it; nobody waits.
    Job,
    /// A look at what is to be done, from time to time.
    Heartbeat,
    /// Another agent gave the task, and gets the last answer.
    SubAgent,
}

impl Scene {
    /// What the key of a conversation says of it. Heartbeats run in the main conversation, so that no key says it.
    pub fn of(key: &SessionKey) -> Self {
        let kind = match key.kind() {
            SessionKind::Thread => key.parent().map_or(SessionKind::Group, |parent| parent.kind()),
            kind => kind,
        };
        match kind {
            SessionKind::Group | SessionKind::Channel | SessionKind::Thread => Self::Group,
            SessionKind::Cron | SessionKind::Hook => Self::Job,
            SessionKind::Other if key.rest().starts_with("subagent:") => Self::SubAgent,
            SessionKind::Main | SessionKind::Direct | SessionKind::Other => Self::Private,
        }
    }

    /// Whether its model may see a note. `MEMORY.md` is for the owner alone (openclaw `filterBootstrapFilesForSession`).
    pub fn sees(self, file: FileName) -> bool {
        match file {
            FileName::Agents | FileName::Tools => true,
            FileName::Soul | FileName::Identity | FileName::User => self != Self::SubAgent,
            FileName::Bootstrap => matches!(self, Self::Private | Self::Group),
            FileName::Memory => matches!(self, Self::Private | Self::Heartbeat),
            FileName::Heartbeat => self == Self::Heartbeat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_tells_the_scene() {
        let of = |key: &str| Scene::of(&key.parse().unwrap());
        assert_eq!(
            [
                "agent:main:main",
                "agent:main:whatsapp:direct:+886900000000",
                "agent:main:whatsapp:group:1@g.us",
                "agent:main:telegram:group:-1:topic:7",
                "agent:main:discord:direct:1:thread:7",
                "agent:main:cron:daily",
                "agent:main:hook:1",
                "agent:main:subagent:1",
                "agent:main:notes",
            ]
            .map(of),
            [
                Scene::Private,
                Scene::Private,
                Scene::Group,
                Scene::Group,
                Scene::Private,
                Scene::Job,
                Scene::Job,
                Scene::SubAgent,
                Scene::Private,
            ]
        );
    }

    #[test]
    fn each_scene_sees_what_openclaw_shows_it() {
        let seen = |scene: Scene| {
            let names = FileName::ALL.into_iter().filter(|file| scene.sees(*file));
            names.map(FileName::file).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            seen(Scene::Private),
            "AGENTS.md SOUL.md IDENTITY.md USER.md TOOLS.md BOOTSTRAP.md MEMORY.md"
        );
        assert_eq!(
            seen(Scene::Group),
            "AGENTS.md SOUL.md IDENTITY.md USER.md TOOLS.md BOOTSTRAP.md"
        );
        assert_eq!(seen(Scene::Job), "AGENTS.md SOUL.md IDENTITY.md USER.md TOOLS.md");
        assert_eq!(
            seen(Scene::Heartbeat),
            "AGENTS.md SOUL.md IDENTITY.md USER.md TOOLS.md MEMORY.md HEARTBEAT.md"
        );
        assert_eq!(seen(Scene::SubAgent), "AGENTS.md TOOLS.md");
    }
}
