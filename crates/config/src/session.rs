//! From the written sessions to the typed ones.

use std::time::Duration;

use yabby_core::{
    DmScope, GroupScope, IdentityLinks, KeyRules, Reset, ResetMode, ResetRules, ResetTriggers, ResetType, Scope, text,
};

use crate::{
    closed,
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, at, below},
    raw,
    resolve::Resolver,
};

/// Which conversations share a session, and when a session starts afresh.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// Which conversations share a session. Where a mistake hides it, the strictest rule for direct messages holds.
    pub keys: KeyRules,
    /// When a session starts afresh by itself.
    pub resets: ResetRules,
    /// The words with which a person makes it so.
    pub triggers: ResetTriggers,
    /// Which sessions are archived.
    pub maintenance: Maintenance,
}

/// Which sessions are archived: kept whole, but no longer among the current ones. OpenClaw has done so since 2026.9, where
/// it deleted before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Those in which nothing happened for so long.
    pub prune_after: Option<Duration>,
    /// Of more than this, those in which nothing happened for longest.
    pub max_entries: Option<u32>,
    /// None in which something happened within this time.
    pub preserve_recent: Option<Duration>,
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn session(&mut self, raw: raw::Session) -> SessionSettings {
        let path = at!["session"];
        if raw.main_key.as_deref().is_some_and(|key| !is_main(key)) {
            let message = text!("mainKey has no effect: the key of an agent's main session always ends in main");
            self.no_effect(message, &below(&path, "mainKey"));
        }
        let dm = if self.doubts.about(closed::DM_SCOPE) {
            DmScope::PerAccountChannelPeer
        } else {
            raw.dm_scope.map(DmScope::from).unwrap_or_default()
        };
        let links = raw.identity_links.0;
        let keys = KeyRules {
            scope: raw.scope.map(Scope::from).unwrap_or_default(),
            dm,
            group: raw.group_scope.map(GroupScope::from).unwrap_or_default(),
            links: IdentityLinks::new(links),
        };
        let kinds = raw.reset_by_type;
        let by_type = [
            (ResetType::Direct, kinds.direct.or(kinds.dm)),
            (ResetType::Group, kinds.group),
            (ResetType::Thread, kinds.thread),
        ];
        let by_type = by_type
            .into_iter()
            .filter_map(|(kind, reset)| Some((kind, reset?.into())));
        let mut resets = ResetRules {
            all: raw.reset.map(Reset::from),
            by_type: by_type.collect(),
            by_channel: (raw.reset_by_channel.into_iter())
                .map(|(channel, reset)| (channel.trim().to_lowercase(), reset.into()))
                .collect(),
        };
        if raw.idle_minutes.is_some() {
            if resets.all.is_none() && resets.by_type.is_empty() {
                resets.all = Some(Reset {
                    mode: Some(ResetMode::Idle),
                    at_hour: None,
                    idle_minutes: raw.idle_minutes,
                });
            } else {
                let message = text!("idleMinutes has no effect beside reset and resetByType");
                self.no_effect(message, &below(&path, "idleMinutes"));
            }
        }
        SessionSettings {
            keys,
            resets,
            triggers: raw
                .reset_triggers
                .map_or_else(ResetTriggers::default, ResetTriggers::new),
            maintenance: self.maintenance(&raw.maintenance, &below(&path, "maintenance")),
        }
    }

    fn maintenance(&mut self, raw: &raw::Maintenance, path: &[Seg]) -> Maintenance {
        let mistakes = self.diagnostics.len();
        let written = Maintenance {
            prune_after: self.age(raw.prune_after.as_ref(), &below(path, "pruneAfter")),
            max_entries: raw.max_entries,
            preserve_recent: self.age(raw.preserve_recent.as_ref(), &below(path, "preserveRecent")),
        };
        // With half of its rules it would archive what the other half spares.
        let is_off = self.diagnostics.len() > mistakes || raw.mode == Some(raw::MaintenanceMode::Warn);
        if is_off { Maintenance::default() } else { written }
    }

    /// The length of time that is written at `path`; none for `false`.
    fn age(&mut self, raw: Option<&raw::Age>, path: &[Seg]) -> Option<Duration> {
        let age = match raw? {
            raw::Age::Switch(false) => return None,
            raw::Age::Switch(true) => None,
            raw::Age::Days(days) => age(*days, "d"),
            raw::Age::Text(text) => {
                let text = text.trim().to_ascii_lowercase();
                let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
                let (number, unit) = text.split_at(unit);
                let number = number.trim().parse().ok();
                number.and_then(|number| age(number, if unit.is_empty() { "d" } else { unit }))
            }
        };
        if age.is_none() {
            let message = text!("this is no length of time, so no session is archived");
            let help = text!("write a number with s, m, h or d, such as \"30d\"");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                path,
            );
        }
        age
    }

    fn no_effect(&mut self, message: yabby_core::Text, path: &[Seg]) {
        let diagnostic = Diagnostic::warning(DiagnosticKind::NoEffect, message);
        self.push(diagnostic.with_help(text!("remove it")), path);
    }
}

/// More than nothing, and less than for ever.
pub(crate) fn age(number: f64, unit: &str) -> Option<Duration> {
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|age| !age.is_zero())
}

fn is_main(key: &str) -> bool {
    matches!(key.trim(), "" | "main")
}

impl From<raw::Scope> for Scope {
    fn from(raw: raw::Scope) -> Self {
        match raw {
            raw::Scope::PerSender => Self::PerSender,
            raw::Scope::Global => Self::Global,
        }
    }
}

impl From<raw::DmScope> for DmScope {
    fn from(raw: raw::DmScope) -> Self {
        match raw {
            raw::DmScope::Main => Self::Main,
            raw::DmScope::PerPeer => Self::PerPeer,
            raw::DmScope::PerChannelPeer => Self::PerChannelPeer,
            raw::DmScope::PerAccountChannelPeer => Self::PerAccountChannelPeer,
        }
    }
}

impl From<raw::GroupScope> for GroupScope {
    fn from(raw: raw::GroupScope) -> Self {
        match raw {
            raw::GroupScope::PerGroup => Self::PerGroup,
            raw::GroupScope::Main => Self::Main,
        }
    }
}

impl From<raw::Reset> for Reset {
    fn from(raw: raw::Reset) -> Self {
        let mode = raw.mode.map(|mode| match mode {
            raw::ResetMode::None => ResetMode::None,
            raw::ResetMode::Daily => ResetMode::Daily,
            raw::ResetMode::Idle => ResetMode::Idle,
        });
        Self {
            mode,
            at_hour: raw.at_hour,
            idle_minutes: raw.idle_minutes,
        }
    }
}
