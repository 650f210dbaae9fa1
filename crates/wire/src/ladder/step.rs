//! One step down.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use yabby_core::{PromptCache, Tool, ToolMode};

use crate::dialect::{MaxTokensField, Quirks};

/// One thing to drop or reshape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A top-level field is left out, whoever put it there.
    DropField(String),
    /// The limit of the answer is called `max_completion_tokens`.
    MaxCompletionTokens,
    /// The limit of the answer is called `max_tokens`.
    MaxTokens,
    /// No tool is marked `strict`, nor marked as not strict.
    NoStrict,
    /// Nothing is marked for prompt caching.
    NoPromptCache,
    /// Message contents are plain text; a word stands for each picture.
    StringContent,
    /// Schemas are lowered, see [`crate::lower_parameters`].
    PortableSchemas,
    /// Tool schemas are flat, typed properties.
    BareSchemas,
    /// The tools whose schemas the server refuses are to be found by asking. This changes nothing by itself: what is
    /// found is put into [`Step::Quarantine`].
    FindRefusedTools,
    /// A tool is not offered as long as its schema is this one.
    Quarantine {
        /// The name of the tool.
        tool: String,
        /// The schema of its parameters, unlowered.
        schema: Value,
    },
    /// The system prompt is the beginning of the first user message.
    FoldSystem,
    /// Calls and results of the history are plain text, and roles alternate.
    ToolsAsText,
    /// The ids of tool calls are nine letters and digits.
    ShortCallIds,
    /// A conversation never ends with the model's own words.
    EndWithUser,
    /// Of how hard to think only `low`, `medium` and `high` are said.
    CommonEfforts,
    /// Thinking is asked for without a number of tokens, and with an effort.
    AdaptiveThinking,
    /// Thinking is asked for with a number of tokens.
    ThinkingBudget,
    /// Nothing is said of how hard to think.
    NoThinking,
    /// Tools are described in the system prompt and the answer is held to a schema: [`ToolMode::Constrained`].
    ConstrainedTools,
    /// Tools are described in the system prompt and calls are read from the text: [`ToolMode::Text`].
    TextTools,
}

impl Step {
    /// A tool is not offered as it is now.
    pub fn quarantine(tool: &Tool) -> Self {
        Self::Quarantine {
            tool: tool.name.clone(),
            schema: tool.parameters.clone(),
        }
    }

    /// Changes the quirks of a request.
    pub(super) fn apply(&self, quirks: &mut Quirks) {
        match self {
            Self::DropField(name) => drop(quirks.extra_body.insert(name.clone(), Value::Null)),
            Self::MaxCompletionTokens => quirks.max_tokens_field = MaxTokensField::MaxCompletionTokens,
            Self::MaxTokens => quirks.max_tokens_field = MaxTokensField::MaxTokens,
            Self::NoStrict => quirks.no_strict = true,
            Self::NoPromptCache => quirks.prompt_cache = PromptCache::None,
            Self::StringContent => quirks.string_content = true,
            Self::PortableSchemas => quirks.portable_schemas = true,
            Self::BareSchemas => quirks.bare_schemas = true,
            Self::Quarantine { tool, schema } => quirks.quarantined.push((tool.clone(), schema.clone())),
            Self::FoldSystem => quirks.fold_system = true,
            Self::ToolsAsText => quirks.tools_as_text = true,
            Self::ShortCallIds => quirks.short_call_ids = true,
            Self::EndWithUser => quirks.end_with_user = true,
            Self::CommonEfforts => quirks.common_efforts = true,
            Self::AdaptiveThinking => quirks.adaptive_thinking = true,
            Self::ThinkingBudget => quirks.adaptive_thinking = false,
            Self::NoThinking => quirks.no_thinking = true,
            Self::ConstrainedTools if quirks.tool_mode == ToolMode::Native => quirks.tool_mode = ToolMode::Constrained,
            Self::TextTools if quirks.tool_mode != ToolMode::None => quirks.tool_mode = ToolMode::Text,
            Self::FindRefusedTools | Self::ConstrainedTools | Self::TextTools => {}
        }
    }

    /// The step that it would undo; who has taken that one has tried this already.
    pub(super) fn undoes(&self) -> Option<Self> {
        match self {
            Self::AdaptiveThinking => Some(Self::ThinkingBudget),
            Self::ThinkingBudget => Some(Self::AdaptiveThinking),
            _ => None,
        }
    }

    /// Whether it changes how tools are offered as a whole.
    pub(super) fn sets_tool_mode(&self) -> bool {
        matches!(self, Self::ConstrainedTools | Self::TextTools)
    }
}
