//! Which conversations share a session, as the config says.

use std::time::Duration;

use proptest::prelude::*;
use yabby_config::{KeyStatus, Maintenance, SessionSettings};
use yabby_core::{
    DmScope, GroupScope, IdentityLinks, KeyRules, Lang, Reset, ResetMode, ResetRules, ResetTriggers, ResetType, Scope,
};

use super::support::{Home, summary, text};

fn session(body: &str) -> SessionSettings {
    let loaded = text(&format!("{{session: {body}}}"));
    assert_eq!(summary(&loaded), [""; 0], "{body}");
    loaded.config.session
}

const fn reset(mode: ResetMode, at_hour: Option<u8>, idle_minutes: Option<u32>) -> Reset {
    Reset {
        mode: Some(mode),
        at_hour,
        idle_minutes,
    }
}

/// The example of OpenClaw's documentation.
#[test]
fn a_session_as_openclaw_writes_it() {
    let text = r#"{ session: {
        scope: "per-sender", dmScope: "per-channel-peer", groupScope: "main",
        identityLinks: { alice: ["telegram:123456789", "discord:987654321012345678"] },
        reset: { mode: "daily", atHour: 4, idleMinutes: 60 },
        resetByType: {
            thread: { mode: "daily", atHour: 5 },
            direct: { mode: "idle", idleMinutes: 240 },
            group: { mode: "none" },
        },
        resetByChannel: { Discord: { mode: "idle", idleMinutes: 30 } },
        resetTriggers: ["/new", "/reset", "新對話"],
        store: "~/.openclaw/agents/{agentId}/sessions/sessions.json",
        mainKey: "main",
        maintenance: {
            mode: "enforce", pruneAfter: "30d", archiveDashboardAfter: "7d", maxEntries: 5000, preserveRecent: "7d",
            resetArchiveRetention: "30d", maxDiskBytes: "500mb", highWaterBytes: "400mb",
        },
        threadBindings: { enabled: true }, sharing: { readOnly: true },
        sendPolicy: { rules: [], default: "allow" },
    } }"#;
    let loaded = self::text(text);
    assert_eq!(summary(&loaded), [""; 0]);
    let unused: Vec<&str> = loaded.unused.iter().map(|unused| unused.key.as_str()).collect();
    assert_eq!(
        unused,
        [
            "session.store",
            "session.maintenance.archiveDashboardAfter",
            "session.maintenance.resetArchiveRetention",
            "session.maintenance.maxDiskBytes",
            "session.maintenance.highWaterBytes",
            "session.threadBindings",
            "session.sharing",
            "session.sendPolicy",
        ]
    );
    let day = Duration::from_hours(24);
    let ids = ["telegram:123456789", "discord:987654321012345678"].map(str::to_owned);
    let expected = SessionSettings {
        keys: KeyRules {
            scope: Scope::PerSender,
            dm: DmScope::PerChannelPeer,
            group: GroupScope::Main,
            links: IdentityLinks::new([("alice".to_owned(), ids.to_vec())]),
        },
        resets: ResetRules {
            all: Some(reset(ResetMode::Daily, Some(4), Some(60))),
            by_type: [
                (ResetType::Thread, reset(ResetMode::Daily, Some(5), None)),
                (ResetType::Direct, reset(ResetMode::Idle, None, Some(240))),
                (ResetType::Group, reset(ResetMode::None, None, None)),
            ]
            .into(),
            by_channel: [("discord".to_owned(), reset(ResetMode::Idle, None, Some(30)))].into(),
        },
        triggers: ResetTriggers::new(["/new", "/reset", "新對話"].map(str::to_owned)),
        maintenance: Maintenance {
            prune_after: Some(30 * day),
            max_entries: Some(5000),
            preserve_recent: Some(7 * day),
        },
    };
    assert_eq!(loaded.config.session, expected);
}

#[test]
fn nothing_written_resets_and_archives_nothing() {
    assert_eq!(session("{}"), SessionSettings::default());
    assert_eq!(session("{maintenance: {}}"), SessionSettings::default());
    assert_eq!(
        session("{maintenance: {mode: 'warn', maxEntries: 5}}"),
        SessionSettings::default()
    );
    assert_eq!(session("{resetTriggers: []}").triggers.words(), [""; 0]);
}

#[test]
fn older_forms_are_read() {
    let idle = Reset {
        idle_minutes: Some(90),
        ..reset(ResetMode::Idle, None, None)
    };
    assert_eq!(session("{idleMinutes: 90}").resets.all, Some(idle));
    let by_type = session("{resetByType: {dm: {mode: 'daily'}}}").resets.by_type;
    assert_eq!(
        by_type,
        [(ResetType::Direct, reset(ResetMode::Daily, None, None))].into()
    );
    let by_type = session("{resetByType: {dm: {mode: 'daily'}, direct: {mode: 'none'}}}")
        .resets
        .by_type;
    assert_eq!(
        by_type,
        [(ResetType::Direct, reset(ResetMode::None, None, None))].into()
    );
}

#[test]
fn lengths_of_time() {
    let hour = Duration::from_hours(1);
    let cases = [
        ("30", 720 * hour),
        ("'30'", 720 * hour),
        ("0.5", 12 * hour),
        ("'12h'", 12 * hour),
        ("' 90 M '", hour * 3 / 2),
        ("'1.5d'", 36 * hour),
        ("'60s'", hour / 60),
        ("'3600000ms'", hour),
    ];
    for (written, expected) in cases {
        let found = session(&format!("{{maintenance: {{pruneAfter: {written}}}}}"));
        assert_eq!(found.maintenance.prune_after, Some(expected), "{written}");
    }
    assert_eq!(
        session("{maintenance: {preserveRecent: false}}").maintenance,
        Maintenance::default()
    );
    for written in [
        "true", "0", "-1", "'0d'", "'d'", "'5w'", "'1h30m'", "''", "1e300", "'nan'", "'infd'",
    ] {
        let loaded = text(&format!(
            "{{session: {{maintenance: {{maxEntries: 5, pruneAfter: {written}}}}}}}"
        ));
        let told = ["session.maintenance.pruneAfter 1:53 this is no length of time, so no session is archived"];
        assert_eq!(summary(&loaded), told, "{written}");
        assert_eq!(loaded.config.session.maintenance, Maintenance::default(), "{written}");
    }
}

/// A mistake must not let people hear each other.
#[test]
fn with_a_mistake_in_the_scope_people_are_told_apart() {
    let strict = DmScope::PerAccountChannelPeer;
    for body in [
        "session: {dmScope: 'per-chanel-peer'}",
        "session: {dmScope: 5}",
        "session: {dmScope: '${NOT_SET}'}",
        "session: {dmscop: 'per-peer'}",
        "session: 5",
        "sesion: {dmScope: 'per-peer'}",
        "session: {$include: './nowhere.json5'}",
    ] {
        let loaded = text(&format!("{{{body}}}"));
        assert_eq!(loaded.config.session.keys.dm, strict, "{body}");
        assert!(loaded.has_errors(), "{body}");
    }
    for body in [
        "session: {dmScope: 'main'}",
        "session: {zebra: 1}",
        "session: {scope: 5}",
        "zebra: 5",
        "",
    ] {
        let loaded = text(&format!("{{{body}}}"));
        assert_eq!(loaded.config.session.keys.dm, DmScope::Main, "{body}");
    }
}

#[test]
fn a_rule_with_a_mistake_is_off_as_a_whole() {
    let loaded = text(
        "{session: {reset: {mode: 'idel', idleMinutes: 5}, resetByType: {group: {atHour: 24}, thread: {atHour: 23}},
          resetByChannel: {irc: {idleMinutes: 0}}, maintenance: {mode: 'enforce', maxEntries: 'x'}}}",
    );
    let hour = Reset {
        at_hour: Some(23),
        ..Reset::default()
    };
    let resets = ResetRules {
        by_type: [(ResetType::Thread, hour)].into(),
        ..ResetRules::default()
    };
    assert_eq!(
        (loaded.config.session.resets, loaded.config.session.maintenance),
        (resets, Maintenance::default())
    );
}

const MISTAKES: &str = r#"{
  session: {
    dmScope: "per-chanel-peer",
    scoop: "global",
    mainKey: "work",
    idleMinutes: 30,
    reset: { mode: "idel", atHour: 24 },
    resetByType: { direct: { mode: "idle", idleMinutes: 0 }, dms: {} },
    identityLinks: { alice: "telegram:1" },
    maintenance: { pruneAfter: "a month", maxEntries: 5 },
  },
  store: {
    url: "mysql://me:pw@h/db",
    path: "store",
    retention: { days: 0, inboxday: 3 },
    limits: { itemMb: 1000 },
    secretsKey: { source: "file", id: "x" },
  },
}
"#;

#[test]
fn mistakes_in_english() {
    insta::assert_snapshot!(Home::with(MISTAKES).render(Lang::En));
}

#[test]
fn mistakes_in_chinese() {
    insta::assert_snapshot!(Home::with(MISTAKES).render(Lang::ZhTw));
}

#[test]
fn a_variable_that_is_not_set_turns_off_its_key_alone() {
    let loaded = text("{session: {scope: '${NOT_SET}', groupScope: 'main'}, models: {mode: '${NOT_SET}'}}");
    assert_eq!(
        summary(&loaded),
        [
            "session.scope 1:19 the environment variable NOT_SET is not set",
            "models.mode 1:69 the environment variable NOT_SET is not set",
        ]
    );
    assert_eq!(loaded.config.session.keys.group, GroupScope::Main);
}

#[test]
fn keys_are_shown_and_explained() {
    let loaded = text(
        "{session: {reset: {idleMinutes: 5}, resetByType: {dm: {atHour: 1}}, sendPolicy: {}, dmScope: 'per-peer',
          identityLinks: {alice: ['telegram:1']}, maintenance: {pruneAfter: '12h', maxEntries: 9}}}",
    );
    let expected = serde_json::json!({
        "scope": "per-sender",
        "dmScope": "per-peer",
        "groupScope": "per-group",
        "identityLinks": { "alice": ["telegram:1"] },
        "reset": { "mode": "daily", "atHour": 4, "idleMinutes": 5 },
        "resetByType": { "direct": { "atHour": 1 } },
        "resetTriggers": ["/new", "/reset"],
        "maintenance": { "pruneAfter": "43200s", "maxEntries": 9 },
    });
    assert_eq!(loaded.show()["session"], expected);
    let status = |key| {
        loaded
            .explain(key)
            .map(|found| (found.status, found.documentation.is_some()))
    };
    for key in [
        "session.scope",
        "session.reset.mode",
        "session.resetByType.direct",
        "session.maintenance",
    ] {
        assert_eq!(status(key), Ok((KeyStatus::InUse, true)), "{key}");
    }
    assert_eq!(status("session.sendPolicy"), Ok((KeyStatus::NotUsedYet, false)));
    // What is shown means the same when it is written.
    assert_eq!(
        session(&expected.to_string()),
        SessionSettings {
            resets: ResetRules {
                all: Some(reset(ResetMode::Daily, Some(4), Some(5))),
                ..loaded.config.session.resets.clone()
            },
            ..loaded.config.session
        }
    );
}

proptest! {
    #[test]
    fn no_length_of_time_is_too_odd(written in "(?s).{0,12}|[0-9.e+-]{1,10}[a-z]{0,3}") {
        let body = serde_json::json!({"session": {"maintenance": {"pruneAfter": written, "preserveRecent": written}}});
        let maintenance = text(&body.to_string()).config.session.maintenance;
        prop_assert_eq!(maintenance.prune_after, maintenance.preserve_recent);
        prop_assert!(maintenance.prune_after.is_none_or(|age| !age.is_zero()));
    }
}
