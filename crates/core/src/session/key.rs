//! The name of a session.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    normal,
    shape::{SessionKind, Shape},
};

/// The agent that there is without any config.
pub(super) const DEFAULT_AGENT: &str = "main";

/// The name of a session: `agent:<id>:<rest>`, in the one spelling that OpenClaw 2026.9 gives it.
///
/// The rest is `main`; `direct:<peer>`, `<channel>:direct:<peer>` or `<channel>:<account>:direct:<peer>`;
/// `<channel>:group:<id>` or `<channel>:channel:<id>`; one of these with `:thread:<id>` or `:topic:<id>` behind it;
/// `cron:<job>`, `hook:<uuid>`, or anything else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SessionKey(String);

/// A text that names no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} is no session key: agent:<id>:<name>, such as agent:main:main")]
pub struct InvalidSessionKey {
    /// The text.
    pub key: String,
}

// === impl SessionKey ===

impl SessionKey {
    /// The main session of an agent.
    pub fn main(agent: &str) -> Self {
        Self::new(agent, "main")
    }

    /// The session of a job.
    pub fn cron(agent: &str, job: &str) -> Self {
        Self::new(agent, &format!("cron:{}", named(job)))
    }

    /// The session that a webhook starts.
    pub fn hook(agent: &str, id: &str) -> Self {
        Self::new(agent, &format!("hook:{}", named(id)))
    }

    /// The session that a person means: a whole key, or a name among the sessions of `agent`. Nothing at all is its main
    /// session.
    pub fn within(agent: &str, text: &str) -> Result<Self, InvalidSessionKey> {
        let text = text.trim();
        let is_whole = text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("agent:"));
        if is_whole {
            text.parse()
        } else if text.is_empty() {
            Ok(Self::main(agent))
        } else {
            format!("agent:{}:{text}", agent_id(agent)).parse()
        }
    }

    /// `rest` is not empty.
    pub(super) fn new(agent: &str, rest: &str) -> Self {
        Self(normal::key(&format!("agent:{}:{}", agent_id(agent), rest.trim())))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The agent whose session it is.
    pub fn agent(&self) -> &str {
        self.halves().0
    }

    /// What stands behind the agent.
    pub fn rest(&self) -> &str {
        self.halves().1
    }

    /// What kind of conversation it is.
    pub fn kind(&self) -> SessionKind {
        self.shape().kind
    }

    /// The channel, where the key names one.
    pub fn channel(&self) -> Option<&str> {
        self.shape().channel
    }

    /// The thread or topic, where it is one.
    pub fn thread(&self) -> Option<&str> {
        self.shape().thread
    }

    /// The session of the conversation that the thread belongs to.
    pub fn parent(&self) -> Option<Self> {
        let shape = self.shape();
        shape.thread?;
        Some(Self(format!("agent:{}:{}", self.agent(), shape.base)))
    }

    fn shape(&self) -> Shape<'_> {
        Shape::of(self.rest())
    }

    fn halves(&self) -> (&str, &str) {
        let rest = self.0.strip_prefix("agent:").unwrap_or(&self.0);
        rest.split_once(':').unwrap_or((DEFAULT_AGENT, rest))
    }
}

impl FromStr for SessionKey {
    type Err = InvalidSessionKey;

    /// Reads older spellings too.
    fn from_str(text: &str) -> Result<Self, InvalidSessionKey> {
        let key = normal::key(text);
        let halves = key.strip_prefix("agent:").and_then(|rest| rest.split_once(':'));
        match halves {
            Some((agent, rest)) if !agent.is_empty() && !rest.split(':').all(|part| part.trim().is_empty()) => {
                Ok(Self(key))
            }
            _ => Err(InvalidSessionKey { key: text.to_owned() }),
        }
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for SessionKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SessionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The id that an agent's name stands for.
pub(super) fn agent_id(name: &str) -> String {
    normal::id(name, DEFAULT_AGENT)
}

/// An id that is there.
pub(super) fn named(id: &str) -> &str {
    match id.trim() {
        "" => "unknown",
        id => id,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        text.parse::<SessionKey>().unwrap().to_string()
    }

    /// The cases of OpenClaw's own tests of keys as they are stored.
    #[test]
    fn every_spelling_of_a_key_is_the_same_key() {
        let cases = [
            (" agent:main:main ", "agent:main:main"),
            ("AGENT:Main:Hook:Webhook:42", "agent:main:hook:webhook:42"),
            ("agent:main:telegram:dm:123456", "agent:main:telegram:direct:123456"),
            (
                "agent:main:whatsapp:work:dm:+15551234567",
                "agent:main:whatsapp:work:direct:+15551234567",
            ),
            ("agent:main:dm:dm", "agent:main:direct:dm"),
            ("agent:main:irc:group:dm:x", "agent:main:irc:group:dm:x"),
            ("agent:main:cron:dm:run:1", "agent:main:cron:dm:run:1"),
            ("agent:main:irc:dm:", "agent:main:irc:dm:"),
            (
                "Agent:Main:Matrix:Channel:!Mixed:example.org",
                "agent:main:matrix:channel:!Mixed:example.org",
            ),
            (
                "agent:main:matrix:channel:!Mixed:example.org:Thread:$EvAb",
                "agent:main:matrix:channel:!Mixed:example.org:thread:$EvAb",
            ),
            (
                "Agent:Voice:Agent:Other:Matrix:Channel:!Mixed:example.org:Thread:$EvAb",
                "agent:voice:agent:other:matrix:channel:!Mixed:example.org:thread:$EvAb",
            ),
            (
                "agent:main:matrix:direct:@Bob:Example.Org",
                "agent:main:matrix:direct:@bob:example.org",
            ),
            (
                "agent:ops:signal:group:AbC123=:thread:XyZ",
                "agent:ops:signal:group:AbC123=:thread:xyz",
            ),
            ("agent:ops:signal:group: AbC123= ", "agent:ops:signal:group:AbC123="),
            (
                "agent:main:qa:channel:thread:QA-Room/Thread-1",
                "agent:main:qa:channel:thread:qa-room/thread-1",
            ),
            (
                "agent:main:slack:channel:C1:thread:ABC",
                "agent:main:slack:channel:c1:thread:abc",
            ),
            ("agent:main:main:thread:$EvAb", "agent:main:main:thread:$evab"),
            ("agent:My Agent:main", "agent:my-agent:main"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected);
            assert_eq!(read(expected), expected);
        }
    }

    #[test]
    fn what_names_no_agent_or_nothing_of_it_is_no_key() {
        for text in [
            "",
            "  ",
            "main",
            "agent:",
            "agent::broken",
            "agent:main",
            "agent:main:",
            "agent:main::",
        ] {
            let key = text.to_owned();
            assert_eq!(text.parse::<SessionKey>(), Err(InvalidSessionKey { key }));
        }
        assert!(serde_json::from_str::<SessionKey>(r#""main""#).is_err());
    }

    #[test]
    fn a_name_is_looked_for_at_an_agent() {
        let within = |text| SessionKey::within("Ops", text).map(|key| key.to_string());
        let cases = [
            ("", "agent:ops:main"),
            ("main", "agent:ops:main"),
            ("Agent:Main:Main", "agent:main:main"),
            ("Signal:Group:AbC123=", "agent:ops:signal:group:AbC123="),
            (
                "Matrix:Channel:!Mixed:example.org",
                "agent:ops:matrix:channel:!Mixed:example.org",
            ),
            ("telegram:dm:1", "agent:ops:telegram:direct:1"),
            ("subagent:worker", "agent:ops:subagent:worker"),
        ];
        for (text, expected) in cases {
            assert_eq!(within(text).as_deref(), Ok(expected));
        }
        assert!(within("agent:main").is_err());
        assert_eq!(SessionKey::cron("ops", "Job-1").as_str(), "agent:ops:cron:job-1");
        assert_eq!(SessionKey::hook("", " ").as_str(), "agent:main:hook:unknown");
    }

    #[test]
    fn a_key_says_what_it_is_of() {
        use SessionKind::{Channel, Cron, Direct, Group, Hook, Main, Other, Thread};
        let cases = [
            ("main", Main, None, None),
            ("global", Main, None, None),
            ("direct:alice", Direct, None, None),
            ("discord:direct:user1", Direct, Some("discord"), None),
            ("telegram:work:direct:7", Direct, Some("telegram"), None),
            ("telegram:group:g1", Group, Some("telegram"), None),
            ("group:g1", Group, None, None),
            ("discord:channel:c1", Channel, Some("discord"), None),
            ("discord:room:c1", Channel, Some("discord"), None),
            (
                "slack:channel:c1:thread:1710000000.9999",
                Thread,
                Some("slack"),
                Some("1710000000.9999"),
            ),
            ("telegram:group:-1001:topic:42", Thread, Some("telegram"), Some("42")),
            ("main:thread:99:42", Thread, None, Some("99:42")),
            ("qa:channel:thread:qa-room", Channel, Some("qa"), None),
            ("slack:channel:c1:thread:", Channel, Some("slack"), None),
            ("cron:job-1:run:run-1", Cron, None, None),
            ("hook:42", Hook, None, None),
            ("cron", Other, None, None),
            ("subagent:worker:direct:x", Other, None, None),
            ("subagent:worker:thread:x", Other, None, None),
            ("discord:direct", Other, None, None),
        ];
        for (rest, kind, channel, thread) in cases {
            let key: SessionKey = format!("agent:main:{rest}").parse().unwrap();
            assert_eq!(
                (key.kind(), key.channel(), key.thread()),
                (kind, channel, thread),
                "{rest}"
            );
            assert_eq!((key.agent(), key.rest()), ("main", rest));
        }
        let thread: SessionKey = "agent:main:slack:channel:c1:thread:1".parse().unwrap();
        assert_eq!(thread.parent().unwrap().as_str(), "agent:main:slack:channel:c1");
        assert_eq!(SessionKey::main("main").parent(), None);
    }

    proptest! {
        #[test]
        fn reading_is_done_after_once(text in "(?i:agent:)?((?s).{0,24}|[a:A dm]{0,16}|(signal|matrix|x):(group|dm):.{0,8})") {
            if let Ok(key) = text.parse::<SessionKey>() {
                prop_assert_eq!(key.as_str().parse::<SessionKey>().unwrap(), key.clone());
                prop_assert!(!key.agent().is_empty() && !key.rest().is_empty());
                let _ = (key.kind(), key.parent());
                let json = serde_json::to_string(&key).unwrap();
                prop_assert_eq!(serde_json::from_str::<SessionKey>(&json).unwrap(), key);
            }
        }
    }
}
