//! The programs that an agent's owner has allowed: OpenClaw's `exec-approvals.json` (docs, "Exec approvals"), which is only read.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use yabby_config::{ExecAsk, ExecSecurity, ExecSettings};

/// The file, beside OpenClaw's config.
const FILE: &str = "exec-approvals.json";
/// The entry for all agents.
const ALL: &str = "*";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Approvals {
    defaults: Policy,
    agents: BTreeMap<String, Policy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Policy {
    security: Option<ExecSecurity>,
    ask: Option<ExecAsk>,
    allowlist: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    pattern: String,
}

/// The programs that an agent may run without a question. The config must want that, and the stricter of config and file holds;
/// of a file that cannot be read, nothing does.
pub(crate) fn allowed(folder: &Path, agent: &str, config: &ExecSettings) -> Vec<String> {
    let wanted = config.security == Some(ExecSecurity::Allowlist) && config.ask == Some(ExecAsk::OnMiss);
    if !wanted {
        return Vec::new();
    }
    let text = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    let Ok(approvals) = serde_json::from_str::<Approvals>(&text) else {
        return Vec::new();
    };
    let policies = [
        approvals.agents.get(agent),
        approvals.agents.get(ALL),
        Some(&approvals.defaults),
    ];
    let policies: Vec<&Policy> = policies.into_iter().flatten().collect();
    let security = policies.iter().find_map(|policy| policy.security);
    let ask = policies.iter().find_map(|policy| policy.ask);
    if security == Some(ExecSecurity::Deny) || ask == Some(ExecAsk::Always) {
        return Vec::new();
    }
    let entries = policies.iter().flat_map(|policy| &policy.allowlist);
    entries.map(|entry| entry.pattern.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(agent: &str, file: &str, security: ExecSecurity, ask: ExecAsk) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), file).unwrap();
        let config = ExecSettings {
            security: Some(security),
            ask: Some(ask),
            ..ExecSettings::default()
        };
        allowed(folder.path(), agent, &config)
    }

    /// As in OpenClaw's documentation.
    const FULL: &str = r#"{
        "version": 1, "socket": {"path": "~/.openclaw/exec-approvals.sock", "token": "t"},
        "defaults": {"security": "deny", "ask": "on-miss", "askFallback": "deny", "autoAllowSkills": false},
        "agents": {
            "main": {"security": "allowlist", "ask": "on-miss", "allowlist": [
                {"id": "B0C8", "pattern": "~/Projects/**/bin/rg", "lastUsedAt": 1737150000000, "lastUsedCommand": "rg -n TODO"}]},
            "careful": {"security": "allowlist", "ask": "always", "allowlist": [{"pattern": "/bin/cat"}]},
            "open": {"security": "full"},
            "*": {"allowlist": [{"pattern": "/usr/bin/jq"}]}
        }}"#;

    #[test]
    fn the_stricter_of_config_and_file_holds() {
        use ExecAsk::{Always, Off, OnMiss};
        use ExecSecurity::{Allowlist, Full};
        let both = ["~/Projects/**/bin/rg", "/usr/bin/jq"];
        assert_eq!(of("main", FULL, Allowlist, OnMiss), both);
        assert_eq!(of("open", FULL, Allowlist, OnMiss), ["/usr/bin/jq"]);
        for (agent, security, ask) in [
            ("careful", Allowlist, OnMiss),
            // As the defaults say.
            ("other", Allowlist, OnMiss),
            ("main", Allowlist, Always),
            ("main", Allowlist, Off),
            ("main", Full, OnMiss),
        ] {
            assert_eq!(of(agent, FULL, security, ask), [""; 0], "{agent} {security:?} {ask:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_allows_nothing() {
        for file in [
            "",
            "{",
            r#"{"agents": {"main": {"ask": "sometimes", "allowlist": [{"pattern": "/bin/cat"}]}}}"#,
        ] {
            assert_eq!(
                of("main", file, ExecSecurity::Allowlist, ExecAsk::OnMiss),
                [""; 0],
                "{file}"
            );
        }
    }
}
