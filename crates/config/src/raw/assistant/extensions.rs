//! Skills, MCP servers and plugins, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::raw::{OrderedMap, SecretInput};

/// Skills: folders with a `SKILL.md`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Skills {
    /// Single skills by their name. One with a mistake in it is not used.
    pub(crate) entries: OrderedMap<Skill>,
    /// Where skills are looked for.
    pub(crate) load: SkillsLoad,
    /// How many there may be.
    pub(crate) limits: SkillsLimits,
}

/// One skill.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Skill {
    /// Whether it is used; true when unset.
    pub(crate) enabled: Option<bool>,
    /// The value of the variable that the skill names as its key: text, `${VARIABLE}`, the name of a variable, or a reference
    /// to a secret.
    pub(crate) api_key: Option<SecretInput>,
    /// Environment variables of programs that are run for it.
    pub(crate) env: OrderedMap<SecretInput>,
}

/// Where skills are looked for, beside the workspace.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SkillsLoad {
    /// Folders with skills in them; those of the workspace win over them.
    pub(crate) extra_dirs: Vec<String>,
}

/// How many skills there may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "OpenClaw's names")]
pub(crate) struct SkillsLimits {
    /// The most skills in the prompt.
    pub(crate) max_skills_in_prompt: Option<u32>,
    /// The most characters of them in the prompt.
    pub(crate) max_skills_prompt_chars: Option<u32>,
    /// The largest `SKILL.md` that is read, in bytes.
    pub(crate) max_skill_file_bytes: Option<u32>,
}

/// MCP servers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Mcp {
    /// Servers by a name, which their tools carry. One with a mistake in it is off.
    pub(crate) servers: OrderedMap<McpServer>,
}

/// An MCP server: a program, or an address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct McpServer {
    /// Whether it is used; true when unset.
    pub(crate) enabled: Option<bool>,
    /// The program that serves it.
    pub(crate) command: Option<String>,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Environment variables that it gets: text, a number, true or false, or a reference to a secret.
    pub(crate) env: OrderedMap<Scalar>,
    /// The folder in which it runs.
    pub(crate) cwd: Option<String>,
    /// The older word for `cwd`.
    pub(crate) working_directory: Option<String>,
    /// Its address, for a server that is no program here.
    pub(crate) url: Option<String>,
    /// `stdio` with `command`, `streamable-http` (or `http`) with `url`. Yabby does not speak `sse`.
    pub(crate) transport: Option<McpTransportName>,
    /// Another word for `transport`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<McpTransportName>,
    /// Headers of every request to `url`.
    pub(crate) headers: OrderedMap<Scalar>,
    /// Milliseconds that it may take until it is there; 30000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) connection_timeout_ms: Option<u32>,
    /// Milliseconds that one request may take; 60000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) request_timeout_ms: Option<u32>,
    /// Whether it may be asked several things at once; false when unset.
    pub(crate) supports_parallel_tool_calls: Option<bool>,
    /// Which of its tools are used.
    pub(crate) tool_filter: ToolFilter,
}

/// Which tools of a server are used.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ToolFilter {
    /// Only these; `*` stands for anything. All when unset.
    pub(crate) include: Option<Vec<String>>,
    /// Not these.
    pub(crate) exclude: Vec<String>,
}

/// How an MCP server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum McpTransportName {
    Stdio,
    StreamableHttp,
    Http,
    Sse,
}

/// A value of a variable or a header.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    /// Text, or a reference to a secret.
    Secret(SecretInput),
    /// True or false.
    Flag(bool),
    /// A number.
    Number(serde_json::Number),
}

/// Plugins of OpenClaw, of which Yabby reads what they say of searching the web.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Plugins {
    /// Plugins by their id.
    pub(crate) entries: OrderedMap<Plugin>,
}

/// One plugin.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Plugin {
    /// Whether it is used; true when unset.
    pub(crate) enabled: Option<bool>,
    /// Its settings.
    pub(crate) config: PluginConfig,
}

/// The settings of a plugin.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PluginConfig {
    /// How it searches the web; of `brave` and `searxng`.
    pub(crate) web_search: PluginSearch,
}

/// How a plugin searches the web.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PluginSearch {
    /// The key of Brave Search: text, `${VARIABLE}`, the name of a variable, or a reference to a secret.
    pub(crate) api_key: Option<SecretInput>,
    /// The address of SearXNG, in the same forms.
    pub(crate) base_url: Option<SecretInput>,
    /// The categories in which SearXNG searches, with commas between them.
    pub(crate) categories: Option<String>,
    /// The language in which SearXNG searches.
    pub(crate) language: Option<String>,
}
