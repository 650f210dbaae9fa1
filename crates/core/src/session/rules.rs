//! The owner's rules of when a session starts afresh, as they are written.

use std::collections::BTreeMap;

use super::{key::SessionKey, reset::ResetPolicy, shape::SessionKind};

/// The local hour of a daily reset, where none is written.
const DEFAULT_HOUR: u8 = 4;

/// What makes a session start afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetMode {
    /// Nothing but the person.
    None,
    /// An hour of the day.
    Daily,
    /// Silence.
    Idle,
}

/// A rule as it is written; what it leaves out comes from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reset {
    /// What makes a session start afresh.
    pub mode: Option<ResetMode>,
    /// The hour of a daily reset, in local time: 0 to 23.
    pub at_hour: Option<u8>,
    /// Minutes of silence. They count beside a daily reset too.
    pub idle_minutes: Option<u32>,
}

/// The kinds of conversations that may have rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResetType {
    /// With one person.
    Direct,
    /// Groups and rooms.
    Group,
    /// Threads and topics.
    Thread,
}

/// When sessions start afresh. Without a rule they never do by themselves: OpenClaw's default since 2026.9.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResetRules {
    /// For every session.
    pub all: Option<Reset>,
    /// For a kind of conversations; what it leaves out comes from `all`.
    pub by_type: BTreeMap<ResetType, Reset>,
    /// For a channel, in lower case; nothing else counts for it.
    pub by_channel: BTreeMap<String, Reset>,
}

// === impl ResetType ===

impl From<&SessionKey> for ResetType {
    fn from(key: &SessionKey) -> Self {
        match key.kind() {
            SessionKind::Thread => Self::Thread,
            SessionKind::Group | SessionKind::Channel => Self::Group,
            _ => Self::Direct,
        }
    }
}

// === impl ResetRules ===

impl ResetRules {
    /// What holds for a session that is spoken to on `channel`: that of its key, or of its last message where the key names
    /// none.
    pub fn policy(&self, kind: ResetType, channel: Option<&str>) -> ResetPolicy {
        let of_channel = channel.and_then(|channel| self.by_channel.get(&channel.trim().to_lowercase()));
        let (all, own) = match of_channel {
            Some(reset) => (Some(*reset), None),
            None => (self.all, self.by_type.get(&kind).copied()),
        };
        if all.is_none() && own.is_none() {
            return ResetPolicy::default();
        }
        let (has_own, all, own) = (own.is_some(), all.unwrap_or_default(), own.unwrap_or_default());
        // A rule of its own is there to reset, whatever it leaves out.
        let of_all = all.mode.filter(|mode| !(has_own && *mode == ResetMode::None));
        let mode = own.mode.or(of_all).unwrap_or(ResetMode::Daily);
        let hour = own.at_hour.or(all.at_hour).unwrap_or(DEFAULT_HOUR).min(23);
        let idle = own.idle_minutes.or(all.idle_minutes).filter(|minutes| *minutes > 0);
        ResetPolicy {
            daily_at: (mode == ResetMode::Daily).then_some(hour),
            idle_minutes: idle.filter(|_| mode != ResetMode::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset(mode: Option<ResetMode>, at_hour: Option<u8>, idle_minutes: Option<u32>) -> Reset {
        Reset {
            mode,
            at_hour,
            idle_minutes,
        }
    }

    fn policy(daily_at: Option<u8>, idle_minutes: Option<u32>) -> ResetPolicy {
        ResetPolicy { daily_at, idle_minutes }
    }

    #[test]
    fn what_is_left_out_comes_from_the_rule_for_all() {
        use ResetMode::{Daily, Idle, None as Never};
        let (all, own) = (Option::<Reset>::None, Option::<Reset>::None);
        let cases = [
            (all, own, policy(None, None)),
            (Some(Reset::default()), own, policy(Some(4), None)),
            (all, Some(Reset::default()), policy(Some(4), None)),
            (Some(reset(Some(Never), None, Some(9))), own, policy(None, None)),
            (
                Some(reset(Some(Never), Some(6), Some(9))),
                Some(Reset::default()),
                policy(Some(6), Some(9)),
            ),
            (
                Some(reset(Some(Daily), Some(6), Some(9))),
                own,
                policy(Some(6), Some(9)),
            ),
            (Some(reset(Some(Idle), Some(6), Some(9))), own, policy(None, Some(9))),
            // Without a number of minutes, silence never ends a session.
            (Some(reset(Some(Idle), None, None)), own, policy(None, None)),
            (
                Some(reset(Some(Idle), None, Some(9))),
                Some(reset(None, None, Some(5))),
                policy(None, Some(5)),
            ),
            (
                Some(reset(Some(Idle), Some(7), Some(9))),
                Some(reset(Some(Daily), None, None)),
                policy(Some(7), Some(9)),
            ),
            (
                Some(reset(Some(Daily), None, None)),
                Some(reset(Some(Never), None, None)),
                policy(None, None),
            ),
            (Some(reset(None, Some(99), None)), own, policy(Some(23), None)),
        ];
        for (all, own, expected) in cases {
            let by_type = own.map(|own| (ResetType::Group, own)).into_iter().collect();
            let rules = ResetRules {
                all,
                by_type,
                by_channel: BTreeMap::new(),
            };
            assert_eq!(rules.policy(ResetType::Group, Some("irc")), expected, "{rules:?}");
            let without = rules.policy(ResetType::Direct, None);
            let alone = ResetRules {
                by_type: BTreeMap::new(),
                ..rules
            };
            assert_eq!(without, alone.policy(ResetType::Direct, None));
        }
    }

    #[test]
    fn for_a_channel_nothing_else_counts() {
        let rules = ResetRules {
            all: Some(reset(Some(ResetMode::Daily), Some(6), Some(9))),
            by_type: [(ResetType::Group, reset(None, Some(7), None))].into(),
            by_channel: [("discord".to_owned(), reset(Some(ResetMode::Idle), None, Some(30)))].into(),
        };
        assert_eq!(
            rules.policy(ResetType::Group, Some(" Discord ")),
            policy(None, Some(30))
        );
        assert_eq!(rules.policy(ResetType::Group, Some("irc")), policy(Some(7), Some(9)));
        assert_eq!(rules.policy(ResetType::Thread, None), policy(Some(6), Some(9)));
    }

    #[test]
    fn each_session_has_its_kind_of_rule() {
        let cases = [
            ("agent:main:main", ResetType::Direct),
            ("agent:main:irc:direct:a", ResetType::Direct),
            ("agent:main:irc:group:a", ResetType::Group),
            ("agent:main:irc:channel:a", ResetType::Group),
            ("agent:main:irc:channel:a:thread:b", ResetType::Thread),
            ("agent:main:cron:a", ResetType::Direct),
        ];
        for (key, expected) in cases {
            assert_eq!(ResetType::from(&key.parse().unwrap()), expected, "{key}");
        }
    }
}
