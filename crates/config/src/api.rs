//! The protocols that model servers speak.

use std::fmt;

/// A protocol, named as in OpenClaw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `openai-responses`.
    Responses,
    /// `openai-completions`, the default.
    Completions,
    /// `anthropic-messages`.
    Messages,
    /// `ollama`, Ollama's own protocol.
    Ollama,
    /// A name that Yabby does not speak.
    Unsupported(String),
}

// === impl Api ===

impl Api {
    /// Every protocol that Yabby speaks.
    pub const KNOWN: [Self; 4] = [Self::Responses, Self::Completions, Self::Messages, Self::Ollama];

    /// Reads the name of a protocol.
    pub fn from_name(name: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|api| api.name() == name);
        known.unwrap_or_else(|| Self::Unsupported(name.to_owned()))
    }

    /// The protocol's name in a config.
    pub fn name(&self) -> &str {
        match self {
            Self::Responses => "openai-responses",
            Self::Completions => "openai-completions",
            Self::Messages => "anthropic-messages",
            Self::Ollama => "ollama",
            Self::Unsupported(name) => name,
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
