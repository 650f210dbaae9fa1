//! How hard a model shall think, in the words of each dialect (`wire-facts.md` §4.3).

use serde_json::{Map, Value, json};
use yabby_core::{ModelRequest, Thinking, ToolChoice};

use crate::dialect::{Dialect, Quirks};

/// How a Chat endpoint is told; the other dialects have one way each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChatThinking {
    /// `reasoning_effort: "high"`.
    #[default]
    Effort,
    /// `reasoning: {"effort": "high"}`, of OpenRouter.
    NestedEffort,
    /// `chat_template_kwargs: {"enable_thinking": true}` for whether, `reasoning_effort` for how much.
    Template,
    /// `enable_thinking: true`: whether, and nothing of how much.
    Flag,
    /// `thinking: {"type": "enabled"}`: the same.
    Type,
}

/// The smallest budget that Anthropic takes (platform.claude.com, "Extended thinking").
const SMALLEST_BUDGET: u32 = 1024;

/// The fields that say how hard to think; none where nobody wants it, or the endpoint is known not to take it.
pub(crate) fn fields(dialect: Dialect, request: &ModelRequest, quirks: &Quirks) -> Map<String, Value> {
    let Some(level) = request.thinking.filter(|_| !quirks.no_thinking) else {
        return Map::new();
    };
    let common = quirks.common_efforts;
    let said = match dialect {
        Dialect::Chat => chat(level, quirks.chat_thinking, common),
        Dialect::Responses => effort(level, common).map(|effort| json!({"reasoning": {"effort": effort}})),
        Dialect::Messages => messages(level, request, quirks),
        Dialect::Ollama => ollama(level, common).map(|think| json!({"think": think})),
    };
    match said {
        Some(Value::Object(said)) => said,
        _ => Map::new(),
    }
}

/// `OpenAI`'s word for it. Three of them are as old as the field; where a server takes no other, the nearest is said.
fn effort(level: Thinking, common: bool) -> Option<&'static str> {
    Some(match level {
        Thinking::Adaptive => return None,
        Thinking::Off | Thinking::Minimal if common => "low",
        Thinking::Xhigh | Thinking::Max if common => "high",
        Thinking::Off => "none",
        other => other.name(),
    })
}

fn chat(level: Thinking, way: ChatThinking, common: bool) -> Option<Value> {
    let word = effort(level, common)?;
    let thinks = level != Thinking::Off;
    Some(match way {
        ChatThinking::Effort => json!({"reasoning_effort": word}),
        ChatThinking::NestedEffort => json!({"reasoning": {"effort": word}}),
        ChatThinking::Template if thinks => {
            json!({"chat_template_kwargs": {"enable_thinking": true}, "reasoning_effort": word})
        }
        ChatThinking::Template => json!({"chat_template_kwargs": {"enable_thinking": false}}),
        ChatThinking::Flag => json!({"enable_thinking": thinks}),
        ChatThinking::Type => json!({"thinking": {"type": if thinks { "enabled" } else { "disabled" }}}),
    })
}

/// Three words and two switches; a model that knows only the switches takes a word for "on". Versions before the words
/// take only the switches.
fn ollama(level: Thinking, common: bool) -> Option<Value> {
    Some(match level {
        Thinking::Adaptive => return None,
        Thinking::Off => false.into(),
        _ if common => true.into(),
        Thinking::Minimal | Thinking::Low => "low".into(),
        Thinking::Medium => "medium".into(),
        Thinking::High | Thinking::Xhigh | Thinking::Max => "high".into(),
    })
}

/// Newer models are told how much effort to make, older ones how many tokens they may think.
fn messages(level: Thinking, request: &ModelRequest, quirks: &Quirks) -> Option<Value> {
    if level == Thinking::Off {
        return Some(json!({"thinking": {"type": "disabled"}}));
    }
    // Anthropic refuses thinking where a call is forced.
    if matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
        return None;
    }
    if quirks.adaptive_thinking {
        let mut said = json!({"thinking": {"type": "adaptive"}});
        if let Some(word) = effort(level.max(Thinking::Low), quirks.common_efforts) {
            said["output_config"] = json!({"effort": word});
        }
        return Some(said);
    }
    let budget = budget(level);
    let budget = match request.max_output_tokens {
        // At least half of the answer is for what is said.
        Some(most) if most / 2 >= SMALLEST_BUDGET => budget.min(most / 2),
        Some(_) => return None,
        None => budget,
    };
    Some(json!({"thinking": {"type": "enabled", "budget_tokens": budget}}))
}

/// Tokens to think, as OpenClaw has them; the largest leaves room for an answer within 32000 tokens, which is all that
/// some models write.
fn budget(level: Thinking) -> u32 {
    match level {
        Thinking::Off | Thinking::Minimal => SMALLEST_BUDGET,
        Thinking::Low => 2048,
        Thinking::Medium | Thinking::Adaptive => 8192,
        Thinking::High => 16384,
        Thinking::Xhigh | Thinking::Max => 24576,
    }
}
