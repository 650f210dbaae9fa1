//! What is known of a tool before it runs.

use yabby_core::{Confidentiality, Integrity, Label, Tool};

/// What a tool is and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What the model is told: name, description, schema of the arguments.
    pub tool: Tool,
    /// What a call does to the world.
    pub effect: Effect,
    /// Arguments that decide where something goes or what it changes, by their names; nested ones as `a.b`. With `*`, all of
    /// them.
    pub sinks: Vec<String>,
    /// What label a result carries.
    pub returns: Returns,
    /// Whether a call that was begun and whose outcome nobody knows may simply be run again.
    pub repeatable: bool,
    /// The group by which profiles choose it.
    pub group: Group,
    /// Whether the model always sees it; otherwise it is found by `tool_search`.
    pub core: bool,
}

/// What a call does to the world, from harmless to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing.
    Read,
    /// It changes something here that can be undone.
    Write,
    /// It tells somebody something: a person, a server.
    Send,
    /// It runs a program.
    Exec,
    /// It takes something away for good.
    Destroy,
    /// It changes what the agent is or may do: settings, skills, permissions.
    Control,
}

/// What label a result carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Returns {
    /// The words are Yabby's own: that something was done. They carry the label of the call.
    Own,
    /// What the owner keeps here: trusted as far as its own label says, and private.
    Kept,
    /// Anyone may have written it.
    Foreign,
}

/// The groups of tools, as OpenClaw names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// `group:fs`
    Files,
    /// `group:runtime`
    Runtime,
    /// `group:web`
    Web,
    /// `group:memory`
    Memory,
    /// `group:messaging`
    Messaging,
    /// `group:automation`
    Automation,
    /// `group:sessions`
    Sessions,
    /// Tools of an MCP server.
    Mcp,
    /// Tools for the agent itself, which every profile has: finding tools.
    Agent,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Files,
        Self::Runtime,
        Self::Web,
        Self::Memory,
        Self::Messaging,
        Self::Automation,
        Self::Sessions,
        Self::Mcp,
        Self::Agent,
    ];

    /// The name in a config, without `group:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "fs",
            Self::Runtime => "runtime",
            Self::Web => "web",
            Self::Memory => "memory",
            Self::Messaging => "messaging",
            Self::Automation => "automation",
            Self::Sessions => "sessions",
            Self::Mcp => "mcp",
            Self::Agent => "agent",
        }
    }
}

impl Returns {
    /// The label of a result of the tool `name` in answer to a call whose arguments came from `call`.
    pub fn label(self, name: &str, call: &Label) -> Label {
        let of = |integrity| Label::new(integrity, Confidentiality::Private, name).join(call);
        match self {
            Self::Own => call.clone(),
            Self::Kept => of(Integrity::Config),
            Self::Foreign => of(Integrity::Untrusted),
        }
    }
}
