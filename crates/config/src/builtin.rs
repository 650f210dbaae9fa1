//! Providers that Yabby knows without any config, as data.
//!
//! They list no models: hosted catalogues change, and a wrong window is worse than none.

use crate::Api;

/// A provider that is always known in merge mode. It is usable once it has a key.
pub(crate) struct BuiltIn {
    pub(crate) id: &'static str,
    pub(crate) base_url: &'static str,
    pub(crate) api: Api,
    /// Environment variables that give a key, strongest first.
    pub(crate) key_env: &'static [&'static str],
}

pub(crate) const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        id: "anthropic",
        base_url: "https://api.anthropic.com/v1",
        api: Api::Messages,
        key_env: &["ANTHROPIC_API_KEY"],
    },
    BuiltIn {
        id: "openai",
        base_url: "https://api.openai.com/v1",
        api: Api::Responses,
        key_env: &["OPENAI_API_KEY"],
    },
    BuiltIn {
        id: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        api: Api::Completions,
        key_env: &["OPENROUTER_API_KEY"],
    },
];

/// The built-in provider with this id, upper and lower case alike.
pub(crate) fn find(id: &str) -> Option<&'static BuiltIn> {
    // A promoted constant: the table holds no interior mutability and needs no drop.
    static TABLE: &[BuiltIn] = &BUILT_IN;
    TABLE.iter().find(|known| known.id.eq_ignore_ascii_case(id))
}
