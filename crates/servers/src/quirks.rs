//! What is special about the requests to an endpoint: what its kind and vendor are known for, what the config says, and what it
//! has taught.

use yabby_core::{ModelRequest, PromptCache, ToolMode};
use yabby_wire::{ChatThinking, Dialect, MaxTokensField, Quirks};

use crate::{Endpoint, EndpointOrigin, Reach, ServerKind, capability, compat, vendor::Vendor};

impl Endpoint {
    /// Whether prompt caching can be asked for. Others would refuse the field, or not know it.
    fn sells_prompt_caching(&self, dialect: Dialect, model: &str) -> bool {
        let routed = self.takes_routing() && model.starts_with("anthropic/");
        routed || (dialect == Dialect::Messages && self.reach == Reach::Hosted)
    }

    /// What is special about one request: what is known of the endpoint, what the caller asks for, and what the
    /// endpoint has taught. The last goes before the others, apart from the way in which the caller wants tools.
    pub(crate) fn quirks_of(&self, model: &str, request: &ModelRequest) -> Quirks {
        let mut quirks = self.quirks(model);
        quirks.extra_body.extend(request.extra_body.clone());
        quirks.prompt_cache = match request.prompt_cache {
            Some(wanted) if self.sells_prompt_caching(self.dialect_for(model), model) => wanted,
            _ => quirks.prompt_cache,
        };
        self.memory.of(model).apply(&mut quirks);
        quirks.tool_mode = request.tool_mode.unwrap_or(quirks.tool_mode);
        quirks
    }

    /// Whether a model goes on from its own words at the end of a conversation, as far as they can be put there: not where the
    /// server has refused that, and not where the answer is read as a call or an answer in JSON.
    pub fn goes_on_from_its_words(&self, model: &str, request: &ModelRequest) -> bool {
        let quirks = self.quirks_of(model, request);
        let described = matches!(quirks.tool_mode, ToolMode::Text | ToolMode::Constrained);
        (!described || request.tools.is_empty()) && request.output_schema.is_none() && !quirks.end_with_user
    }

    /// What is special about this endpoint, from the config's `compat` flags and params.
    fn quirks(&self, model: &str) -> Quirks {
        let mut quirks = Quirks {
            // Loopback and LAN servers all report usage when they are asked; hosted ones only where it is known.
            include_usage: self.reach != Reach::Hosted || self.vendor.is_some(),
            // What is near compiles schemas into grammars, and one that does not compile fails every request.
            portable_schemas: self.reach != Reach::Hosted,
            chat_thinking: self.chat_thinking(),
            adaptive_thinking: self.vendor == Some(Vendor::Anthropic) && !wants_a_budget(model),
            ..Quirks::default()
        };
        if let EndpointOrigin::Managed(_) = self.origin {
            quirks.prefill_progress = true;
        }
        match self.vendor {
            Some(Vendor::Anthropic) if self.sells_prompt_caching(self.dialect_for(model), model) => {
                quirks.prompt_cache = PromptCache::Short;
            }
            // Other models are cached without being asked (openrouter.ai, "Prompt caching").
            Some(Vendor::OpenRouter) if self.sells_prompt_caching(self.dialect, model) => {
                quirks.prompt_cache = PromptCache::Short;
            }
            Some(Vendor::OpenAi) => {
                // Its newer models refuse `max_tokens`, and only those that reason have reasoning to encrypt.
                quirks.max_tokens_field = MaxTokensField::MaxCompletionTokens;
                quirks.encrypted_reasoning = self.listed_model(model).is_some_and(|entry| entry.reasoning);
            }
            _ => {}
        }
        quirks.tool_mode = self.tool_modes.of(model);
        if let Some(entry) = self.listed_model(model) {
            compat::apply(&entry.compat, &mut quirks);
        }
        quirks
    }

    fn chat_thinking(&self) -> ChatThinking {
        let kind = match &self.origin {
            EndpointOrigin::Managed(_) => Some(ServerKind::LlamaCpp),
            _ => self.known().and_then(|facts| facts.kind),
        };
        let kind = if self.takes_routing() {
            Some(ServerKind::OpenRouter)
        } else {
            kind
        };
        capability::chat_thinking(kind, self.reach != Reach::Hosted)
    }

    /// Whether the text of an answer may begin with the model's thoughts: a reasoning model behind a server that has
    /// no parser for them and whose template opens the block in the prompt.
    pub(crate) fn may_think_aloud(&self, dialect: Dialect, model: &str) -> bool {
        let reasons = self.listed_model(model).is_some_and(|entry| entry.reasoning);
        reasons && dialect == Dialect::Chat && self.reach != Reach::Hosted
    }
}

/// Claude before 4.6 gets a budget of tokens to think; later ones decide for themselves, and from 4.7 on refuse a budget
/// (platform.claude.com, "Adaptive thinking"). The list is closed; what it has wrong, the model's refusal corrects.
fn wants_a_budget(model: &str) -> bool {
    const OLD: [&str; 11] = [
        "claude-2",
        "claude-3",
        "claude-opus-4-0",
        "claude-opus-4-1",
        "claude-opus-4-2025",
        "claude-opus-4-5",
        "claude-sonnet-4-0",
        "claude-sonnet-4-2025",
        "claude-sonnet-4-5",
        "claude-haiku-4",
        "claude-instant",
    ];
    OLD.iter().any(|old| model.starts_with(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_gets_portable_schemas() {
        let mut endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        for (reach, portable) in [(Reach::Loopback, true), (Reach::Lan, true), (Reach::Hosted, false)] {
            endpoint.reach = reach;
            assert_eq!(endpoint.quirks("m").portable_schemas, portable, "{reach:?}");
        }
    }

    fn at(host: &str) -> Endpoint {
        let api = if host == "api.anthropic.com" {
            "anthropic-messages"
        } else {
            "openai-completions"
        };
        let text = format!(
            "{{models: {{providers: {{p: {{baseUrl: 'https://{host}/v1', apiKey: 'k', api: '{api}', models: [
                {{id: 'r', reasoning: true}}, {{id: 'c', compat: {{maxTokensField: 'max_tokens'}}}}]}}}}}}}}"
        );
        let loaded = yabby_config::load_text(&text, &yabby_config::Environment::default());
        Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
    }

    #[test]
    fn hosted_apis_get_what_their_documentation_says() {
        let cache = |host: &str, model: &str| at(host).quirks(model).prompt_cache;
        assert_eq!(cache("api.anthropic.com", "claude"), PromptCache::Short);
        assert_eq!(cache("openrouter.ai", "anthropic/claude"), PromptCache::Short);
        assert_eq!(cache("openrouter.ai", "qwen/qwen3"), PromptCache::None);
        assert_eq!(cache("other.example", "anthropic/claude"), PromptCache::None);
        let encrypted = |host: &str, model: &str| at(host).quirks(model).encrypted_reasoning;
        assert_eq!(
            [
                encrypted("api.openai.com", "r"),
                encrypted("api.openai.com", "c"),
                encrypted("other.example", "r")
            ],
            [true, false, false]
        );
        // The config's flag has the last word.
        let field = |model: &str| at("api.openai.com").quirks(model).max_tokens_field;
        assert_eq!(
            (field("r"), field("c")),
            (MaxTokensField::MaxCompletionTokens, MaxTokensField::MaxTokens)
        );
        let thinking = |host: &str| at(host).quirks("m").chat_thinking;
        assert_eq!(
            [
                thinking("api.openai.com"),
                thinking("openrouter.ai"),
                thinking("other.example")
            ],
            [ChatThinking::Effort, ChatThinking::NestedEffort, ChatThinking::Effort]
        );
        let adaptive = |host: &str, model: &str| at(host).quirks(model).adaptive_thinking;
        assert_eq!(
            [
                adaptive("api.anthropic.com", "claude-sonnet-4-5-20250929"),
                adaptive("api.anthropic.com", "claude-opus-4-20250514"),
                adaptive("api.anthropic.com", "claude-sonnet-4-6"),
                adaptive("other.example", "claude-sonnet-4-6"),
            ],
            [false, false, true, false]
        );
        assert!(at("openrouter.ai").takes_routing() && !at("api.openai.com").takes_routing());
    }
}
