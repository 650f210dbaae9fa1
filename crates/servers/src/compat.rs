//! OpenClaw's `compat` flags of a model: what each does here. `docs/compat.md` has the table for people.

use serde_json::Value;
use yabby_config::Params;
use yabby_core::ToolMode;
use yabby_wire::{ChatThinking, MaxTokensField, Quirks};

/// Applies the flags to what is known of the endpoint.
pub(crate) fn apply(compat: &Params, quirks: &mut Quirks) {
    let flag = |name: &str| compat.0.get(name).and_then(Value::as_bool);
    let word = |name: &str| compat.0.get(name).and_then(Value::as_str);
    let is_on = |name: &str| flag(name) == Some(true);
    let is_off = |name: &str| flag(name) == Some(false);

    if let Some(value) = flag("supportsUsageInStreaming") {
        quirks.include_usage = value;
    }
    match word("maxTokensField") {
        Some("max_completion_tokens") => quirks.max_tokens_field = MaxTokensField::MaxCompletionTokens,
        Some("max_tokens") => quirks.max_tokens_field = MaxTokensField::MaxTokens,
        _ => {}
    }
    for (name, field) in [("supportsTemperature", "temperature"), ("supportsStore", "store")] {
        if is_off(name) {
            quirks.extra_body.insert(field.to_owned(), Value::Null);
        }
    }
    if is_off("supportsTools") {
        quirks.tool_mode = ToolMode::None;
    }
    quirks.no_thinking |= is_off("supportsReasoningEffort");
    match word("thinkingFormat") {
        Some("openai") => quirks.chat_thinking = ChatThinking::Effort,
        Some("openrouter") => quirks.chat_thinking = ChatThinking::NestedEffort,
        Some("qwen-chat-template") => quirks.chat_thinking = ChatThinking::Template,
        Some("qwen") => quirks.chat_thinking = ChatThinking::Flag,
        Some("zai" | "deepseek") => quirks.chat_thinking = ChatThinking::Type,
        _ => {}
    }
    quirks.no_strict |= is_off("supportsStrictMode");
    quirks.no_instructions |= is_off("supportsInstructions");
    quirks.string_content |= is_on("requiresStringContent");
    quirks.tool_result_names |= is_on("requiresToolResultName");
    quirks.answer_after_results |= is_on("requiresAssistantAfterToolResult");
    quirks.short_call_ids |= is_on("requiresMistralToolIds");
    quirks.replays_reasoning |= is_on("requiresReasoningContentOnAssistantMessages");
    quirks.portable_schemas |= word("toolSchemaProfile").is_some();
    let keywords = compat.0.get("unsupportedToolSchemaKeywords").and_then(Value::as_array);
    let keywords = keywords.into_iter().flatten().filter_map(Value::as_str).map(str::trim);
    quirks
        .dropped_keywords
        .extend(keywords.filter(|keyword| !keyword.is_empty()).map(str::to_owned));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(compat: &Value, mut quirks: Quirks) -> Quirks {
        apply(&Params(compat.as_object().unwrap().clone()), &mut quirks);
        quirks
    }

    #[test]
    fn each_flag_does_one_thing() {
        let off = Quirks::default;
        let without = |field: &str| [(field.to_owned(), Value::Null)].into_iter().collect();
        let cases: Vec<(Value, Quirks)> = vec![
            (
                json!({"supportsUsageInStreaming": true}),
                Quirks {
                    include_usage: true,
                    ..off()
                },
            ),
            (
                json!({"maxTokensField": "max_completion_tokens"}),
                Quirks {
                    max_tokens_field: MaxTokensField::MaxCompletionTokens,
                    ..off()
                },
            ),
            (
                json!({"supportsTemperature": false}),
                Quirks {
                    extra_body: without("temperature"),
                    ..off()
                },
            ),
            (
                json!({"supportsStore": false}),
                Quirks {
                    extra_body: without("store"),
                    ..off()
                },
            ),
            (
                json!({"supportsTools": false}),
                Quirks {
                    tool_mode: ToolMode::None,
                    ..off()
                },
            ),
            (
                json!({"supportsStrictMode": false}),
                Quirks {
                    no_strict: true,
                    ..off()
                },
            ),
            (
                json!({"supportsInstructions": false}),
                Quirks {
                    no_instructions: true,
                    ..off()
                },
            ),
            (
                json!({"requiresStringContent": true}),
                Quirks {
                    string_content: true,
                    ..off()
                },
            ),
            (
                json!({"requiresToolResultName": true}),
                Quirks {
                    tool_result_names: true,
                    ..off()
                },
            ),
            (
                json!({"requiresAssistantAfterToolResult": true}),
                Quirks {
                    answer_after_results: true,
                    ..off()
                },
            ),
            (
                json!({"requiresMistralToolIds": true}),
                Quirks {
                    short_call_ids: true,
                    ..off()
                },
            ),
            (
                json!({"requiresReasoningContentOnAssistantMessages": true}),
                Quirks {
                    replays_reasoning: true,
                    ..off()
                },
            ),
            (
                json!({"toolSchemaProfile": "llamacpp"}),
                Quirks {
                    portable_schemas: true,
                    ..off()
                },
            ),
            (
                json!({"unsupportedToolSchemaKeywords": [" minLength ", "", 5, "enum"]}),
                Quirks {
                    dropped_keywords: vec!["minLength".to_owned(), "enum".to_owned()],
                    ..off()
                },
            ),
            (
                json!({"supportsReasoningEffort": false}),
                Quirks {
                    no_thinking: true,
                    ..off()
                },
            ),
            (
                json!({"thinkingFormat": "qwen", "supportsReasoningEffort": true}),
                Quirks {
                    chat_thinking: ChatThinking::Flag,
                    ..off()
                },
            ),
            // The defaults, and flags of other types, change nothing.
            (
                json!({"supportsTools": true, "supportsStrictMode": true, "supportsTemperature": "no"}),
                off(),
            ),
            (
                json!({"thinkingFormat": "unheard-of", "supportsDeveloperRole": true}),
                off(),
            ),
        ];
        for (compat, expected) in cases {
            assert_eq!(applied(&compat, off()), expected, "{compat}");
        }
    }

    #[test]
    fn a_flag_can_turn_off_what_is_known() {
        let known = Quirks {
            include_usage: true,
            max_tokens_field: MaxTokensField::MaxCompletionTokens,
            ..Quirks::default()
        };
        let compat = json!({"supportsUsageInStreaming": false, "maxTokensField": "max_tokens"});
        assert_eq!(applied(&compat, known), Quirks::default());
    }
}
