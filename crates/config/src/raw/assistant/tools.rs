//! Tools, as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::raw::SecretInput;

/// The tools of agents. With a mistake in `profile`, `allow`, `alsoAllow` or `deny`, there are none until it is corrected.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Tools {
    /// Where the choice begins: `minimal`, `messaging`, `coding` or `full`; `full` when unset.
    pub(crate) profile: Option<ToolProfile>,
    /// When not empty, only these of the profile: names, `group:…`, `*` for anything. Those of `tools` and of an agent both hold.
    pub(crate) allow: Vec<String>,
    /// These beside the profile. An agent's stand instead of those of `tools`.
    pub(crate) also_allow: Option<Vec<String>>,
    /// Not these, whatever else is said. Those of `tools` and of an agent both hold.
    pub(crate) deny: Vec<String>,
    /// Programs. With a mistake in `security`, `ask` or `mode`, none is run.
    pub(crate) exec: Exec,
    /// Whether tools for files leave the workspace.
    pub(crate) fs: Fs,
    /// Which files there are beside the workspace. A section of Yabby's own.
    pub(crate) files: Files,
    /// The web. Only `tools` has it.
    pub(crate) web: Web,
    /// What ends a turn that goes in circles.
    pub(crate) loop_detection: LoopDetection,
    /// Tasks that an agent hands on.
    pub(crate) subagents: SubagentTools,
}

/// Where a choice of tools begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolProfile {
    /// Hardly anything: the time, the session.
    Minimal,
    /// Messages, reminders, memory.
    Messaging,
    /// Files, programs, memory, the web.
    Coding,
    /// Everything.
    Full,
}

/// A choice without a profile.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ToolLists {
    /// When not empty, only these.
    pub(crate) allow: Vec<String>,
    /// These besides.
    pub(crate) also_allow: Vec<String>,
    /// Not these.
    pub(crate) deny: Vec<String>,
}

/// The tools of tasks that an agent hands on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SubagentTools {
    /// Which of the agent's tools they have.
    pub(crate) tools: ToolLists,
}

/// Programs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Exec {
    /// Seconds that a program may run; 1800 when unset.
    #[schemars(range(min = 1))]
    pub(crate) timeout_seconds: Option<u32>,
    /// The older word for `timeoutSeconds`.
    #[schemars(range(min = 1))]
    pub(crate) timeout_sec: Option<u32>,
    /// Milliseconds after which a program goes on in the background; 10000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) background_ms: Option<u32>,
    /// Milliseconds for which what a background program said is kept after its end; 1800000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) cleanup_ms: Option<u32>,
    /// Whether the agent is told when a background program ends; true when unset.
    pub(crate) notify_on_exit: Option<bool>,
    /// Folders in front of `PATH`.
    pub(crate) path_prepend: Vec<String>,
    /// Which programs may run: `deny` none, `allowlist` those that were allowed, `full` any.
    pub(crate) security: Option<ExecSecurity>,
    /// When the owner is asked: `off`, `on-miss` for a program that was not allowed yet, `always`.
    pub(crate) ask: Option<ExecAsk>,
    /// Both in one word: `deny`, `allowlist`, `ask`, `auto` or `full`. It stands instead of them.
    pub(crate) mode: Option<ExecMode>,
}

/// Which programs may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecSecurity {
    /// None.
    Deny,
    /// Those that were allowed.
    Allowlist,
    /// Any.
    Full,
}

/// When the owner is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExecAsk {
    /// For every program.
    Always,
    /// For one that was not allowed yet.
    OnMiss,
    /// Never.
    Off,
}

/// Both in one word.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExecMode {
    Deny,
    Allowlist,
    Ask,
    Auto,
    Full,
}

/// Whether tools for files leave the workspace.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Fs {
    /// Whether they stay in it, whatever `tools.files.roots` says; false when unset.
    pub(crate) workspace_only: Option<bool>,
}

/// Which files there are beside the workspace.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Files {
    /// Folders whose files tools may read and write: paths, absolute or with `~/`, or `{ path, readOnly }`. An agent's stand
    /// instead of those of `tools`. With a mistake in it, there is only the workspace.
    pub(crate) roots: Option<Vec<FileRoot>>,
}

/// A folder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum FileRoot {
    /// Its path; its files may be written.
    Path(String),
    /// Its path, and whether they may.
    Folder(FileFolder),
}

/// A folder and what may be done there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileFolder {
    /// Its path.
    pub(crate) path: String,
    /// Whether its files may only be read; false when unset.
    pub(crate) read_only: Option<bool>,
}

/// The web.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Web {
    /// Searching it.
    pub(crate) search: WebSearch,
    /// Reading pages.
    pub(crate) fetch: WebFetch,
}

/// Searching the web.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WebSearch {
    /// Whether there is the tool; true when unset, where there is somebody to ask. With a mistake here, there is none.
    pub(crate) enabled: Option<bool>,
    /// Whom to ask: `brave` or `searxng`. Unset, whichever is set up, SearXNG first.
    pub(crate) provider: Option<String>,
    /// The key of Brave Search: text, `${VARIABLE}`, the name of a variable, or a reference to a secret. Also
    /// `plugins.entries.brave.config.webSearch.apiKey` and `BRAVE_API_KEY`.
    pub(crate) api_key: Option<SecretInput>,
    /// Brave Search.
    pub(crate) brave: Brave,
    /// SearXNG. Also `plugins.entries.searxng.config.webSearch` and `SEARXNG_BASE_URL`.
    pub(crate) searxng: Searxng,
    /// The most results, 1 to 10; 5 when unset.
    #[schemars(range(min = 1, max = 10))]
    pub(crate) max_results: Option<u32>,
    /// Seconds that a search may take; 30 when unset.
    #[schemars(range(min = 1))]
    pub(crate) timeout_seconds: Option<u32>,
    /// Minutes for which results are kept; 15 when unset, 0 for not at all.
    #[schemars(range(min = 0))]
    pub(crate) cache_ttl_minutes: Option<f64>,
}

/// Brave Search.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Brave {
    /// Its key, in the forms of `apiKey`.
    pub(crate) api_key: Option<SecretInput>,
}

/// SearXNG.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Searxng {
    /// Its address.
    pub(crate) base_url: Option<SecretInput>,
    /// The categories in which it searches, with commas between them.
    pub(crate) categories: Option<String>,
    /// The language in which it searches.
    pub(crate) language: Option<String>,
}

/// Reading pages.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WebFetch {
    /// Whether there is the tool; true when unset. With a mistake here or in `ssrfPolicy`, there is none.
    pub(crate) enabled: Option<bool>,
    /// The most characters of a page; what the window has room for when unset.
    #[schemars(range(min = 1))]
    pub(crate) max_chars: Option<u32>,
    /// The most characters that the model may ask for; 20000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) max_chars_cap: Option<u32>,
    /// The most bytes that are loaded; 750000 when unset, between 32000 and 10000000.
    #[schemars(range(min = 1))]
    pub(crate) max_response_bytes: Option<u32>,
    /// Seconds that a page may take; 30 when unset.
    #[schemars(range(min = 1))]
    pub(crate) timeout_seconds: Option<u32>,
    /// Minutes for which a page is kept; 15 when unset, 0 for not at all.
    #[schemars(range(min = 0))]
    pub(crate) cache_ttl_minutes: Option<f64>,
    /// How many times it may lead elsewhere; 3 when unset.
    #[schemars(range(min = 0, max = 20))]
    pub(crate) max_redirects: Option<u32>,
    /// The name by which Yabby goes.
    pub(crate) user_agent: Option<String>,
    /// Which addresses may be reached that are not public.
    pub(crate) ssrf_policy: SsrfPolicy,
}

/// Which addresses may be reached that are not public; none when nothing is said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SsrfPolicy {
    /// Whether any may. The model could then read whatever this network has.
    pub(crate) dangerously_allow_private_network: Option<bool>,
    /// Hosts that may be reached wherever they lie; `*.` in front for all below.
    pub(crate) allowed_hostnames: Vec<String>,
    /// Hosts that may never be reached; `*.` in front for all below.
    pub(crate) blocked_hostnames: Vec<String>,
    /// Whether 198.18.0.0/15 may, where a proxy answers for every name.
    pub(crate) allow_rfc2544_benchmark_range: Option<bool>,
    /// Whether `fc00::/7` may, where a proxy answers for every name.
    pub(crate) allow_ipv6_unique_local_range: Option<bool>,
}

/// What ends a turn that goes in circles.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LoopDetection {
    /// Whether it is looked for; true when unset. In OpenClaw, it is false.
    pub(crate) enabled: Option<bool>,
    /// After how many same calls the model is told.
    #[schemars(range(min = 1))]
    pub(crate) warning_threshold: Option<u32>,
    /// After how many same calls the turn ends.
    #[schemars(range(min = 1))]
    pub(crate) critical_threshold: Option<u32>,
}
