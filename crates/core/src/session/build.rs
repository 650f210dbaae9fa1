//! From where a message came from to its session.

use super::{
    key::{SessionKey, named},
    normal,
    origin::{Origin, PeerKind},
    scope::{DmScope, GroupScope, IdentityLinks, Scope},
};

/// The owner's rules of which conversations share a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// Whether there is one session for everything.
    pub scope: Scope,
    /// Which direct messages share a session.
    pub dm: DmScope,
    /// Which groups and rooms share a session.
    pub group: GroupScope,
    /// Who is the same person on several channels.
    pub links: IdentityLinks,
}

/// The session of what `agent` was told there. Every text becomes a key: what is missing is `unknown`, or the agent's main
/// session for a direct message.
pub fn session_key(agent: &str, rules: &KeyRules, origin: &Origin) -> SessionKey {
    if rules.scope == Scope::Global {
        return SessionKey::new(agent, "global");
    }
    let channel = named(&origin.channel);
    let id = origin.peer.id.trim();
    let thread = origin.thread.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let is_telegram = channel.eq_ignore_ascii_case("telegram");
    let kind = match origin.peer.kind {
        PeerKind::Direct => {
            let base = direct(channel, id, rules, origin);
            // Telegram counts the topics of each chat from the beginning, and chats may share the session.
            let chat = if is_telegram {
                format!("{}:", named(id))
            } else {
                String::new()
            };
            let thread = thread.map(|thread| format!("{base}:thread:{chat}{thread}"));
            return SessionKey::new(agent, thread.as_deref().unwrap_or(&base));
        }
        _ if rules.group == GroupScope::Main => return SessionKey::main(agent),
        PeerKind::Group => "group",
        PeerKind::Channel => "channel",
    };
    let base = format!("{channel}:{kind}:{}", named(id));
    let word = if is_telegram { "topic" } else { "thread" };
    let thread = thread.map(|thread| format!("{base}:{word}:{thread}"));
    SessionKey::new(agent, thread.as_deref().unwrap_or(&base))
}

fn direct(channel: &str, id: &str, rules: &KeyRules, origin: &Origin) -> String {
    let person = rules.links.name_of(channel, id).unwrap_or(id);
    if person.is_empty() {
        return "main".to_owned();
    }
    match rules.dm {
        DmScope::Main => "main".to_owned(),
        DmScope::PerPeer => format!("direct:{person}"),
        DmScope::PerChannelPeer => format!("{channel}:direct:{person}"),
        DmScope::PerAccountChannelPeer => {
            let account = normal::id(origin.account.as_deref().unwrap_or_default(), "default");
            format!("{channel}:{account}:direct:{person}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Peer;

    fn origin(channel: &str, account: &str, kind: PeerKind, id: &str, thread: &str) -> Origin {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Origin {
            channel: channel.to_owned(),
            account: some(account),
            peer: Peer {
                kind,
                id: id.to_owned(),
            },
            thread: some(thread),
            sender: None,
        }
    }

    fn rules(dm: DmScope) -> KeyRules {
        let ids = ["telegram:111111111", "discord:222222222222222222"].map(str::to_owned);
        KeyRules {
            dm,
            links: IdentityLinks::new([("Alice".to_owned(), ids.to_vec())]),
            ..KeyRules::default()
        }
    }

    /// The cases of OpenClaw's own tests, and its documentation of channels.
    #[test]
    fn the_keys_are_those_of_openclaw() {
        use DmScope::{Main, PerAccountChannelPeer, PerChannelPeer, PerPeer};
        use PeerKind::{Channel, Direct, Group};
        let signal = "mb+09B3md7Tnu0/bLVJaOJUxtc/Zig83EwXvh3zmu3w=";
        let room = "!MixedRoomAbCdEf:example.org";
        let cases = [
            (Main, origin("discord", "", Direct, "user123", ""), "main"),
            (Main, origin("telegram", "", Direct, "111111111", ""), "main"),
            (
                Main,
                origin("slack", "", Direct, "u1", "1710000000.9999"),
                "main:thread:1710000000.9999",
            ),
            (Main, origin("telegram", "", Direct, "99", "42"), "main:thread:99:42"),
            (PerPeer, origin("discord", "", Direct, "user123", ""), "direct:user123"),
            (PerPeer, origin("telegram", "", Direct, "111111111", ""), "direct:alice"),
            (PerPeer, origin("telegram", "", Direct, "  ", ""), "main"),
            (
                PerChannelPeer,
                origin("whatsapp", "", Direct, "+15551234567", ""),
                "whatsapp:direct:+15551234567",
            ),
            (
                PerChannelPeer,
                origin("discord", "", Direct, "222222222222222222", ""),
                "discord:direct:alice",
            ),
            (PerChannelPeer, origin("", "", Direct, "X", ""), "unknown:direct:x"),
            (
                PerChannelPeer,
                origin("matrix", "", Direct, "@Bob:X", ""),
                "matrix:direct:@bob:x",
            ),
            (
                PerChannelPeer,
                origin("telegram", "", Direct, "7", "42"),
                "telegram:direct:7:thread:7:42",
            ),
            (
                PerAccountChannelPeer,
                origin("telegram", "tasks", Direct, "7550356539", ""),
                "telegram:tasks:direct:7550356539",
            ),
            (
                PerAccountChannelPeer,
                origin("telegram", "", Direct, "7550356539", ""),
                "telegram:default:direct:7550356539",
            ),
            (
                PerAccountChannelPeer,
                origin("Telegram", "My Bot", Direct, "7", ""),
                "telegram:my-bot:direct:7",
            ),
            (
                PerPeer,
                origin("discord", "", Channel, "channel456", ""),
                "discord:channel:channel456",
            ),
            (Main, origin("discord", "", Channel, "", ""), "discord:channel:unknown"),
            (
                Main,
                origin("slack", "", Channel, "C1", "ABC"),
                "slack:channel:c1:thread:abc",
            ),
            (
                Main,
                origin("telegram", "", Group, "-1001234567890", "42"),
                "telegram:group:-1001234567890:topic:42",
            ),
            (
                Main,
                origin("telegram", "", Group, "MixedHandle", ""),
                "telegram:group:mixedhandle",
            ),
            (
                Main,
                origin("signal", "", Group, signal, ""),
                &format!("signal:group:{signal}"),
            ),
            (
                Main,
                origin("Matrix", "", Channel, room, "$EvAb"),
                &format!("matrix:channel:{room}:thread:$EvAb"),
            ),
        ];
        for (dm, origin, rest) in cases {
            let key = session_key("Main", &rules(dm), &origin);
            assert_eq!(key.as_str(), format!("agent:main:{rest}"), "{origin:?}");
        }
    }

    #[test]
    fn groups_may_share_the_main_session_and_everything_one() {
        let group = origin("telegram", "", PeerKind::Group, "-100", "42");
        let dm = origin("telegram", "", PeerKind::Direct, "7", "");
        let shared = KeyRules {
            group: GroupScope::Main,
            ..rules(DmScope::PerPeer)
        };
        assert_eq!(session_key("a", &shared, &group), SessionKey::main("a"));
        assert_eq!(session_key("a", &shared, &dm).as_str(), "agent:a:direct:7");
        let global = KeyRules {
            scope: Scope::Global,
            ..rules(DmScope::PerPeer)
        };
        for origin in [group, dm] {
            assert_eq!(session_key("a", &global, &origin).as_str(), "agent:a:global");
        }
    }

    proptest! {
        #[test]
        fn every_key_reads_as_itself(
            agent in "(?s).{0,6}",
            channel in "(telegram|Matrix|SIGNAL|.{0,6})",
            account in "(?s).{0,6}",
            id in "((?s).{0,8}|[:aA dm]{0,8}|thread:x|dm:y|signal:group:Q)",
            thread in "((?s).{0,6}|[:aA ]{0,4})",
            kind in prop::sample::select(vec![PeerKind::Direct, PeerKind::Group, PeerKind::Channel]),
            dm in prop::sample::select(vec![
                DmScope::Main,
                DmScope::PerPeer,
                DmScope::PerChannelPeer,
                DmScope::PerAccountChannelPeer,
            ]),
        ) {
            let key = session_key(&agent, &rules(dm), &origin(&channel, &account, kind, &id, &thread));
            prop_assert_eq!(&key.as_str().parse::<SessionKey>().unwrap(), &key);
            prop_assert!(!key.agent().is_empty() && !key.rest().is_empty());
        }
    }
}
