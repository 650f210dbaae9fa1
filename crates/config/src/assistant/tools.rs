//! What an agent may do.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;
use yabby_core::text;

use super::{
    lay::put,
    shown,
    web::{FetchSettings, SearchSettings},
};
use crate::{
    ExecAsk, ExecSecurity, ToolProfile,
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, below, dotted},
    raw,
    resolve::Resolver,
};

/// What an agent may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ToolSettings {
    /// Where the choice of tools begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ToolProfile>,
    /// What is added to the profile.
    #[serde(rename = "alsoAllow", skip_serializing_if = "Vec::is_empty")]
    pub also_allow: Vec<String>,
    /// What narrows that, each for itself: those of `tools` and those of the agent. Only a tool that all of them leave is
    /// there.
    #[serde(skip)]
    pub choices: Vec<ToolChoice>,
    /// Which of them tasks have that the agent hands on.
    #[serde(skip)]
    pub subagents: ToolChoice,
    /// Whether a mistake hides what was chosen, so that there are no tools at all.
    #[serde(skip)]
    pub in_doubt: bool,
    /// Programs.
    pub exec: ExecSettings,
    /// Whether tools for files stay in the workspace.
    #[serde(rename = "fs", serialize_with = "workspace_only")]
    pub workspace_only: bool,
    /// Folders beside the workspace; empty where it is the only one.
    #[serde(rename = "files", skip_serializing_if = "Vec::is_empty", serialize_with = "roots")]
    pub roots: Vec<FileRoot>,
    /// Searching the web.
    #[serde(skip)]
    pub search: SearchSettings,
    /// Reading pages.
    #[serde(skip)]
    pub fetch: FetchSettings,
    /// What ends a turn that goes in circles.
    #[serde(rename = "loopDetection")]
    pub loops: LoopDetection,
}

/// A choice of tools: names, `group:…`, `*` for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolChoice {
    /// When not empty, only these.
    pub allow: Vec<String>,
    /// These besides.
    pub also_allow: Vec<String>,
    /// Not these, whatever else is said.
    pub deny: Vec<String>,
}

/// Programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecSettings {
    /// How long one may run.
    #[serde(rename = "timeoutSeconds", serialize_with = "shown::seconds")]
    pub timeout: Duration,
    /// When one goes on in the background.
    #[serde(rename = "backgroundMs", serialize_with = "shown::milliseconds")]
    pub background: Duration,
    /// How long what a background program said is kept after its end.
    #[serde(rename = "cleanupMs", serialize_with = "shown::milliseconds")]
    pub cleanup: Duration,
    /// Whether the agent is told when one ends in the background.
    #[serde(rename = "notifyOnExit")]
    pub tells: bool,
    /// Folders in front of `PATH`.
    #[serde(rename = "pathPrepend", skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathBuf>,
    /// Which may run; `None` leaves it to Yabby.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<ExecSecurity>,
    /// When the owner is asked; `None` leaves it to Yabby.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<ExecAsk>,
}

/// A folder whose files tools may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRoot {
    /// The folder.
    pub path: PathBuf,
    /// Whether its files may only be read.
    pub read_only: bool,
}

/// What ends a turn that goes in circles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopDetection {
    /// Whether it is looked for.
    pub enabled: bool,
    /// After how many same calls the model is told.
    #[serde(rename = "warningThreshold", skip_serializing_if = "Option::is_none")]
    pub warn: Option<u32>,
    /// After how many same calls the turn ends.
    #[serde(rename = "criticalThreshold", skip_serializing_if = "Option::is_none")]
    pub end: Option<u32>,
}

// === impl ToolSettings ===

impl ToolSettings {
    /// Takes all tools away.
    pub(crate) fn close_choice(&mut self) {
        self.in_doubt = true;
        self.also_allow.clear();
        self.choices.push(ToolChoice::nothing());
    }

    /// Leaves the workspace alone.
    pub(crate) fn close_files(&mut self) {
        self.workspace_only = true;
        self.roots.clear();
    }
}

// === impl ToolChoice ===

impl ToolChoice {
    fn nothing() -> Self {
        Self {
            deny: vec!["*".to_owned()],
            ..Self::default()
        }
    }
}

// === impl ExecSettings ===

impl ExecSettings {
    pub(crate) const fn close(&mut self) {
        self.security = Some(ExecSecurity::Deny);
        self.ask = Some(ExecAsk::Always);
    }
}

impl Default for ExecSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(30),
            background: Duration::from_secs(10),
            cleanup: Duration::from_mins(30),
            tells: true,
            path: Vec::new(),
            security: None,
            ask: None,
        }
    }
}

impl Default for LoopDetection {
    fn default() -> Self {
        Self {
            enabled: true,
            warn: None,
            end: None,
        }
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// Lays the tools that are written at `path` over `settings`. Lists that narrow are kept beside those before, and what
    /// is closed stays closed.
    pub(crate) fn tools(&mut self, settings: &mut ToolSettings, raw: raw::Tools, path: &[Seg], said: &[Seg]) {
        let section = dotted(said);
        let closes = |key: &str| {
            [section.as_str(), "tools"]
                .iter()
                .any(|section| self.doubts.closes(&format!("{section}.{key}")))
        };
        let (choice, exec, files, subagents) = (closes("deny"), closes("exec"), closes("fs"), closes("subagents"));
        let (search, fetch) = (closes("web.search"), closes("web.fetch"));

        settings.profile = raw.profile.or(settings.profile);
        put(&mut settings.also_allow, raw.also_allow);
        if !raw.allow.is_empty() || !raw.deny.is_empty() {
            settings.choices.push(ToolChoice {
                allow: raw.allow,
                also_allow: Vec::new(),
                deny: raw.deny,
            });
        }
        if choice && !settings.in_doubt {
            settings.close_choice();
        }
        let lists = raw.subagents.tools;
        settings.subagents.allow.extend(lists.allow);
        settings.subagents.also_allow.extend(lists.also_allow);
        settings.subagents.deny.extend(lists.deny);
        if subagents {
            settings.subagents = ToolChoice::nothing();
        }
        self.exec(&mut settings.exec, &raw.exec, &below(path, "exec"));
        if exec {
            settings.exec.close();
        }
        if let Some(roots) = raw.files.roots {
            settings.roots = self.roots(roots, &below(&below(path, "files"), "roots"));
        }
        put(&mut settings.workspace_only, raw.fs.workspace_only);
        if files {
            settings.close_files();
        }
        let (may_search, may_fetch) = (settings.search.enabled, settings.fetch.enabled);
        self.search(
            &mut settings.search,
            raw.web.search,
            &below(&below(path, "web"), "search"),
        );
        settings.search.enabled &= may_search && !search;
        self.fetch(&mut settings.fetch, raw.web.fetch, &below(&below(path, "web"), "fetch"));
        settings.fetch.enabled &= may_fetch && !fetch;
        put(&mut settings.loops.enabled, raw.loop_detection.enabled);
        settings.loops.warn = raw.loop_detection.warning_threshold.or(settings.loops.warn);
        settings.loops.end = raw.loop_detection.critical_threshold.or(settings.loops.end);
    }

    fn exec(&mut self, settings: &mut ExecSettings, raw: &raw::Exec, path: &[Seg]) {
        let seconds = raw.timeout_seconds.or(raw.timeout_sec);
        put(
            &mut settings.timeout,
            seconds.map(|seconds| Duration::from_secs(seconds.into())),
        );
        let milliseconds = |count: Option<u32>| count.map(|count| Duration::from_millis(count.into()));
        put(&mut settings.background, milliseconds(raw.background_ms));
        put(&mut settings.cleanup, milliseconds(raw.cleanup_ms));
        put(&mut settings.tells, raw.notify_on_exit);
        if !raw.path_prepend.is_empty() {
            settings.path = self.paths(&raw.path_prepend, &below(path, "pathPrepend"));
        }
        let (security, ask) = match raw.mode {
            None => (raw.security, raw.ask),
            Some(raw::ExecMode::Deny) => (Some(ExecSecurity::Deny), raw.ask),
            Some(raw::ExecMode::Allowlist) => (Some(ExecSecurity::Allowlist), Some(ExecAsk::Off)),
            Some(raw::ExecMode::Ask | raw::ExecMode::Auto) => (Some(ExecSecurity::Allowlist), Some(ExecAsk::OnMiss)),
            Some(raw::ExecMode::Full) => (Some(ExecSecurity::Full), Some(ExecAsk::Off)),
        };
        settings.security = security.or(settings.security);
        settings.ask = ask.or(settings.ask);
        self.asks_all_the_same(raw, path);
    }

    /// Tells who wants to be asked less that there is no sandbox yet.
    fn asks_all_the_same(&mut self, raw: &raw::Exec, path: &[Seg]) {
        let (key, is_full) = match (raw.mode, raw.ask, raw.security) {
            (Some(raw::ExecMode::Full), ..) => ("mode", true),
            (Some(raw::ExecMode::Allowlist), ..) => ("mode", false),
            (None, Some(ExecAsk::Off), security) => ("ask", security != Some(ExecSecurity::Allowlist)),
            _ => return,
        };
        let message = if is_full {
            text!("until there is a sandbox, you are asked before each command all the same")
        } else {
            text!(
                "until there is a sandbox, you are asked before a command that is not allowed yet, and it is not refused"
            )
        };
        let help = text!(
            "commands that need no question are named in exec-approvals.json, with security \"allowlist\" and ask \"on-miss\""
        );
        self.push(
            Diagnostic::warning(DiagnosticKind::NoEffect, message).with_help(help),
            &below(path, key),
        );
    }

    fn roots(&mut self, written: Vec<raw::FileRoot>, path: &[Seg]) -> Vec<FileRoot> {
        let mut roots = Vec::with_capacity(written.len());
        for (index, root) in written.into_iter().enumerate() {
            let mut path = path.to_vec();
            path.push(Seg::Index(index));
            let (folder, read_only) = match root {
                raw::FileRoot::Path(folder) => (folder, false),
                raw::FileRoot::Folder(folder) => {
                    path.push(Seg::from("path"));
                    (folder.path, folder.read_only.unwrap_or_default())
                }
            };
            let folder = self.path(&folder, &path);
            roots.extend(folder.map(|path| FileRoot { path, read_only }));
        }
        roots
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference to the field")]
fn workspace_only<S: serde::Serializer>(only: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::json!({ "workspaceOnly": only }).serialize(serializer)
}

fn roots<S: serde::Serializer>(roots: &[FileRoot], serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::json!({ "roots": roots }).serialize(serializer)
}
